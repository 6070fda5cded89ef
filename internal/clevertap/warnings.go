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

// Warning is what CleverTap probably accepts of a record, but drops, cuts or reads otherwise than meant. No row fails
// by it. It holds no values of the record.
type Warning struct {
	Property string `json:"property,omitempty"` // "": it is about the record itself
	Column   string `json:"column,omitempty"`   // the only column that the property is made of; "" where there is none
	Message  string `json:"message"`
}

// String returns the property, the column and what is wrong.
func (w Warning) String() string {
	switch {
	case w.Property == "":
		return w.Message
	case w.Column == "" || w.Column == w.Property:
		return w.Property + ": " + w.Message
	}
	return w.Property + " (column " + w.Column + "): " + w.Message
}

// What CleverTap documents for names and values of properties
// (https://docs.clevertap.com/docs/platform-considerations, https://developer.clevertap.com/docs/upload-user-profiles-api,
// https://developer.clevertap.com/docs/upload-events-api, https://docs.clevertap.com/docs/nested-objects). What its API
// does beyond is not documented; the dashboard's Error Stream lists what was dropped.
const (
	maxName              = 120 // characters
	maxText              = 512 // bytes of a text value, and of an item of a list
	maxListItems         = 100 // of a multi-value property; the oldest are dropped
	maxEventProperties   = 100 // an account may allow more; code 522, or the others are dropped
	maxProfileProperties = 256 // custom ones
	maxItems             = 256 // of Charged
	maxDepth             = 3   // of nested objects, a beta feature of accounts
	maxEventName         = 512 // characters; the Android SDK cuts here, the web SDK at 1024
	forbiddenCharacters  = `%><!|&.:;$'"\#`

	liveAfter = 2 * time.Minute // how far ahead of now
)

// LiveFor is how old an event may be for live campaigns and journeys to see it
// (https://developer.clevertap.com/docs/events-object).
const LiveFor = 2 * time.Hour

// NameWarnings returns what is wrong with a property's name: what is known without a row.
func NameWarnings(name string, event bool) []string {
	all := nameWarnings(name, maxName)
	if event {
		return all
	}
	switch own := NearlyPredefined(name); {
	case NamesUser(name) != "":
		all = append(all, fmt.Sprintf("becomes a custom property, and names no user: only %s: of the action does", NamesUser(name)))
	case own != "" && own != name:
		all = append(all, fmt.Sprintf("becomes a custom property: CleverTap's own is called %s", own))
	case own == "" && strings.HasPrefix(strings.ToLower(name), "msg"):
		all = append(all, "is none of CleverTap's subscription flags, which are MSG-email, MSG-sms, MSG-push, MSG-whatsapp, MSG-push-all and MSG-dnd…; it becomes a custom property")
	}
	return all
}

// NamesUser returns the key of an action by which CleverTap's key of that name, case aside, names a record's user; "" for other names. The
// keys belong beside profileData, not in it (https://developer.clevertap.com/docs/upload-user-profiles-api).
func NamesUser(name string) string {
	return map[string]string{"identity": "identity", "objectid": "object_id", "fbid": "fbid", "gpid": "gpid"}[strings.ToLower(name)]
}

// EventNameWarnings returns what is wrong with an event's name that [RefuseEventName] lets pass.
func EventNameWarnings(name string) []string {
	all := nameWarnings(name, maxEventName)
	if name != ChargedEvent && strings.EqualFold(strings.ReplaceAll(name, " ", ""), ChargedEvent) {
		all = append(all, "CleverTap's purchase event is spelt Charged")
	}
	if sdkEvent(name) {
		all = append(all, fmt.Sprintf("CleverTap's SDKs keep the name for themselves; it may refuse the event (code %d)", CodeEventRestricted))
	}
	return all
}

// sdkEvent tells of names that only the SDKs are known to restrict
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
		all = append(all, fmt.Sprintf("the name has %d characters; CleverTap takes %d", n, longest))
	}
	if strings.TrimSpace(name) != name {
		all = append(all, "there is white space around the name")
	}
	return all
}

// forbiddenIn returns the forbidden characters of a name, each once, with spaces between.
func forbiddenIn(name string) string {
	var found []string
	for _, r := range forbiddenCharacters {
		if strings.ContainsRune(name, r) {
			found = append(found, string(r))
		}
	}
	return strings.Join(found, " ")
}

// ListWarning returns what is wrong with making a list of a property, or adding to it or removing from it; "" if nothing.
func ListWarning(property string) string {
	if !singleValued(property) {
		return ""
	}
	return "CleverTap keeps one value of it, not a list"
}

// CountWarning returns what is wrong with the number of properties; "" if nothing. Of a profile, n counts custom ones.
func CountWarning(n int, event bool) string {
	switch {
	case event && n > maxEventProperties:
		return fmt.Sprintf("%d properties; CleverTap takes %d of an event unless the account allows more (code %d, or it drops the others)",
			n, maxEventProperties, CodeTooManyProperties)
	case !event && n > maxProfileProperties:
		return fmt.Sprintf("%d custom properties; CleverTap keeps %d of a profile", n, maxProfileProperties)
	}
	return ""
}

// ValueWarnings returns what is wrong with a property's value, given as the JSON of the record.
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
		all := []string{"is an object, which CleverTap keeps only where the account has nested objects"}
		if depth(value) > maxDepth {
			all = append(all, fmt.Sprintf("is nested deeper than %d", maxDepth))
		}
		return all
	}
	return append(textWarnings(value), ruleWarnings(RuleOf(property), value)...)
}

// operation takes an operation such as {"$add":["a"]} apart.
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
		all = append(all, "is a list of lists or objects, which CleverTap keeps only where the account has nested objects")
	}
	if again > 0 {
		all = append(all, fmt.Sprintf("%d of its items are there twice; CleverTap keeps each once", again))
	}
	return all
}

// itemsWarnings is of Charged's Items (https://docs.clevertap.com/docs/events).
func itemsWarnings(value []byte) []string {
	var items []json.RawMessage
	if json.Unmarshal(value, &items) != nil {
		return nil // refused
	}
	var all []string
	if len(items) > maxItems {
		all = append(all, fmt.Sprintf("%d items; CleverTap takes %d", len(items), maxItems))
	}
	seen := map[string]bool{}
	for _, item := range items {
		fields, err := fieldsOf(item)
		if err != nil {
			continue // refused
		}
		for _, f := range fields {
			for _, w := range append(nameWarnings(f.name, maxName), textWarnings(f.value)...) {
				if !seen[w] { // without the name, which may be from a cell
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
		return []string{"a date before 1970; that CleverTap's API takes it is not documented"}
	}
	var s string
	if len(value) <= maxText || json.Unmarshal(value, &s) != nil || len(s) <= maxText {
		return nil
	}
	return []string{fmt.Sprintf("%d bytes of text; CleverTap takes %d", len(s), maxText)}
}

// ruleWarnings is of values that were not made to fit the rule, for the mapping gives them a type of their own, and that
// CleverTap is not known to refuse.
func ruleWarnings(rule Rule, value []byte) []string {
	var s string
	isText := json.Unmarshal(value, &s) == nil
	switch rule {
	case EmailValue:
		domain := s[strings.LastIndexByte(s, '@')+1:]
		if dot := strings.LastIndexByte(domain, '.'); isText && (dot < 0 || len(domain)-dot <= 2) {
			return []string{fmt.Sprintf("the domain does not end like one; CleverTap may refuse the record (code %d)", CodeEmail)}
		}
	case PhoneValue:
		if !isText || !isE164(s) {
			return []string{fmt.Sprintf("CleverTap documents + and country code and digits alone; it may refuse the record (code %d)", CodePhone)}
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
			return []string{fmt.Sprintf("is not an age of 0 to 150; CleverTap may refuse the record (code %d)", CodeAge)}
		}
	case DateValue:
		if !isText || !strings.HasPrefix(s, "$D_") {
			return []string{"is not a date, so that CleverTap has no date of birth"}
		}
	case FlagValue:
		if b := string(value); b != "true" && b != "false" {
			return []string{"is neither true nor false, which CleverTap documents for it"}
		}
	case EmployedValue, EducationValue, MarriedValue, AnyValue:
	}
	return nil
}

func isE164(s string) bool {
	digits, ok := strings.CutPrefix(s, "+")
	return ok && len(digits) > 4 && len(digits) <= 15 && digits[0] != '0' && strings.Trim(digits, "0123456789") == ""
}

// Warnings returns what CleverTap may drop of a record, or read otherwise than meant, in the record's own order. now is
// about when it is sent. Records that CleverTap refuses, or that are no records, are no matter of it.
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
		add("", "invisible characters in what names the user make it another user than the one without them")
	}
	if strings.ContainsAny(r.ObjectID, "@ ") {
		add("", fmt.Sprintf("the object id does not look like one that CleverTap gave; it refuses others (code %d)", CodeObjectID))
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

// timeWarnings is of a record's ts.
func timeWarnings(ts, now time.Time, event bool) []string {
	switch {
	case ts.After(now.Add(liveAfter)):
		return []string{"its time is later than that of finding the row: a wrong zone or year? CleverTap may refuse it"}
	case event && ts.Before(now.Add(-LiveFor)):
		return []string{"the event is older than 2 hours, so that it starts no live campaign or journey"}
	}
	return nil
}

// chargedWarnings is of the purchase event (https://docs.clevertap.com/docs/events): the total in Amount, the goods in Items.
func chargedWarnings(fields []field) []Warning {
	var all []Warning
	amount := false
	for _, f := range fields {
		switch f.name {
		case "Amount":
			amount = true
			if f.value[0] == '"' || f.value[0] == 't' || f.value[0] == 'f' {
				all = append(all, Warning{Property: f.name, Message: "is not a number, so that CleverTap has no total: give it type: number"})
			}
		case ChargedItems:
			if f.value[0] != '[' {
				all = append(all, Warning{Property: f.name, Message: "is not a list of items: give it type: json, or use items:"})
			}
		}
	}
	if !amount {
		all = append(all, Warning{Message: "Charged without Amount, which is where CleverTap looks for the total"})
	}
	return all
}

// field is one field of a JSON object.
type field struct {
	name  string
	value json.RawMessage
}

// fieldsOf returns the fields of a JSON object in their order.
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

// depth returns how deep JSON is nested; a value that is neither an array nor an object has 0.
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
