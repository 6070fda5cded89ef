package config

import (
	"slices"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// property reads one property: a scalar, or a mapping of value and options.
func (s *section) property(p pair, event ActionEvent) Property {
	path := s.path(p.key.text)
	prop := Property{Name: p.key.text, NamePos: s.f.pos(p.key.line, p.key.column)}
	switch {
	case p.value.kind == sequence:
		s.f.report(p.value, `a list is written {value: "a, b", type: list}`, "%s: must be a value, but is a list", path)
	case p.value.null():
		s.f.report(p.value, "leave the property out", "%s: is empty", path)
	case p.value.kind == scalar:
		prop.Value, _ = s.f.template(p.value, path)
	default:
		inner := s.f.section(p.key, p.value, path)
		inner.options(&prop, event)
		inner.done()
	}
	return prop
}

// options reads the long form of a property.
func (s *section) options(p *Property, event ActionEvent) {
	p.Type = choice(s, "type", "", Auto, Text, Number, Boolean, Date, Phone, List, JSON)
	p.Op = choice(s, "op", "", Set, Add, Remove, Increment, Decrement, Delete)
	value := s.template("value")
	if value != nil {
		p.Value = *value
	} else if s.pairs["value"].value == nil && p.Op != Delete {
		s.missing("value", `such as "{{Email}}"`)
	}
	if s.only("country", p.Type, Phone) {
		s.country(p)
	}
	if s.only("format", p.Type, Date) {
		p.Formats = s.texts("format", "a format or a list of them, such as [dd/MM/yyyy, ISO]", maxFormats)
	}
	if s.only("timezone", p.Type, Date) {
		p.Timezone = s.timezone()
	}
	if s.only("separator", p.Type, List) {
		if text, ok := s.f.text(s.pairs["separator"].value, s.path("separator")); ok && text == "" {
			s.f.report(s.pairs["separator"].value, `such as ";"`, "%s: is empty", s.path("separator"))
		} else if ok {
			p.Separator = text
		}
	}
	if s.only("decimal", p.Type, Number) {
		p.Decimal = choice(s, "decimal", "", ".", ",")
	}
	if s.only("thousands", p.Type, Number) {
		p.Thousands = s.thousands()
	}
	if s.only("currency", p.Type, Number) {
		p.Currency = s.boolean("currency", false)
	}
	s.checkOp(p, event)
}

// thousands reads what is between groups of digits, which may be a blank.
func (s *section) thousands() string {
	n := s.pairs["thousands"].value
	text, ok := s.f.text(n, s.path("thousands"))
	if ok && !slices.Contains(separators, text) {
		s.f.report(n, didYouMean(text, separators), "%s: %q is not known", s.path("thousands"), n.shown())
		return ""
	}
	return text
}

// separators are what may be between groups of digits.
var separators = []string{",", ".", " ", "'"}

// only tells whether an option is there and its property's type the one that it belongs to; what is there without it is
// reported.
func (s *section) only(key string, have, want PropertyType) bool {
	n := s.get(key)
	if n == nil || n.kind == broken {
		return false
	}
	if have == want {
		return true
	}
	if t := s.pairs["type"].value; have == "" && t != nil {
		return false // the type itself was reported
	}
	s.f.report(s.key(key), "add type: "+string(want)+", or leave "+key+" out", "%s: belongs to properties of type %s", s.path(key), want)
	return false
}

// maxFormats bounds the formats of a property.
const maxFormats = 8

// country reads the country of a phone number.
func (s *section) country(p *Property) {
	n := s.pairs["country"].value
	text, ok := s.f.filled(n, s.path("country"))
	if !ok {
		return
	}
	if strings.Contains(text, "{{") {
		p.CountryFrom = s.template("country")
		return
	}
	if p.Country, ok = ParseCountry(text); !ok {
		s.f.report(n, countryRule, "%s: %q is not a country", s.path("country"), n.shown())
	}
}

const countryRule = `the two letters of ISO 3166-1, such as IN, US or DE; or "{{Column}}" with a code or an English name in each cell`

// ParseCountry returns the code of a country whose phone numbers are known, in upper case; ok is false where text is none.
func ParseCountry(text string) (code string, ok bool) {
	code = strings.ToUpper(strings.TrimSpace(text))
	if !phonenumbers.GetSupportedRegions()[code] {
		return "", false
	}
	return code, true
}

// timezone reads the time zone of dates without one.
func (s *section) timezone() string {
	n := s.pairs["timezone"].value
	text, ok := s.f.filled(n, s.path("timezone"))
	if !ok {
		return ""
	}
	if _, err := loadZone(text); err != nil {
		s.f.report(n, "names are those of the IANA database, such as Asia/Kolkata", "%s: %q is not a time zone", s.path("timezone"), n.shown())
		return ""
	}
	return text
}

// checkOp reports an op where CleverTap has none
// (https://developer.clevertap.com/docs/upload-user-profiles-api).
func (s *section) checkOp(p *Property, event ActionEvent) {
	n := s.pairs["op"].value
	counts := p.Op == Increment || p.Op == Decrement
	switch {
	case n == nil || p.Op == "":
	case event == UploadEvent:
		s.f.report(s.key("op"), "leave it out", "%s: only properties of profiles have an op", s.path("op"))
	case counts && !slices.Contains([]PropertyType{"", Auto, Number}, p.Type):
		s.f.report(n, "use type: number", "%s: %s needs a number, not type %s", s.path("op"), p.Op, p.Type)
	}
}
