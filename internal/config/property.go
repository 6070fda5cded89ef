package config

import (
	"slices"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// readProperty reads one property of an action with this event: a scalar, or a section of value and
// options.
func readProperty(v value, event ActionEvent) Property {
	p := Property{Name: v.at.text, NamePos: v.keyPos()}
	switch {
	case v.kind == sequence:
		v.wrong(`a list is written {value: "a, b", type: list}`, "must be a value, but is a list")
	case v.null():
		v.wrong("remove the property", "is empty")
	case v.kind == scalar:
		valueKind.read(v, &p.Value)
	default:
		propertyKeys.read(v, &p)
		if op, given := v.section().key("op"); given && op.kind != broken && event == UploadEvent {
			v.f.report(op.at, "remove it", "%s: only properties of profiles can have an op", op.path)
		}
	}
	return p
}

// checkProperty checks the rules that depend on op.
func (s *section) checkProperty(p *Property) {
	if _, given := s.key("value"); !given && p.Op != Delete {
		s.missing("value", `for example "{{Email}}"`)
	}
	// https://developer.clevertap.com/docs/upload-user-profiles-api
	if counts := p.Op == Increment || p.Op == Decrement; counts && !slices.Contains([]PropertyType{"", Auto, Number}, p.Type) {
		op, _ := s.key("op")
		op.wrong("use type: number", "%s needs a number, not type %s", p.Op, p.Type)
	}
}

// printProperties returns the properties for check --print, in the short form if they have no
// options.
func printProperties(properties []Property) document {
	var d document
	for _, p := range properties {
		long := propertyKeys.print(&p)
		_, truth := p.Value.Literal.(bool) // a lone true or false can have another meaning
		if len(long) == 1 && long[0].key == "value" && !truth {
			d = append(d, keyed{key: p.Name, value: long[0].value})
		} else {
			d = append(d, keyed{key: p.Name, value: long})
		}
	}
	return d
}

// propertySchema returns the schema of a property.
func propertySchema() schema { return schema{"anyOf": []schema{filledScalar(), propertyKeys.schema()}} }

// valueKind is the template of a value.
var valueKind = custom("template", filledScalar, func(v value, to *Template) {
	if t := v.template(); t != nil {
		*to = *t
	}
}, Template.effective)

// separatorKind is the separator between the items of a list, any text that is not empty.
var separatorKind = exact("text", func() schema { return schema{"type": scalars, "minLength": 1} }, func(_ value, text string) (string, string, string) {
	if text == "" {
		return "", "is empty", `for example ";"`
	}
	return text, "", ""
})

// formatsKind is a date format or a list of them.
var formatsKind = listOf(textKind, listing{
	name: "format, or a list of them", want: "a format or a list of them, such as [dd/MM/yyyy, ISO]",
	single: true, distinct: true, least: 1, most: 8,
})

// countryKind is the country of phone numbers, or the column that contains it.
var countryKind = custom("country", shaped(`^\s*[A-Za-z]{2}\s*$|\{\{`, "string"), func(v value, p *Property) {
	text, ok := v.filled()
	switch {
	case !ok:
	case strings.Contains(text, "{{"):
		p.CountryFrom = v.template()
	default:
		if p.Country, ok = ParseCountry(text); !ok {
			v.wrong(countryRule, "%q is not a country", v.shown())
		}
	}
}, func(p Property) any {
	switch {
	case p.CountryFrom != nil:
		return p.CountryFrom.effective()
	case p.Country != "":
		return p.Country
	}
	return nil
})

const countryRule = `the two letters of ISO 3166-1, such as IN, US or DE; or "{{Column}}" with a code or an English name in each cell`

// ParseCountry returns the upper-case code of a country. ok is false if text is not the code of a
// country whose phone numbers can be parsed.
func ParseCountry(text string) (code string, ok bool) {
	code = strings.ToUpper(strings.TrimSpace(text))
	if !phonenumbers.GetSupportedRegions()[code] {
		return "", false
	}
	return code, true
}

// timezoneKind is the name of a time zone.
var timezoneKind = parsed("time zone", filledString, func(_ value, text string) (string, string, string) {
	if _, err := loadZone(text); err != nil {
		return "", "%q is not a time zone", "use an IANA name such as Asia/Kolkata"
	}
	return text, "", ""
})
