package sandbox

import (
	"encoding/json"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// refused is the reason for refusing a record: a code of
// https://developer.clevertap.com/docs/api-errors and the text that precedes 'Skipped record number
// : N'.
type refused struct {
	code int
	text string
}

// checked is a valid record.
type checked struct {
	typ   string
	id    profileID
	ts    int64 // 0: none
	event string
	// data is the profile data that CleverTap stores; nil for an event.
	data    map[string]any
	dropped []string
}

const (
	maxIdentity        = 1024
	maxEventProperties = 100 // the default of an account
	latestTS           = 100_000_000_000
)

// restrictedEvents are raised by CleverTap itself. Names are compared without case and spaces.
var restrictedEvents = []string{
	"notificationsent", "notificationviewed", "notificationclicked", "notificationdelivered", "notificationreplied", "notificationbounced",
	"utmvisited", "applaunched", "appuninstalled", "appversionchanged", "stayed", "replysent", "experimentrendered", "reachableby",
	"identityreset", "identityset", "identityerror", "webpageviewed", "geoclusterentered", "geoclusterexited",
}

// emptyIdentities are values that CleverTap's importers refuse as an identity, ignoring case.
var emptyIdentities = []string{
	"undefined", "null", "na", "n/a", "0", "nil", "-1", "infinity", "-infinity", "inf", "-inf", "nan", "-nan", "empty", "xxxxxx", "none",
}

var (
	emailForm    = regexp.MustCompile(`^[A-Za-z0-9.!#$%&'*+/=?^_{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}$`)
	phoneForm    = regexp.MustCompile(`^\+[1-9]\d{4,14}$`)
	objectIDForm = regexp.MustCompile(`^[A-Za-z0-9!:@$_()-]{1,64}$`)
)

// refusedAs returns a refusal with CleverTap's recorded text for the code, or a similar one.
func refusedAs(code int) *refused {
	const event, name, profile = "Event data is incorrect. ErrorCode: ", "Event Name is incorrect. ErrorCode: ", "Profile data is incorrect. "
	texts := map[int]string{
		509: name + "509 - Event name is mandatory. ",
		512: event + "512 - Event structure is not valid. ",
		513: name + "513 - Trying to raise a restricted system event. ",
		514: profile + "Gender needs to be M/F.",
		515: profile + "Email is not valid.",
		516: profile + "Phone number is not valid.",
		517: profile + "Employed needs to be Y/N.",
		518: profile + "Education needs to be School/College/Graduate..",
		519: profile + "Married needs to be Y/N.",
		520: profile + "Age is invalid.",
		522: event + "522 - Too many event properties. ",
		523: "At least one of identity, objectId, FBID and GPID is mandatory. ",
		524: "Record is neither an event nor a profile. ",
		525: "Timestamp should be present in the Unix Epoch format. ",
		526: "ObjectId is not valid. ",
		528: name + "528 - Event is discarded. ",
		555: "Something went wrong, please try again. ",
	}
	text, ok := texts[code]
	if !ok {
		text = "Record is not valid. ErrorCode: " + strconv.Itoa(code) + ". "
	}
	return &refused{code, text}
}

// check returns the first fault of a record. It checks kind, identity and ts before the data.
func check(raw any) (checked, *refused) {
	record, ok := raw.(map[string]any)
	if !ok {
		return checked{}, refusedAs(524)
	}
	typ, _ := record["type"].(string)
	if typ != "profile" && typ != "event" {
		return checked{}, refusedAs(524)
	}
	r := checked{typ: typ}
	var code int
	if r.id, code = identify(record); code != 0 {
		return r, refusedAs(code)
	}
	if ts, given := record["ts"]; given {
		if r.ts, ok = epoch(ts); !ok {
			return r, refusedAs(525)
		}
	}
	if typ == "event" {
		code = r.checkEvent(record)
	} else {
		code = r.checkProfile(record)
	}
	if code != 0 {
		return r, refusedAs(code)
	}
	return r, nil
}

// identify returns the identifier of a record; the code is 523 or 526 if there is no valid one.
func identify(record map[string]any) (profileID, int) {
	var found profileID
	for _, key := range []string{"identity", "objectId", "FBID", "GPID"} {
		v, given := record[key]
		if !given {
			continue
		}
		var id string
		switch v := v.(type) {
		case string:
			id = v
		case json.Number:
			id = v.String()
		}
		if key == "objectId" {
			if !objectIDForm.MatchString(id) {
				return profileID{}, 526
			}
		} else if badIdentity(id) {
			return profileID{}, 523
		}
		if found.key == "" {
			found = profileID{key, id}
		}
	}
	if found.key == "" {
		return found, 523
	}
	return found, 0
}

func badIdentity(id string) bool {
	trimmed := strings.ToLower(strings.TrimSpace(id))
	return trimmed == "" || utf8.RuneCountInString(id) > maxIdentity || slices.Contains(emptyIdentities, trimmed)
}

// numeral returns the text of a number or a string; "" for anything else.
func numeral(v any) string {
	switch v := v.(type) {
	case json.Number:
		return v.String()
	case string:
		return v
	}
	return ""
}

// epoch parses integer seconds since 1970, as a number or a string. It refuses milliseconds, which
// would be far in the future.
func epoch(v any) (int64, bool) {
	ts, err := strconv.ParseInt(numeral(v), 10, 64)
	return ts, err == nil && ts > 0 && ts < latestTS
}

func (r *checked) checkProfile(record map[string]any) (code int) {
	data, ok := record["profileData"].(map[string]any)
	if !ok {
		return 524
	}
	for _, rule := range []struct {
		name string
		code int
		good func(any) bool
	}{
		{"Gender", 514, isOneOf("M", "F", "O", "U", "male", "female", "others", "unknown")},
		{"Email", 515, matches(emailForm)},
		{"Phone", 516, matches(phoneForm)},
		{"Employed", 517, isOneOf("Y", "N")},
		{"Education", 518, isExactly("School", "College", "Graduate")},
		{"Married", 519, isOneOf("Y", "N")},
		{"Age", 520, isAge},
	} {
		v, given := data[rule.name]
		if op, operand, isOp := operator(v); isOp {
			if op == "$delete" {
				continue
			}
			v = operand
		}
		if given && !rule.good(v) {
			return rule.code
		}
	}
	r.data, r.dropped = storable(data)
	return 0
}

func (r *checked) checkEvent(record map[string]any) (code int) {
	name, _ := record["evtName"].(string)
	if strings.TrimSpace(name) == "" {
		return 509
	}
	if slices.Contains(restrictedEvents, eventKey(name)) {
		return 513
	}
	data, ok := record["evtData"].(map[string]any)
	if !ok {
		return 512
	}
	for property, v := range data {
		switch v := v.(type) {
		case map[string]any:
			return 512
		case []any:
			if name != "Charged" || property != "Items" || !flatObjects(v) {
				return 512
			}
		}
	}
	if len(data) > maxEventProperties {
		return 522
	}
	r.event = name
	delete(data, "Items") // a list of objects, allowed only as Items of Charged
	_, r.dropped = storable(data)
	return 0
}

func flatObjects(items []any) bool {
	for _, item := range items {
		o, ok := item.(map[string]any)
		if !ok {
			return false
		}
		for _, v := range o {
			switch v.(type) {
			case map[string]any, []any:
				return false
			}
		}
	}
	return true
}

func matches(form *regexp.Regexp) func(any) bool {
	return func(v any) bool {
		s, ok := v.(string)
		return ok && form.MatchString(s)
	}
}

func isOneOf(values ...string) func(any) bool {
	return func(v any) bool {
		s, ok := v.(string)
		return ok && slices.ContainsFunc(values, func(x string) bool { return strings.EqualFold(x, s) })
	}
}

func isExactly(values ...string) func(any) bool {
	return func(v any) bool {
		s, ok := v.(string)
		return ok && slices.Contains(values, s)
	}
}

func isAge(v any) bool {
	age, err := strconv.ParseFloat(numeral(v), 64)
	return err == nil && age >= 0 && !math.IsInf(age, 0) && !math.IsNaN(age)
}

// echo returns the record as CleverTap returns it: keys in another order, a phone as a number,
// identities as strings.
func echo(raw any) any {
	record, ok := raw.(map[string]any)
	if !ok {
		return raw
	}
	if n, isNumber := record["identity"].(json.Number); isNumber {
		record["identity"] = n.String()
	}
	data, _ := record["profileData"].(map[string]any)
	if phone, isText := data["Phone"].(string); isText {
		if digits := strings.TrimPrefix(phone, "+"); len(digits) <= 15 {
			if n, err := strconv.ParseInt(digits, 10, 64); err == nil && n > 0 {
				data["Phone"] = n
			}
		}
	}
	if n, isNumber := data["identity"].(json.Number); isNumber {
		data["identity"] = n.String()
	}
	return record
}
