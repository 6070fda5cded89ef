package clevertap

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Rule is CleverTap's rule for the value of a predefined profile property
// (https://developer.clevertap.com/docs/upload-user-profiles-api). The codes are those of
// https://developer.clevertap.com/docs/api-errors. A single invalid value refuses the whole record.
type Rule uint8

// The rules.
const (
	AnyValue       Rule = iota // any property that is not listed below
	EmailValue                 // Email, 515: an e-mail address
	PhoneValue                 // Phone, 516: + and country code and number
	GenderValue                // Gender, 514: M or F
	EmployedValue              // Employed, 517: Y or N
	EducationValue             // Education, 518: School, College or Graduate
	MarriedValue               // Married, 519: Y or N
	AgeValue                   // Age, 520: a number
	DateValue                  // DOB: a date; CleverTap accepts other values but stores no date of birth
	FlagValue                  // MSG-…: true or false
)

// predefined lists CleverTap's own profile properties and their rules. Names are case-sensitive.
// They come from https://developer.clevertap.com/docs/upload-user-profiles-api; the flags from
// https://docs.clevertap.com/docs/map-data-for-import, the pages on WhatsApp subscriptions and the
// GDPR (MSG-push-all), and the partner pages (MSG-dnd…).
var predefined = []struct {
	name string
	rule Rule
}{
	{"Name", AnyValue},
	{"Email", EmailValue},
	{"Phone", PhoneValue},
	{"Gender", GenderValue},
	{"DOB", DateValue},
	{"Age", AgeValue},
	{"Photo", AnyValue},
	{"Employed", EmployedValue},
	{"Education", EducationValue},
	{"Married", MarriedValue},
	{"MSG-email", FlagValue},
	{"MSG-sms", FlagValue},
	{"MSG-push", FlagValue},
	{"MSG-whatsapp", FlagValue},
	{"MSG-push-all", FlagValue},
	{"MSG-dndEmail", FlagValue},
	{"MSG-dndPhone", FlagValue},
	{"MSG-dndSMS", FlagValue},
	{"MSG-dndWhatsApp", FlagValue},
}

// RuleOf returns the rule of a profile property by its exact name.
func RuleOf(property string) Rule {
	for _, p := range predefined {
		if p.name == property {
			return p.rule
		}
	}
	return AnyValue
}

// PredefinedName returns the predefined profile property with the same name except for case; "" if
// there is none. CleverTap treats any other spelling as a custom property
// (https://docs.clevertap.com/docs/csv-upload).
func PredefinedName(name string) string {
	for _, p := range predefined {
		if strings.EqualFold(p.name, name) {
			return p.name
		}
	}
	return ""
}

// ExactName returns name if a predefined profile property is spelled exactly so; otherwise "".
func ExactName(name string) string {
	if PredefinedName(name) == name {
		return name
	}
	return ""
}

// Alias returns the predefined property for a name that spreadsheets often use instead, ignoring
// case; "" if there is none:
//
//	E-mail, Email address, E-mail address → Email
//
// It excludes names such as Phone number, Mobile and Birth date, because their values need a
// mapping: the country of a number, or the order of day and month.
func Alias(name string) string {
	switch strings.ToLower(name) {
	case "e-mail", "email address", "e-mail address":
		return "Email"
	}
	return ""
}

// NearlyPredefined returns the predefined property with the same name except for case, spaces, -
// and _, or its alias; "" if there is none.
func NearlyPredefined(name string) string {
	bare := strings.NewReplacer(" ", "", "-", "", "_", "")
	folded := bare.Replace(name)
	for _, p := range predefined {
		if strings.EqualFold(bare.Replace(p.name), folded) {
			return p.name
		}
	}
	return Alias(name)
}

// singleValued reports whether a property holds a single value, so that adding to it makes no list
// (https://github.com/CleverTap/clevertap-android-sdk, validation/Validator.java).
func singleValued(property string) bool {
	switch property {
	case "Name", "Email", "Education", "Married", "DOB", "Gender", "Phone", "Age", "FBID", "GPID", "Birthday":
		return true
	}
	return false
}

// Refusal returns CleverTap's code and a message for a value that breaks the rule.
func (r Rule) Refusal() Refusal {
	switch r {
	case EmailValue:
		return Refusal{CodeEmail, "not an e-mail address"}
	case PhoneValue:
		return Refusal{CodePhone, "not a phone number with + and country code"}
	case GenderValue:
		return Refusal{CodeGender, "not a gender that CleverTap accepts: M or F"}
	case EmployedValue:
		return Refusal{CodeEmployed, "not Y or N (nor yes, no, true, false, 1 or 0)"}
	case EducationValue:
		return Refusal{CodeEducation, "not School, College or Graduate"}
	case MarriedValue:
		return Refusal{CodeMarried, "not Y or N (nor yes, no, true, false, 1 or 0)"}
	case AgeValue:
		return Refusal{CodeAge, "not an age in years"}
	case DateValue:
		return Refusal{0, "not a date"}
	case FlagValue:
		return Refusal{0, "not true or false (nor yes, no, 1 or 0)"}
	case AnyValue:
	}
	return Refusal{}
}

// IsEmail reports whether s, which must be trimmed, may be an e-mail address. CleverTap refused
// "1234" and "$$$$$" (recorded in https://github.com/tradeo/clevertap-ruby, spec/vcr_cassettes),
// but its exact rule is unknown. Only values that certainly are not addresses are rejected: without
// an @ or with several, with nothing on one side of it, or with white space, a comma or a similar
// character.
func IsEmail(s string) bool {
	local, domain, found := strings.Cut(s, "@")
	if strings.HasPrefix(local, `"`) { // a quoted local part may contain anything
		at := strings.LastIndexByte(s, '@')
		return at > 1 && s[at-1] == '"' && at < len(s)-1
	}
	if !found || local == "" || domain == "" || strings.Contains(domain, "@") {
		return false
	}
	if domain[0] == '.' || domain[len(domain)-1] == '.' || strings.Contains(domain, "..") {
		return false
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= utf8.RuneSelf:
			return !strings.ContainsFunc(s[i:], func(r rune) bool { return r == unicode.ReplacementChar || !unicode.IsPrint(r) || inNoEmail(r) })
		case c <= ' ' || c == 0x7f || inNoEmail(rune(c)):
			return false
		}
	}
	return true
}

func inNoEmail(r rune) bool {
	switch r {
	case ',', ';', '<', '>', '\\', '"', ' ':
		return true
	}
	return false
}

// Gender converts a gender to M or F, ignoring case. It returns O, U, others and unknown unchanged,
// because CleverTap's web SDK accepts them (https://github.com/CleverTap/clevertap-web-sdk,
// src/util); only M and F are documented.
func Gender(word string) (value string, ok bool) {
	switch strings.ToLower(word) {
	case "m", "male":
		return "M", true
	case "f", "female":
		return "F", true
	case "o", "u", "others", "unknown":
		return word, true
	}
	return "", false
}

// YesNo converts a word to the Y or N of Employed and Married; ok is false if its meaning is
// uncertain.
func YesNo(word string) (value string, ok bool) {
	yes, ok := Truth(word)
	switch {
	case !ok:
		return "", false
	case yes:
		return "Y", true
	}
	return "N", true
}

// Truth converts a word to a boolean, ignoring case.
func Truth(word string) (yes, ok bool) {
	switch strings.ToLower(word) {
	case "true", "yes", "y", "1":
		return true, true
	case "false", "no", "n", "0":
		return false, true
	}
	return false, false
}

// Education converts a word to School, College or Graduate, ignoring case. It converts high school
// to School.
func Education(word string) (value string, ok bool) {
	switch strings.ToLower(word) {
	case "school", "high school":
		return "School", true
	case "college":
		return "College", true
	case "graduate":
		return "Graduate", true
	}
	return "", false
}
