package config

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/rowtap/rowtap/internal/row"
)

// maxActions bounds the actions of a zap: more are hardly meant.
const maxActions = 16

// actions reads action, or actions: a list of them.
func (s *section) actions(c *Config) []Action {
	list := s.get("actions")
	if list == nil {
		n := s.require("action", "or actions: a list of them")
		if n == nil {
			return nil
		}
		inner := s.f.section(s.key("action"), n, "action")
		a := inner.action(c)
		inner.done()
		a.Name = string(a.Event)
		return []Action{a}
	}
	const example = "an action each, behind a -"
	switch {
	case s.get("action") != nil:
		s.f.report(s.key("actions"), "keep one of them", "action and actions are both given")
		return nil
	case list.kind == mapping:
		s.f.report(list, "write a - before each action", "actions: must be a list, but is a mapping")
		return nil
	case list.kind != sequence:
		s.f.wrongKind(list, "actions", "a list ("+example+")")
		return nil
	case len(list.items) == 0:
		s.f.report(list, example, "actions: is empty")
	case len(list.items) > maxActions:
		s.f.report(list, "use several zaps", "actions: are %d, and at most %d may be", len(list.items), maxActions)
		return nil
	}
	var actions []Action
	count := map[ActionEvent]int{}
	for i, item := range list.items {
		inner := s.f.section(item, item, fmt.Sprintf("actions[%d]", i+1))
		a := inner.action(c)
		inner.done()
		a.Name = string(a.Event)
		if count[a.Event]++; count[a.Event] > 1 {
			a.Name += "/" + strconv.Itoa(count[a.Event])
		}
		actions = append(actions, a)
	}
	return actions
}

// action reads one action.
func (s *section) action(c *Config) Action {
	s.oneApp("clevertap")
	a := Action{
		Account: account(s, "clevertap_accounts", c.CleverTapAccounts),
		Time:    s.template("time"),
		Pos:     s.f.pos(s.at.line, s.at.column),
	}
	if n := s.require("event", "create_update_user_profile or upload_event"); n != nil {
		a.Event = choice(s, "event", "", CreateUpdateUserProfile, UploadEvent)
	}
	s.identity(&a)
	s.eventName(&a)
	s.properties(&a)
	s.items(&a)
	return a
}

// identity reads the one key of four that names the user.
func (s *section) identity(a *Action) {
	keys := []struct {
		key  string
		kind IDKind
	}{{"identity", Identity}, {"object_id", ObjectID}, {"fbid", FBID}, {"gpid", GPID}}
	first := ""
	for _, k := range keys {
		t := s.template(k.key)
		switch {
		case s.pairs[k.key].value == nil:
		case first != "":
			s.f.report(s.key(k.key), "keep one of them", "%s: %s and %s are both given; one names the user", s.name, first, k.key)
		default:
			first = k.key
			a.IDKind = k.kind
			if t != nil {
				a.ID = *t
			}
		}
	}
	if first == "" {
		s.missing("identity", `the column that names the user, such as "{{Email}}"; or object_id, fbid or gpid`)
	}
}

// eventName reads event_name, which only an event has.
func (s *section) eventName(a *Action) {
	a.EventName = s.template("event_name")
	given := s.pairs["event_name"].value != nil
	switch {
	case a.Event == UploadEvent && !given:
		s.missing("event_name", "a text or a column, such as Webinar Signup")
	case a.Event == CreateUpdateUserProfile && given:
		s.f.report(s.key("event_name"), "leave it out, or use event: upload_event", "%s: a profile has no event name", s.path("event_name"))
	}
}

// properties reads properties: a mapping, or all.
func (s *section) properties(a *Action) {
	n := s.get("properties")
	switch {
	case n == nil:
		return
	case n.kind == scalar && n.text == "all":
		a.AllProperties = true
		return
	case n.kind == scalar && !n.null():
		s.f.report(n, `a mapping such as Name: "{{First name}}", or all for every column`, "%s: %q is not known", s.path("properties"), n.shown())
		return
	}
	inner := s.f.section(s.key("properties"), n, s.path("properties"))
	if inner.void {
		return
	}
	for _, p := range inner.list {
		if p.key.text == everyColumn && p.value.literally("true") {
			a.AllProperties, a.AllMapped, a.AllPos = true, true, s.f.pos(p.key.line, p.key.column)
		}
	}
	if a.AllMapped {
		inner.list = slices.DeleteFunc(slices.Clone(inner.list), func(p pair) bool {
			if !p.value.literally("false") {
				return p.key.text == everyColumn
			}
			a.Omit = append(a.Omit, OmittedColumn{row.TidyName(p.key.text), s.f.pos(p.key.line, p.key.column)})
			return true
		})
	}
	a.Properties = inner.propertyList(a.Event)
}

// everyColumn is the key that makes a mapping of properties one of every column.
const everyColumn = "all"

// literally tells whether a node is true or false, written without quotes.
func (n *node) literally(word string) bool {
	return n.kind == scalar && n.tag == "!!bool" && strings.EqualFold(n.text, word)
}

// propertyList reads the properties of a mapping, in the order of the file.
func (s *section) propertyList(event ActionEvent) []Property {
	var list []Property
	for _, p := range s.list {
		if p.value.kind == broken {
			continue
		}
		if strings.TrimSpace(p.key.text) == "" {
			s.f.report(p.key, "", "%s: a property without a name", s.name)
			continue
		}
		list = append(list, s.property(p, event))
	}
	return list
}

// items reads items: the goods of a Charged event, a list of mappings of properties.
func (s *section) items(a *Action) {
	const charged = "Charged"
	n := s.get("items")
	if n == nil || n.kind == broken {
		return
	}
	key, path := s.key("items"), s.path("items")
	a.ItemsPos = s.f.pos(key.line, key.column)
	name := ""
	if a.EventName != nil {
		name = strings.TrimSpace(a.EventName.Text)
	}
	switch {
	case a.Event == CreateUpdateUserProfile:
		s.f.report(key, "leave it out, or use event: upload_event and event_name: Charged", "%s: a profile has no items", path)
	case name != "" && !strings.EqualFold(name, charged) && !strings.Contains(name, "{{"):
		s.f.report(key, "use event_name: Charged, or leave items out", "%s: only the event Charged has items", path)
	}
	for _, p := range a.Properties {
		if p.Name == "Items" {
			s.f.reportAt(p.NamePos, "keep one of them", "%s.Items and %s are both given", s.path("properties"), path)
		}
	}
	const example = `one mapping an item, such as - Name: "{{Item 1}}"`
	switch {
	case n.kind == mapping:
		s.f.report(n, "write a - before each item: "+example, "%s: must be a list, but is a mapping", path)
		return
	case n.kind != sequence:
		s.f.wrongKind(n, path, "a list of items (a mapping each, behind a -)")
		return
	case len(n.items) == 0:
		s.f.report(n, example, "%s: is empty", path)
	}
	for i, item := range n.items {
		inner := s.f.section(item, item, fmt.Sprintf("%s[%d]", path, i+1))
		if inner.void {
			continue
		}
		if len(inner.list) == 0 {
			s.f.report(item, example, "%s: is empty", inner.name)
		}
		a.Items = append(a.Items, inner.propertyList(UploadEvent))
	}
}

// template returns a key's value, or nil where it is not there or was reported.
func (s *section) template(key string) *Template {
	n := s.get(key)
	if n == nil {
		return nil
	}
	t, ok := s.f.template(n, s.path(key))
	if !ok {
		return nil
	}
	return &t
}

// template returns the value of a scalar that is not blank.
func (f *file) template(n *node, path string) (Template, bool) {
	if _, ok := f.filled(n, path); !ok {
		return Template{}, false
	}
	literal, problem := n.literal()
	if problem != "" {
		f.report(n, "in quotes it is text", "%s: %s", path, problem)
		return Template{}, false
	}
	return Template{Text: n.text, Pos: f.pos(n.textAt.line, n.textAt.column), Literal: literal}, true
}

// literal returns a scalar as the bool, int64 or float64 that it was written as; nil is text. Numbers that YAML and
// their reader may take for different ones (0123 is 83, 1_000 is 1000) are a problem.
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
