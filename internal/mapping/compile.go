package mapping

import (
	"cmp"
	"reflect"
	"strings"

	"github.com/rowtap/rowtap/internal/config"
)

// compilation compiles the templates of a zap and collects the mistakes in them.
type compilation struct {
	action   *config.Action // being compiled
	mistakes config.Diagnostics
	warnings config.Diagnostics
}

func (c *compilation) mistake(pos config.Pos, message, suggestion string) {
	c.mistakes = append(c.mistakes, config.Diagnostic{Pos: pos, Message: message, Suggestion: suggestion})
}

// filter compiles a filter, an expression without braces that must return a boolean.
func (c *compilation) filter(source config.Template) *program {
	at := func(runes int) config.Pos { return within(source, runesLength(source.Text, runes)) }
	if strings.TrimSpace(source.Text) == "" {
		c.mistake(source.Pos, "the filter is empty", "remove it to let every row pass")
		return nil
	}
	p, why := compileExpression(source.Text, at)
	if why != nil {
		hint := why.hint
		switch {
		case hint != "":
		case strings.Contains(source.Text, "{{"):
			hint = "remove the {{ }}: a filter is an expression without braces"
		default:
			hint = `write a column whose name is not one word as row["Column name"]`
		}
		c.mistake(at(why.offset), "filter: "+why.message, hint)
		return nil
	}
	c.noteAll(p, "filter: ", at)
	if k := p.result.Kind(); k != reflect.Bool && k != reflect.Interface {
		c.mistake(source.Pos, "the filter gives "+typeName(p.result)+", not true or false", "compare it with something")
	}
	return p
}

// noteAll adds the notes of an expression as warnings.
func (c *compilation) noteAll(p *program, what string, at func(runes int) config.Pos) {
	for _, n := range p.notes {
		c.warning(at(n.offset), what+n.message, n.hint)
	}
}

func (c *compilation) compileAction(from *config.Action) action {
	c.action = from
	a := action{Action: from, event: from.Event == config.UploadEvent}
	a.id = c.template(from.ID)
	c.check(a.id, "use {{Column name}} to take it from the row", func(e *evaluation, t boundTemplate) *fault {
		_, why := e.id(t, from.IDKind)
		return why
	})
	if from.Time != nil {
		a.time, a.hasTime = c.template(*from.Time), true
		c.check(a.time, "", func(e *evaluation, t boundTemplate) *fault {
			_, why := e.time(t)
			return why
		})
	}
	if a.event {
		if from.EventName != nil {
			a.eventName = c.template(*from.EventName)
		}
		c.check(a.eventName, "", func(e *evaluation, t boundTemplate) *fault {
			_, why := e.eventName(t)
			return why
		})
	}
	a.properties = make([]property, len(from.Properties))
	for i, p := range from.Properties {
		a.properties[i] = c.property(p)
	}
	for _, item := range from.Items {
		a.items = append(a.items, c.item(item))
	}
	return a
}

// check reports a template that is the same for every row and that use refuses. Without a hint, that
// of the fault is used.
func (c *compilation) check(t template, hint string, use func(*evaluation, boundTemplate) *fault) {
	if !t.constant() {
		return
	}
	b, e := t.bindConstant()
	if why := use(e, b); why != nil {
		c.mistake(t.pos, why.message, cmp.Or(hint, why.hint))
	}
}

// bindConstant binds a constant template, and returns it with an evaluation that has no row.
func (t template) bindConstant() (boundTemplate, *evaluation) {
	b := boundTemplate{literal: t.literal}
	for _, p := range t.parts {
		b.parts = append(b.parts, boundPart{text: p.text, column: noColumn, program: p.program})
	}
	return b, &evaluation{}
}

func (c *compilation) property(p config.Property) property {
	compiled := property{
		name: p.Name, kind: cmp.Or(p.Type, config.Auto), op: cmp.Or(p.Op, config.Set), event: c.action.Event == config.UploadEvent,
		country: p.Country, separator: cmp.Or(p.Separator, ","),
	}
	if p.CountryFrom != nil {
		compiled.countryFrom, compiled.fromRow = c.template(*p.CountryFrom), true
	}
	compiled.numbers = c.numeralsOf(p)
	compiled.dates = c.dates(p)
	compiled.adoptRule()
	c.checkOp(p, compiled)
	if compiled.event && compiled.kind == config.List {
		c.mistake(p.NamePos, "an event property cannot be a list: CleverTap refuses the event (code 512)", "send it as text")
	}
	compiled.value = c.template(p.Value)
	compiled.prefix = append(appendString(nil, p.Name), ':')
	if compiled.value.constant() && !compiled.fromRow {
		c.checkConstant(&compiled)
	}
	return compiled
}

// charged reports whether the event may be Charged, the only one whose Items may be nested.
func (c *compilation) charged() bool {
	name := c.action.EventName
	return name != nil && (isCharged(strings.TrimSpace(name.Text)) || strings.Contains(name.Text, "{{"))
}

// checkOp reports ops that CleverTap does not support for the property's type
// (https://docs.clevertap.com/docs/getting-started).
func (c *compilation) checkOp(p config.Property, compiled property) {
	if compiled.event && compiled.op != config.Set {
		c.mistake(p.NamePos, "op "+string(compiled.op)+" is only for profiles; the properties of an event can only be set", "")
		return
	}
	ok := true
	switch compiled.op {
	case config.Set, config.Delete:
	case config.Add, config.Remove:
		ok = compiled.kind == config.Auto || compiled.kind == config.Text || compiled.kind == config.List
	case config.Increment, config.Decrement:
		ok = compiled.kind == config.Auto || compiled.kind == config.Number
	default:
		c.mistake(p.NamePos, "unknown op "+string(compiled.op), "")
	}
	if !ok {
		c.mistake(p.NamePos, "op "+string(compiled.op)+" cannot be used with type "+string(compiled.kind),
			"add and remove take text or a list, increment and decrement a number")
	}
}

// checkConstant encodes a constant property once, instead of for every row.
func (c *compilation) checkConstant(p *property) {
	b, e := p.value.bindConstant()
	e.charged = c.charged()
	encoded, why := (&boundProperty{property: *p, template: b}).append(nil, e)
	if why != nil {
		c.mistake(p.value.pos, "property "+p.name+": "+why.message, why.hint)
		return
	}
	// Whether JSON may be nested depends on the event name, which may come from the row.
	p.constant, p.isConstant = encoded, !p.event || p.kind != config.JSON
}

// noPlace is the position of expressions that do not come from a file.
func noPlace(int) config.Pos { return config.Pos{} }
