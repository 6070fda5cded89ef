package mapping

import (
	"strings"

	"github.com/rowtap/rowtap/internal/config"
)

// allProperties makes a property of every column that has a name of its own (`properties: all`), but for those that are
// the record's time or the event's name and nothing else. A name that several columns share is reported, for one of them
// would be lost.
//
// In a profile a column goes by CleverTap's own name for it. Where several columns would share one of those, the column that
// spells it as CleverTap does comes first, then the leftmost; the others keep their own name.
func (b *binder) allProperties(m *Mapping, bound *Bound) []boundProperty {
	skip := map[int]bool{}
	for _, t := range []boundTemplate{bound.time, bound.eventName} {
		if len(t.parts) == 1 && t.parts[0].column != noColumn {
			skip[t.parts[0].column] = true
		}
	}
	names := b.header.Names()
	taken := map[string]int{}
	if !m.event {
		for _, fit := range []func(string) string{spelt, predefinedName, predefinedAlias} {
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
		if name == "" || skip[i] {
			continue
		}
		if b.header.Doubled(name) {
			b.miss(columnUse{name, m.action.Pos}, "")
			continue
		}
		own := byColumn[i]
		if own == "" {
			own = name
		}
		p := property{name: own, kind: config.Auto, op: config.Set, event: m.event, separator: ",", decimal: "."}
		p.prefix = append(appendString(nil, own), ':')
		p.value.pos = m.action.Pos
		all = append(all, boundProperty{p, boundTemplate{
			parts:   []boundPart{{column: i}},
			columns: []boundColumn{{name, hidden + name, i}},
		}})
	}
	return all
}

// spelt returns name if it is exactly one of CleverTap's own, else "".
func spelt(name string) string {
	if predefinedName(name) == name {
		return name
	}
	return ""
}

// predefinedName returns CleverTap's own name for a profile property that is spelt like it, case aside; "" if there is none
// (https://developer.clevertap.com/docs/upload-user-profiles-api).
func predefinedName(name string) string {
	switch strings.ToLower(name) {
	case "name":
		return "Name"
	case "email":
		return "Email"
	case "phone":
		return "Phone"
	case "gender":
		return "Gender"
	case "dob":
		return "DOB"
	case "age":
		return "Age"
	case "photo":
		return "Photo"
	case "employed":
		return "Employed"
	case "education":
		return "Education"
	case "married":
		return "Married"
	}
	return ""
}

// predefinedAlias returns CleverTap's own name for what spreadsheets often call otherwise; "" if there is none.
func predefinedAlias(name string) string {
	switch strings.ToLower(name) {
	case "e-mail", "email address", "e-mail address":
		return "Email"
	}
	return ""
}
