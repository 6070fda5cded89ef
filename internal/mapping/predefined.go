package mapping

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/rowtap/rowtap/internal/clevertap"
	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/row"
)

// allProperties makes a property of every column that has a name of its own (`properties: all`), but for those that are
// the record's time or the event's name and nothing else, and those that a mapping of properties names or leaves out ([binder.skipNamed]).
// A name that several columns share is reported, for one of them would be lost.
//
// In a profile a column goes by CleverTap's own name for it. Where several columns would share one of those, the column that
// spells it as CleverTap does comes first, then the leftmost; the others keep their own name. The names are those of
// [clevertap.PredefinedName] and [clevertap.Alias].
func (b *binder) allProperties(a *boundAction) []boundProperty {
	skip := map[int]bool{}
	for _, t := range []boundTemplate{a.time, a.eventName} {
		if len(t.parts) == 1 && t.parts[0].column != noColumn {
			skip[t.parts[0].column] = true
		}
	}
	names := b.header.Names()
	b.skipNamed(a, skip)
	taken := map[string]int{}
	if !a.event {
		for _, fit := range []func(string) string{exactName, clevertap.PredefinedName, clevertap.Alias} {
			for i, name := range names {
				own := fit(name)
				if _, ok := taken[own]; own != "" && !ok && !skip[i] {
					taken[own] = i
				}
			}
		}
	}
	byColumn := make(map[int]string, len(taken))
	for own, i := range taken {
		byColumn[i] = own
	}
	var all []boundProperty
	for i, name := range names {
		if name == "" || skip[i] || len(a.items) > 0 && name == clevertap.ChargedItems {
			continue
		}
		own := byColumn[i]
		if own == "" {
			own = name
		}
		if a.overrides(own, name) {
			continue
		}
		if b.header.Doubled(name) {
			b.miss(columnUse{name, a.Pos}, "", "")
			continue
		}
		p := property{name: own, kind: config.Auto, op: config.Set, event: a.event, separator: ","}
		p.prefix = append(appendString(nil, own), ':')
		p.value.pos = a.Pos
		p.adoptRule()
		all = append(all, boundProperty{property: p, template: boundTemplate{
			parts:   []boundPart{{column: i}},
			columns: []boundColumn{{name, hidden + name, i}},
		}})
	}
	return all
}

// skipNamed adds to skip the columns that `properties: {all: true, …}` does not take for properties of their own names: those that it
// leaves out, those that are one of its properties and nothing else, and of an event the one that names the user. A column that it
// leaves out must be there: under another name it would be sent.
func (b *binder) skipNamed(a *boundAction, skip map[int]bool) {
	if !a.AllMapped {
		return
	}
	for _, o := range a.Omit {
		omitted := Hidden(b.header, []string{o.Name})
		maps.Copy(skip, omitted)
		if _, ok := b.find(columnUse{o.Name, o.Pos}); !ok && len(omitted) == 0 {
			b.miss(columnUse{o.Name, o.Pos}, "", "")
		}
	}
	for _, p := range a.properties {
		if parts := p.template.parts; len(parts) == 1 && parts[0].column != noColumn {
			skip[parts[0].column] = true
		}
	}
	if a.event && len(a.id.columns) == 1 {
		skip[a.id.columns[0].index] = true
	}
}

// overrides tells whether the action has a property of its own in place of a column's.
func (a *boundAction) overrides(own, column string) bool {
	return a.AllMapped && slices.ContainsFunc(a.properties, func(p boundProperty) bool { return p.name == own || row.TidyName(p.name) == column })
}

// exactName returns name if it is exactly one of CleverTap's own, else "".
func exactName(name string) string {
	if clevertap.PredefinedName(name) == name {
		return name
	}
	return ""
}

// Names returns the property that each column of a header becomes in an action with `properties: all`, in the header's
// order; "" for a column that becomes none: without a name, or the record's time or event name alone. It is nil for other
// actions.
func (b *Bound) Names(nth int, h row.Header) []string {
	a := &b.actions[nth]
	if !a.AllProperties {
		return nil
	}
	names := make([]string, len(h.Names()))
	for _, p := range a.properties[len(a.action.properties):] {
		names[p.template.parts[0].column] = p.name
	}
	return names
}

// adoptRule makes a profile's property keep CleverTap's rule for its name, if there is one. Without a type of its own, it
// gets the one that the rule asks for.
func (p *property) adoptRule() {
	if p.event || p.op != config.Set {
		return
	}
	p.rule = clevertap.RuleOf(p.name)
	p.dates.birth = p.name == "DOB"
	if p.kind != config.Auto {
		return
	}
	switch p.rule {
	case clevertap.DateValue:
		p.kind = config.Date
	case clevertap.FlagValue:
		p.kind = config.Boolean
	case clevertap.PhoneValue, clevertap.EmailValue, clevertap.GenderValue, clevertap.EmployedValue, clevertap.EducationValue,
		clevertap.MarriedValue, clevertap.AgeValue, clevertap.AnyValue:
	}
}

// applyRule applies CleverTap's rule to a coerced value that is not blank. What people type becomes what CleverTap takes
// where that is certain. A property with a type of its own stays as it is where CleverTap is not known to refuse it; then
// [clevertap.Warnings] says what it documents.
func (p *property) applyRule(v value) (value, *fault) {
	if v.kind == list || v.kind == object {
		return v, nil
	}
	var s string
	ok := v.kind == text
	if ok {
		s = strings.TrimSpace(v.text)
	}
	switch p.rule {
	case clevertap.EmailValue:
		ok = ok && clevertap.IsEmail(s)
	case clevertap.PhoneValue:
		if p.kind == config.Auto {
			return international(v)
		}
		if p.kind == config.Text {
			number, why := parseDialled(s)
			ok = why == nil && len(strings.TrimPrefix(number.text, "+")) >= minPhone
		}
		if p.kind != config.Text || ok {
			return v, nil
		}
	case clevertap.GenderValue:
		if ok {
			var known string
			if known, ok = clevertap.Gender(s); ok {
				s = known
			} else if ok = p.kind == config.Text; ok {
				return v, nil
			}
		}
	case clevertap.EmployedValue, clevertap.MarriedValue:
		switch {
		case v.kind == boolean || v.kind == number && (v.num == 0 || v.num == 1):
			s, ok = "N", true
			if v.num == 1 {
				s = "Y"
			}
		case ok:
			s, ok = clevertap.YesNo(s)
		}
	case clevertap.EducationValue:
		if ok {
			s, ok = clevertap.Education(s)
		}
	case clevertap.AgeValue:
		if v.kind == number {
			return v, nil
		}
		if ok {
			_, ok = numerals{}.plain(s)
		}
	case clevertap.DateValue, clevertap.FlagValue, clevertap.AnyValue:
		return v, nil
	}
	if !ok {
		return value{}, p.refused()
	}
	v.kind, v.text = text, s
	return v, nil
}

func (p *property) refused() *fault {
	why := p.rule.Refusal()
	return faultf("%s", why.Message).withCode(why.Code)
}

// minPhone is the least number of digits of a phone number, by the rule of CleverTap's importers: more than 4
// (https://docs.clevertap.com/docs/map-data-for-import).
const minPhone = 5

// international makes a Phone without type: phone what CleverTap takes, if it has its + and country code. Digits alone
// stay as they are; whether a number exists is not asked then.
func international(v value) (value, *fault) {
	var s string
	switch v.kind {
	case text:
		s = strings.TrimSpace(v.text)
	case number:
		if v.num < 0 || v.num != math.Trunc(v.num) {
			return value{}, phoneFault("a number that is no phone number")
		}
		s = strconv.FormatFloat(v.num, 'f', 0, 64)
	case blank, boolean, date, timeOfDay, list, object:
		return value{}, phoneFault(v.kind.String() + ", not a phone number")
	}
	dialled, why := parseDialled(s)
	number := dialled.text
	switch {
	case why != nil:
		return value{}, why
	case number[0] != '+':
		return value{}, phoneFault("a phone number without + and country code").
			withHint("write it with + and country code, or map it with a country: Phone: {value: ..., type: phone, country: IN}")
	case len(number)-1 < minPhone || len(number)-1 > e164Digits || number[1] == '0':
		return value{}, phoneFault("not a phone number of any country")
	case number == s:
		return value{kind: text, text: s}, nil
	}
	e164, why := dialled.e164("")
	return value{kind: text, text: e164}, why
}
