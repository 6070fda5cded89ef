package mapping

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/rowtap/rowtap/internal/clevertap"
	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/row"
)

// allProperties returns a property for each column with a name (`properties: all`). It skips
// columns that are only the record's time or the event name, and those that the mapping lists or
// omits ([binder.skipNamed]). It reports a name that several columns share, because one of them
// would be lost.
//
// In a profile, a column becomes the CleverTap property that its name means
// ([clevertap.PredefinedName], [clevertap.Alias]). If several columns mean the same one, the column
// with CleverTap's exact spelling gets it, otherwise the leftmost; the others keep their own names.
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
		for _, fit := range []func(string) string{clevertap.ExactName, clevertap.PredefinedName, clevertap.Alias} {
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
		own := cmp.Or(byColumn[i], name)
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

// skipNamed adds to skip the columns that `properties: {all: true, …}` excludes: the omitted ones,
// those that are already a property on their own, and, in an event, the one that is the identity.
// It reports an omitted column that does not exist, because under another name it would be sent.
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

// overrides reports whether the action lists a property that replaces that of a column.
func (a *boundAction) overrides(own, column string) bool {
	return a.AllMapped && slices.ContainsFunc(a.properties, func(p boundProperty) bool { return p.name == own || row.TidyName(p.name) == column })
}

// Names returns the property that each column of a header becomes in an action with `properties:
// all`, in header order. It is "" for a column that becomes none: one without a name, or only the
// record's time or event name. It returns nil for other actions.
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

// adoptRule gives a profile property CleverTap's rule for its name, if there is one, and the type
// that the rule implies if the property has none.
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

// applyRule applies CleverTap's rule to a coerced value that is not blank. Common spellings are
// converted to what CleverTap accepts if the meaning is certain. If the property has a type of its
// own, a value that CleverTap is not known to refuse stays unchanged, and [clevertap.Warnings]
// reports what differs from its documentation.
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

// minPhone is the fewest digits of a phone number: CleverTap's importers require more than 4
// (https://docs.clevertap.com/docs/map-data-for-import).
const minPhone = 5

// international converts a Phone without type: phone, which must have + and a country code. Plain
// digits after the + are not checked for a valid number.
func international(v value) (value, *fault) {
	s, why := phoneText(v)
	if why != nil {
		return value{}, why
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
