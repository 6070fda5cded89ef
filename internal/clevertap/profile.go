package clevertap

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Rule is what CleverTap asks of the value of one of its own profile properties
// (https://developer.clevertap.com/docs/upload-user-profiles-api); the codes are those of
// https://developer.clevertap.com/docs/api-errors. One bad value refuses the whole record.
type Rule uint8

// The rules.
const (
	AnyValue       Rule = iota // of every property that is not named below
	EmailValue                 // Email, 515: an e-mail address
	PhoneValue                 // Phone, 516: + and country code and number
	GenderValue                // Gender, 514: M or F
	EmployedValue              // Employed, 517: Y or N
	EducationValue             // Education, 518: School, College or Graduate
	MarriedValue               // Married, 519: Y or N
	AgeValue                   // Age, 520: a number
	DateValue                  // DOB: a date; anything else is accepted, but is no date of birth
	FlagValue                  // MSG-…: true or false
)

// predefined are CleverTap's own profile properties and their rules. The names' case matters. The list is that of
// https://developer.clevertap.com/docs/upload-user-profiles-api, the flags are those of
// https://docs.clevertap.com/docs/map-data-for-import, of its pages on WhatsApp subscriptions and the GDPR
// (MSG-push-all), and of its partner pages (MSG-dnd…).
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

// RuleOf returns the rule of a profile property, by its exact name.
func RuleOf(property string) Rule {
	for _, p := range predefined {
		if p.name == property {
			return p.rule
		}
	}
	return AnyValue
}

// PredefinedName returns CleverTap's own name for a profile property that is spelt like it, case aside; "" if there is
// none. Under any other spelling CleverTap makes a custom property of it
// (https://docs.clevertap.com/docs/csv-upload).
func PredefinedName(name string) string {
	for _, p := range predefined {
		if strings.EqualFold(p.name, name) {
			return p.name
		}
	}
	return ""
}

// Alias returns CleverTap's own name for what spreadsheets often call otherwise, case aside; "" if there is none:
//
//	E-mail, Email address, E-mail address → Email
//
// Phone number, Mobile, Birth date and the like are not among them: which country a number is of, and which of a date's
// numbers is the day, takes a mapping.
func Alias(name string) string {
	switch strings.ToLower(name) {
	case "e-mail", "email address", "e-mail address":
		return "Email"
	}
	return ""
}

// NearlyPredefined returns CleverTap's own name for a property that is spelt like it but for case, spaces, - and _; "" if there is
// none.
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

// singleValued tells of properties that hold one value, so that adding to them makes no list
// (https://github.com/CleverTap/clevertap-android-sdk, validation/Validator.java).
func singleValued(property string) bool {
	switch property {
	case "Name", "Email", "Education", "Married", "DOB", "Gender", "Phone", "Age", "FBID", "GPID", "Birthday":
		return true
	}
	return false
}

// Refusal is CleverTap's for a value that breaks the rule: its code, and what it asks for.
func (r Rule) Refusal() Refusal {
	switch r {
	case EmailValue:
		return Refusal{CodeEmail, "not an e-mail address"}
	case PhoneValue:
		return Refusal{CodePhone, "not a phone number with + and country code"}
	case GenderValue:
		return Refusal{CodeGender, "not a gender that CleverTap takes: M or F"}
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

// IsEmail tells whether s, trimmed, can be an e-mail address. CleverTap refused "1234" and "$$$$$" (recorded in
// https://github.com/tradeo/clevertap-ruby, spec/vcr_cassettes); what exactly it takes is not known, so that only what
// certainly is none fails here: no @ or several, nothing on a side of it, white space, a comma or the like inside.
func IsEmail(s string) bool {
	local, domain, found := strings.Cut(s, "@")
	if strings.HasPrefix(local, `"`) { // a quoted local part may hold anything
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

// Gender returns what CleverTap takes for a gender that people write in any case: M or F, and as they are the O, U,
// others and unknown that its web SDK lets through besides
// (https://github.com/CleverTap/clevertap-web-sdk, src/util; documented are M and F only).
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

// YesNo returns the Y or N of Employed and Married for a word that certainly means it.
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

// Truth reads a word for true or false, in any case.
func Truth(word string) (yes, ok bool) {
	switch strings.ToLower(word) {
	case "true", "yes", "y", "1":
		return true, true
	case "false", "no", "n", "0":
		return false, true
	}
	return false, false
}

// Education returns School, College or Graduate for the same words in any case, and for high school.
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
