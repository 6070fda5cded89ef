package clevertap

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Warning is a part of a record that CleverTap probably accepts but drops, truncates or interprets
// differently. It fails no row. It contains no values of the record.
type Warning struct {
	Property string `json:"property,omitempty"` // "": the record itself
	Column   string `json:"column,omitempty"`   // the only column of the property; "" if there is none or several
	Message  string `json:"message"`
}

// String returns the property, the column and the message.
func (w Warning) String() string {
	switch {
	case w.Property == "":
		return w.Message
	case w.Column == "" || w.Column == w.Property:
		return w.Property + ": " + w.Message
	}
	return w.Property + " (column " + w.Column + "): " + w.Message
}

// CleverTap's documented limits for names and values of properties
// (https://docs.clevertap.com/docs/platform-considerations,
// https://developer.clevertap.com/docs/upload-user-profiles-api,
// https://developer.clevertap.com/docs/upload-events-api,
// https://docs.clevertap.com/docs/nested-objects). What its API does beyond them is undocumented;
// the Error Stream of the dashboard lists what was dropped.
const (
	maxName              = 120 // characters
	maxText              = 512 // bytes of a text value or of a list item
	maxListItems         = 100 // in a multi-value property; the oldest are dropped
	maxEventProperties   = 100 // or more, by account; the rest is dropped, or code 522
	maxProfileProperties = 256 // custom properties
	maxItems             = 256 // in Charged
	maxDepth             = 3   // of nested objects, a beta feature of some accounts
	maxEventName         = 512 // characters; the Android SDK truncates here, the web SDK at 1024
	forbiddenCharacters  = `%><!|&.:;$'"\#`

	liveAfter = 2 * time.Minute // how far a time may be ahead of now
)

// LiveFor is how old an event may be to trigger live campaigns and journeys
// (https://developer.clevertap.com/docs/events-object).
const LiveFor = 2 * time.Hour

// NameWarnings returns warnings about a property name.
func NameWarnings(name string, event bool) []string {
	all := nameWarnings(name, maxName)
	if event {
		return all
	}
	switch own := NearlyPredefined(name); {
	case NamesUser(name) != "":
		all = append(all, fmt.Sprintf("becomes a custom property and does not identify the user: only %s: of the action does", NamesUser(name)))
	case own != "" && own != name:
		all = append(all, fmt.Sprintf("becomes a custom property: CleverTap's own is called %s", own))
	case own == "" && strings.HasPrefix(strings.ToLower(name), "msg"):
		all = append(all, "is not one of CleverTap's subscription flags (MSG-email, MSG-sms, MSG-push, MSG-whatsapp, MSG-push-all and MSG-dnd…); it becomes a custom property")
	}
	return all
}

// NamesUser returns the key of an action that corresponds to CleverTap's key for the user, ignoring
// case; "" for other names. CleverTap's keys belong next to profileData, not in it
// (https://developer.clevertap.com/docs/upload-user-profiles-api).
func NamesUser(name string) string {
	return map[string]string{"identity": "identity", "objectid": "object_id", "fbid": "fbid", "gpid": "gpid"}[strings.ToLower(name)]
}

// EventNameWarnings returns warnings about an event name that [RefuseEventName] accepts.
func EventNameWarnings(name string) []string {
	all := nameWarnings(name, maxEventName)
	if name != ChargedEvent && strings.EqualFold(strings.ReplaceAll(name, " ", ""), ChargedEvent) {
		all = append(all, "CleverTap's purchase event is spelt Charged")
	}
	if sdkEvent(name) {
		all = append(all, fmt.Sprintf("CleverTap's SDKs reserve the name; CleverTap may refuse the event (code %d)", CodeEventRestricted))
	}
	return all
}

// sdkEvent reports whether only the SDKs are known to restrict a name
// (https://github.com/CleverTap/clevertap-android-sdk, validation/Validator.java).
func sdkEvent(name string) bool {
	switch strings.ToLower(strings.ReplaceAll(name, " ", "")) {
	case "notificationbounced", "geoclusterentered", "geoclusterexited", "wzrk_d":
		return true
	}
	return false
}

func nameWarnings(name string, longest int) []string {
	var all []string
	if bad := forbiddenIn(name); bad != "" {
		all = append(all, "CleverTap does not allow "+bad+" in a name, and may drop it")
	}
	if n := utf8.RuneCountInString(name); n > longest {
		all = append(all, fmt.Sprintf("the name has %d characters; CleverTap accepts %d", n, longest))
	}
	if strings.TrimSpace(name) != name {
		all = append(all, "there is white space around the name")
	}
	return all
}

// forbiddenIn returns the forbidden characters in a name, each once, separated by spaces.
func forbiddenIn(name string) string {
	var found []string
	for _, r := range forbiddenCharacters {
		if strings.ContainsRune(name, r) {
			found = append(found, string(r))
		}
	}
	return strings.Join(found, " ")
}

// ListWarning returns a warning about a list operation on a single-valued property; "" if there is
// none.
func ListWarning(property string) string {
	if !singleValued(property) {
		return ""
	}
	return "CleverTap stores one value for it, not a list"
}

// CountWarning returns a warning about n properties; "" if there is none. In a profile, n counts
// the custom ones.
func CountWarning(n int, event bool) string {
	switch {
	case event && n > maxEventProperties:
		return fmt.Sprintf("%d properties; CleverTap accepts %d per event unless the account allows more (code %d, or it drops the rest)",
			n, maxEventProperties, CodeTooManyProperties)
	case !event && n > maxProfileProperties:
		return fmt.Sprintf("%d custom properties; CleverTap stores %d per profile", n, maxProfileProperties)
	}
	return ""
}

// ValueWarnings returns warnings about the value of a property, given as JSON.
func ValueWarnings(property string, value []byte, event bool) []string {
	value = bytes.TrimSpace(value)
	if len(value) == 0 {
		return nil
	}
	if !event {
		return profileValueWarnings(property, value)
	}
	if value[0] == '[' || value[0] == '{' {
		if property == ChargedItems {
			return itemsWarnings(value)
		}
		return nil // refused: code 512
	}
	return textWarnings(value)
}

func profileValueWarnings(property string, value []byte) []string {
	if strings.HasPrefix(property, "category-") { // https://docs.clevertap.com/docs/freshsales: {"email": ["Group"]}
		return nil
	}
	set, isList := value, value[0] == '['
	if op, operand, ok := operation(value); ok {
		switch op {
		case "$set":
			set, isList = operand, true
		case "$add", "$remove":
			set, isList = operand, true
		default:
			return nil
		}
	}
	if isList {
		return listWarnings(set)
	}
	if value[0] == '{' {
		all := []string{"is an object, which CleverTap stores only if nested objects are enabled for the account"}
		if depth(value) > maxDepth {
			all = append(all, fmt.Sprintf("is nested deeper than %d", maxDepth))
		}
		return all
	}
	return append(textWarnings(value), ruleWarnings(RuleOf(property), value)...)
}

// operation splits an operation such as {"$add":["a"]} into its name and operand.
func operation(value []byte) (op string, operand []byte, ok bool) {
	if value[0] != '{' {
		return "", nil, false
	}
	fields, err := fieldsOf(value)
	if err != nil || len(fields) != 1 || !strings.HasPrefix(fields[0].name, "$") {
		return "", nil, false
	}
	return fields[0].name, fields[0].value, true
}

func listWarnings(list []byte) []string {
	var items []json.RawMessage
	if json.Unmarshal(list, &items) != nil {
		return nil
	}
	var all []string
	if len(items) > maxListItems {
		all = append(all, fmt.Sprintf("%d items; CleverTap keeps at most %d", len(items), maxListItems))
	}
	seen := make(map[string]bool, len(items))
	long, nested, again := 0, false, 0
	for _, item := range items {
		var s string
		switch {
		case json.Unmarshal(item, &s) == nil:
			if len(s) > maxText {
				long++
			}
			if seen[s] {
				again++
			}
			seen[s] = true
		case item[0] == '{' || item[0] == '[':
			nested = true
		}
	}
	if long > 0 {
		all = append(all, fmt.Sprintf("%d of its items are longer than %d bytes", long, maxText))
	}
	if nested {
		all = append(all, "is a list of lists or objects, which CleverTap stores only if nested objects are enabled for the account")
	}
	if again > 0 {
		all = append(all, fmt.Sprintf("duplicate items: %d; CleverTap keeps one of each", again))
	}
	return all
}

// itemsWarnings returns warnings about Items of Charged (https://docs.clevertap.com/docs/events).
func itemsWarnings(value []byte) []string {
	var items []json.RawMessage
	if json.Unmarshal(value, &items) != nil {
		return nil // refused
	}
	var all []string
	if len(items) > maxItems {
		all = append(all, fmt.Sprintf("%d items; CleverTap accepts %d", len(items), maxItems))
	}
	seen := map[string]bool{}
	for _, item := range items {
		fields, err := fieldsOf(item)
		if err != nil {
			continue // refused
		}
		for _, f := range fields {
			for _, w := range append(nameWarnings(f.name, maxName), textWarnings(f.value)...) {
				if !seen[w] { // without the name, which may come from a cell
					seen[w] = true
					all = append(all, "in an item: "+w)
				}
			}
		}
	}
	return all
}

func textWarnings(value []byte) []string {
	if bytes.HasPrefix(value, []byte(`"$D_-`)) { // the SDKs send them (src/util/datetime.js of the web SDK)
		return []string{"a date before 1970, which CleverTap's API is not documented to accept"}
	}
	var s string
	if len(value) <= maxText || json.Unmarshal(value, &s) != nil || len(s) <= maxText {
		return nil
	}
	return []string{fmt.Sprintf("%d bytes of text; CleverTap accepts %d", len(s), maxText)}
}

// ruleWarnings returns warnings about a value with a type of its own, which was not converted by
// the rule, and which CleverTap is not known to refuse.
func ruleWarnings(rule Rule, value []byte) []string {
	var s string
	isText := json.Unmarshal(value, &s) == nil
	switch rule {
	case EmailValue:
		domain := s[strings.LastIndexByte(s, '@')+1:]
		if dot := strings.LastIndexByte(domain, '.'); isText && (dot < 0 || len(domain)-dot <= 2) {
			return []string{fmt.Sprintf("the domain has no valid ending; CleverTap may refuse the record (code %d)", CodeEmail)}
		}
	case PhoneValue:
		if !isText || !isE164(s) {
			return []string{fmt.Sprintf("CleverTap documents only + with country code and digits; it may refuse the record (code %d)", CodePhone)}
		}
	case GenderValue:
		if s != "M" && s != "F" {
			return []string{fmt.Sprintf("CleverTap documents only M and F; it may refuse the record (code %d)", CodeGender)}
		}
	case AgeValue:
		if !isText {
			s = string(value)
		}
		if n, err := strconv.ParseFloat(s, 64); err != nil || n < 0 || n > 150 {
			return []string{fmt.Sprintf("is not an age from 0 to 150; CleverTap may refuse the record (code %d)", CodeAge)}
		}
	case DateValue:
		if !isText || !strings.HasPrefix(s, "$D_") {
			return []string{"is not a date, so CleverTap stores no date of birth"}
		}
	case FlagValue:
		if b := string(value); b != "true" && b != "false" {
			return []string{"is not true or false, as CleverTap documents"}
		}
	case EmployedValue, EducationValue, MarriedValue, AnyValue:
	}
	return nil
}

func isE164(s string) bool {
	digits, ok := strings.CutPrefix(s, "+")
	return ok && len(digits) > 4 && len(digits) <= 15 && digits[0] != '0' && strings.Trim(digits, "0123456789") == ""
}

// Warnings returns what CleverTap may drop from a record or interpret differently, in the order of
// the record. now is the approximate time of sending. It returns nothing about records that are
// invalid or that CleverTap refuses.
func Warnings(record []byte, now time.Time) []Warning {
	var r struct {
		Type        string          `json:"type"`
		Identity    string          `json:"identity"`
		FBID        string          `json:"FBID"`
		GPID        string          `json:"GPID"`
		ObjectID    string          `json:"objectId"`
		TS          int64           `json:"ts"`
		EvtName     string          `json:"evtName"`
		EvtData     json.RawMessage `json:"evtData"`
		ProfileData json.RawMessage `json:"profileData"`
	}
	if json.Unmarshal(record, &r) != nil {
		return nil
	}
	event := r.Type == "event"
	var all []Warning
	add := func(property string, messages ...string) {
		for _, m := range messages {
			all = append(all, Warning{Property: property, Message: m})
		}
	}
	if strings.ContainsFunc(r.Identity+r.FBID+r.GPID+r.ObjectID, func(c rune) bool { return c != ' ' && !unicode.IsPrint(c) }) {
		add("", "the identity contains invisible characters, so it is a different user than without them")
	}
	if strings.ContainsAny(r.ObjectID, "@ ") {
		add("", fmt.Sprintf("the object ID does not look like one that CleverTap assigned; it refuses others (code %d)", CodeObjectID))
	}
	if r.TS != 0 && !now.IsZero() {
		add("", timeWarnings(time.Unix(r.TS, 0), now, event)...)
	}
	data := r.ProfileData
	if event {
		data = r.EvtData
		for _, m := range EventNameWarnings(r.EvtName) {
			add("", "event name: "+m)
		}
	}
	fields, err := fieldsOf(data)
	if err != nil {
		return all
	}
	custom := 0
	for _, f := range fields {
		if event || PredefinedName(f.name) != f.name {
			custom++
		}
		add(f.name, NameWarnings(f.name, event)...)
		add(f.name, ValueWarnings(f.name, f.value, event)...)
	}
	if m := CountWarning(custom, event); m != "" {
		add("", m)
	}
	if event && strings.EqualFold(r.EvtName, ChargedEvent) {
		all = append(all, chargedWarnings(fields)...)
	}
	return all
}

// timeWarnings returns warnings about the ts of a record.
func timeWarnings(ts, now time.Time, event bool) []string {
	switch {
	case ts.After(now.Add(liveAfter)):
		return []string{"its time is after the row was found: wrong time zone or year? CleverTap may refuse it"}
	case event && ts.Before(now.Add(-LiveFor)):
		return []string{"the event is older than 2 hours, so it starts no live campaign or journey"}
	}
	return nil
}

// chargedWarnings returns warnings about the purchase event
// (https://docs.clevertap.com/docs/events): Amount is the total, Items the goods.
func chargedWarnings(fields []field) []Warning {
	var all []Warning
	amount := false
	for _, f := range fields {
		switch f.name {
		case "Amount":
			amount = true
			if f.value[0] == '"' || f.value[0] == 't' || f.value[0] == 'f' {
				all = append(all, Warning{Property: f.name, Message: "is not a number, so CleverTap has no total: give it type: number"})
			}
		case ChargedItems:
			if f.value[0] != '[' {
				all = append(all, Warning{Property: f.name, Message: "is not a list of items: give it type: json, or use items:"})
			}
		}
	}
	if !amount {
		all = append(all, Warning{Message: "Charged has no Amount, where CleverTap looks for the total"})
	}
	return all
}

// field is a field of a JSON object.
type field struct {
	name  string
	value json.RawMessage
}

// fieldsOf returns the fields of a JSON object in order.
func fieldsOf(object []byte) ([]field, error) {
	d := json.NewDecoder(bytes.NewReader(object))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("not an object")
	}
	var all []field
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		name, ok := t.(string)
		if !ok {
			return nil, errors.New("not an object")
		}
		f := field{name: name}
		if err := d.Decode(&f.value); err != nil {
			return nil, err
		}
		all = append(all, f)
	}
	return all, nil
}

// depth returns the nesting depth of JSON; 0 for a scalar.
func depth(value []byte) int {
	deepest, now := 0, 0
	d := json.NewDecoder(bytes.NewReader(value))
	for {
		t, err := d.Token()
		if err != nil {
			return deepest
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			now++
			deepest = max(deepest, now)
		case json.Delim('}'), json.Delim(']'):
			now--
		}
	}
}
