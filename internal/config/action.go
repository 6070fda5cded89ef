package config

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/rowtap/rowtap/internal/row"
)

// maxActions is the maximum number of actions of a zap, far above what a zap needs.
const maxActions = 16

// actionKind is the single action of a zap.
var actionKind = custom("section", func() schema { return ref("action") }, func(v value, to *[]Action) {
	var a Action
	actionKeys.read(v, &a)
	*to = append(*to, a)
}, func(actions []Action) any {
	if len(actions) > 1 {
		return nil
	}
	return actionKeys.print(&actions[0])
}).containing(actionKeys.inside("."))

// actionsKind is a list of actions.
var actionsKind = sections(&actionKeys, listing{want: "a list of actions, each after a -", least: 1, most: maxActions},
	func() schema { return ref("action") }, func(actions []Action) any {
		if len(actions) < 2 {
			return nil
		}
		all := make([]document, len(actions))
		for i := range actions {
			all[i] = actionKeys.print(&actions[i])
		}
		return all
	})

// checkAction checks the rules that depend on the event.
func (s *section) checkAction(a *Action) {
	a.Pos = s.keyPos()
	if _, given := s.key("event_name"); !given && a.Event == UploadEvent {
		s.missing("event_name", "expected text or a column, such as Webinar Signup")
	}
	items, given := s.key("items")
	if !given || items.kind == broken {
		return
	}
	a.ItemsPos = items.keyPos()
	const charged = "Charged"
	name := ""
	if a.EventName != nil {
		name = strings.TrimSpace(a.EventName.Text)
	}
	if name != "" && !strings.EqualFold(name, charged) && !strings.Contains(name, "{{") {
		s.f.report(items.at, "use event_name: Charged, or remove items", "%s: only the event Charged can have items", items.path)
	}
	for _, p := range a.Properties {
		if p.Name == "Items" {
			s.f.reportAt(p.NamePos, "keep one of them", "%sproperties.Items and %s are both given", s.prefix("."), items.path)
		}
	}
}

// idKind is one of the four keys that identify the user.
func idKind(k IDKind) kind[Action] {
	return custom("template", shaped(filled, "string", "integer"), func(v value, a *Action) {
		a.IDKind = k
		valueKind.read(v, &a.ID)
	}, func(a Action) any {
		if a.IDKind != k {
			return nil
		}
		return a.ID.effective()
	})
}

// propertiesKind is a section of properties, or the word all.
var propertiesKind = custom("section, or `all`", func() schema {
	return schema{"anyOf": []schema{{"enum": []string{"all"}}, {"type": []string{"object", "null"}, "additionalProperties": ref("property")}}}
}, readProperties, func(a Action) any {
	switch {
	case a.AllMapped:
		all := document{{key: everyColumn, value: true}}
		for _, o := range a.Omit {
			all = append(all, keyed{key: o.Name, value: false})
		}
		return append(all, printProperties(a.Properties)...)
	case a.AllProperties:
		return "all"
	}
	return printProperties(a.Properties).orNothing()
}).containing(propertyKeys.inside(".NAME."))

func readProperties(v value, a *Action) {
	switch {
	case v.kind == scalar && v.text == "all":
		a.AllProperties = true
		return
	case v.kind == scalar && !v.null():
		v.wrong(`expected a mapping such as Name: "{{First name}}", or all for every column`, "%q is not known", v.shown())
		return
	}
	s := v.section()
	for _, p := range s.list {
		if p.at.text == everyColumn && p.literally("true") {
			a.AllProperties, a.AllMapped, a.AllPos = true, true, p.keyPos()
		}
	}
	if a.AllMapped {
		s.list = slices.DeleteFunc(s.list, func(p value) bool {
			if !p.literally("false") {
				return p.at.text == everyColumn
			}
			a.Omit = append(a.Omit, OmittedColumn{row.TidyName(p.at.text), p.keyPos()})
			return true
		})
	}
	a.Properties = s.properties(a.Event)
}

// everyColumn is the key that makes a section of properties send every column.
const everyColumn = "all"

// literally reports whether a node is the boolean word, true or false, written without quotes.
func (n *node) literally(word string) bool {
	return n.kind == scalar && n.tag == "!!bool" && strings.EqualFold(n.text, word)
}

// properties reads the properties of a section in file order.
func (s *section) properties(event ActionEvent) []Property {
	var list []Property
	for _, p := range s.list {
		switch {
		case p.kind == broken:
		case strings.TrimSpace(p.at.text) == "":
			s.f.report(p.at, "", "%s: property without a name", s.path)
		default:
			list = append(list, readProperty(p, event))
		}
	}
	return list
}

// itemsKind is the list of items of a Charged event, each a section of properties.
var itemsKind = func() kind[Action] {
	items := listing{want: `a list of items, such as - Name: "{{Item 1}}"`, least: 1}
	return custom("list of sections", func() schema {
		property := schema{"allOf": []schema{ref("property"), withoutOp()}}
		return items.schema(schema{
			"type": "object", "minProperties": 1, "propertyNames": schema{"pattern": filled}, "additionalProperties": property,
		})
	}, func(v value, a *Action) {
		for _, item := range v.list(items) {
			s := item.section()
			if len(s.list) == 0 && !s.void {
				item.wrong(`expected properties, such as Name: "{{Item 1}}"`, "is empty")
			}
			a.Items = append(a.Items, s.properties(UploadEvent))
		}
	}, func(a Action) any {
		if len(a.Items) == 0 {
			return nil
		}
		all := make([]document, len(a.Items))
		for i, item := range a.Items {
			all[i] = printProperties(item)
		}
		return all
	})
}()

// literal returns the value of a scalar that was written as a bool, int64 or float64, or nil for
// text. Numbers that YAML and people may read differently (0123 is 83 in YAML, 1_000 is 1000) are a
// problem.
func (n *node) literal() (value any, problem string) {
	switch n.tag {
	case "!!bool":
		return strings.EqualFold(n.text, "true"), ""
	case "!!int", "!!float":
	default:
		return nil, ""
	}
	digits := strings.TrimLeft(n.text, "+-")
	leadingZero := len(digits) > 1 && digits[0] == '0' && digits[1] != '.' && digits[1] != 'e' && digits[1] != 'E'
	if wholeNumber.MatchString(n.text) && !leadingZero {
		v, err := strconv.ParseInt(n.text, 10, 64)
		if err != nil {
			return nil, fmt.Sprintf("the number %s is too large to be exact", n.shown())
		}
		return v, ""
	}
	if v, err := strconv.ParseFloat(n.text, 64); err == nil && !leadingZero && decimalNumber.MatchString(n.text) && !math.IsInf(v, 0) {
		return v, ""
	}
	return nil, fmt.Sprintf("%s can be read as different numbers", n.shown())
}
