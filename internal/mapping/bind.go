package mapping

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/row"
)

// Bound is a mapping bound to one header. It is safe for concurrent use.
type Bound struct {
	mapping *Mapping
	filter  boundTemplate // one part; empty without a filter
	actions []boundAction
	former  config.Diagnostics
}

// boundAction is an action whose columns have been looked up.
type boundAction struct {
	*action
	id         boundTemplate
	eventName  boundTemplate
	time       boundTemplate
	properties []boundProperty
	items      [][]boundProperty

	idFrom, eventNameFrom, timeFrom []int // 0-based columns, in order of use
}

// boundTemplate is a template whose columns have been looked up.
type boundTemplate struct {
	literal any
	parts   []boundPart
	columns []boundColumn // each once
}

// boundPart is literal text, a column or an expression.
type boundPart struct {
	text    string
	column  int // 0-based; noColumn for text and expressions
	program *program
	columns []boundColumn // used by program
}

const noColumn = -1

type boundProperty struct {
	property
	template boundTemplate
	// region is the country of a phone number, where each row has its own.
	region boundTemplate
	from   []int // columns of template and region, in order of use
}

type boundColumn struct {
	name   string // in the mapping
	hidden string // in expressions
	index  int    // 0-based
}

// MissingColumn is a column that a mapping uses and that a header lacks or has more than once.
type MissingColumn struct {
	Name    string     // tidy; also a text in braces that is neither a column nor an expression
	Pos     config.Pos // the first place that uses it
	Doubled bool       // several columns share the name
	Nearest string     // the most similar name in the header; "" if there is none
	// Braced is the intended name, if it ends in a brace that ended the template too early;
	// otherwise "".
	Braced string
	// Syntax is the reason why the text in braces is not an expression; "" if it can only be a
	// name.
	Syntax string
}

// Missing describes a column that a header lacks or has more than once.
func Missing(h row.Header, name string, pos config.Pos) MissingColumn {
	m := MissingColumn{Name: name, Pos: pos, Doubled: h.Doubled(name)}
	if !m.Doubled {
		m.Nearest = config.Nearest(name, h.Names())
	}
	return m
}

// ColumnError lists every column of a mapping that a header lacks or has more than once.
type ColumnError struct{ Missing []MissingColumn }

// Error returns one line per column.
func (e *ColumnError) Error() string {
	lines := make([]string, len(e.Missing))
	for i, m := range e.Missing {
		lines[i] = m.String()
	}
	return strings.Join(lines, "\n")
}

// String says where the column is used, what is wrong and how to correct it.
func (m MissingColumn) String() string {
	var b strings.Builder
	if p := m.Pos.String(); p != "" {
		b.WriteString(p + ": ")
	}
	if m.Doubled {
		fmt.Fprintf(&b, "several columns of the worksheet are called %q; rename all but one, or use a letter: row[\"C\"]", m.Name)
		return b.String()
	}
	if m.Braced != "" {
		fmt.Fprintf(&b, "column %q: its name ends in a brace; write it as {{ %s }}", m.Braced, byName(m.Braced))
		return b.String()
	}
	fmt.Fprintf(&b, "the worksheet has no column %q", m.Name)
	if m.Syntax != "" {
		b.WriteString(", and it is not an expression: " + m.Syntax)
	}
	if m.Nearest != "" {
		fmt.Fprintf(&b, "; did you mean %q?", m.Nearest)
	}
	return b.String()
}

// Bind looks up the mapping's columns in a header. The error is a [*ColumnError] that lists every
// column that the header lacks or has more than once.
func (m *Mapping) Bind(h row.Header) (*Bound, error) {
	b := binder{header: h, missing: map[string]bool{}}
	bound := &Bound{mapping: m}
	if m.filter != nil {
		bound.filter = b.template(template{parts: []part{{program: m.filter}}})
	}
	for i := range m.actions {
		bound.actions = append(bound.actions, b.action(&m.actions[i]))
	}
	if len(b.err.Missing) > 0 {
		return nil, &b.err
	}
	bound.former = b.former
	return bound, nil
}

// Columns returns the names of the columns that the filter and the actions use, each once, in order
// of use.
func (b *Bound) Columns() []string {
	names := columnNames(b.filter.columns)
	for i := range b.actions {
		a := &b.actions[i]
		names = append(names, columnNames(a.id.columns)...)
		names = append(names, columnNames(a.eventName.columns)...)
		names = append(names, columnNames(a.time.columns)...)
		for _, p := range a.all() {
			names = append(names, p.columnNames()...)
		}
	}
	return unique(names)
}

// IdentityColumns returns the names of the columns that make up the identities (or object_id, fbid,
// gpid).
func (b *Bound) IdentityColumns() []string {
	var names []string
	for i := range b.actions {
		names = append(names, columnNames(b.actions[i].id.columns)...)
	}
	return unique(names)
}

func (p boundProperty) columnNames() []string {
	return append(columnNames(p.template.columns), columnNames(p.region.columns)...)
}

func columnNames(columns []boundColumn) []string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.name
	}
	return names
}

// FormerNames returns a warning for each column that the mapping calls by its name in earlier
// releases ([row.ShownHeader]), at the first use.
func (b *Bound) FormerNames() config.Diagnostics { return b.former }

// FormerName returns the warning for a column name of earlier releases; ok is false for any other
// name.
func FormerName(h row.Header, name string, pos config.Pos) (warning config.Diagnostic, ok bool) {
	now, ok := h.Outdated(name)
	if !ok {
		return config.Diagnostic{}, false
	}
	message := fmt.Sprintf("column %q is now called %q, as the sheet shows it", name, now)
	if i, _ := h.Index(name); h.Names()[i] != now {
		message = fmt.Sprintf("the sheet shows column %q and another column as %q, so it is now called by its letter", name, h.Names()[i])
	}
	return config.Diagnostic{
		Pos: pos, Warning: true,
		Message:    message,
		Suggestion: fmt.Sprintf("write %s instead; the old name still works", now),
	}, true
}

// binder looks up columns and collects the missing ones.
type binder struct {
	header  row.Header
	err     ColumnError
	missing map[string]bool
	former  config.Diagnostics
}

// find returns the 0-based index of a column, and records a warning if the name is a former one.
func (b *binder) find(use columnUse) (i int, ok bool) {
	w, former := FormerName(b.header, use.name, use.pos)
	if former && !slices.ContainsFunc(b.former, func(d config.Diagnostic) bool { return d.Message == w.Message }) {
		b.former = append(b.former, w)
	}
	return b.header.Index(use.name)
}

func (b *binder) action(a *action) boundAction {
	bound := boundAction{action: a, id: b.template(a.id), eventName: b.template(a.eventName), time: b.template(a.time)}
	for _, p := range a.properties {
		bound.properties = append(bound.properties, b.property(p))
	}
	for _, item := range a.items {
		var fields []boundProperty
		for _, p := range item {
			fields = append(fields, b.property(p))
		}
		bound.items = append(bound.items, fields)
	}
	if a.AllProperties {
		bound.properties = append(bound.properties, b.allProperties(&bound)...)
	}
	bound.trace()
	return bound
}

// trace sets the columns that each value of the action's records is made from.
func (a *boundAction) trace() {
	a.idFrom, a.eventNameFrom, a.timeFrom = indexesOf(a.id.columns), indexesOf(a.eventName.columns), indexesOf(a.time.columns)
	for _, p := range a.all() {
		p.from = append(indexesOf(p.template.columns), indexesOf(p.region.columns)...)
	}
}

// all returns the properties of the action and of its items.
func (a *boundAction) all() []*boundProperty {
	var all []*boundProperty
	for _, properties := range append([][]boundProperty{a.properties}, a.items...) {
		for i := range properties {
			all = append(all, &properties[i])
		}
	}
	return all
}

func indexesOf(columns []boundColumn) []int {
	indexes := make([]int, len(columns))
	for i, c := range columns {
		indexes[i] = c.index
	}
	return indexes
}

func (b *binder) property(p property) boundProperty {
	return boundProperty{property: p, template: b.template(p.value), region: b.template(p.countryFrom)}
}

func (b *binder) template(t template) boundTemplate {
	bound := boundTemplate{literal: t.literal}
	for _, p := range t.parts {
		bound.parts = append(bound.parts, b.part(p, &bound.columns))
	}
	return bound
}

// part resolves a part to a column if the header has one of that name, otherwise to an expression
// if it is one.
func (b *binder) part(p part, columns *[]boundColumn) boundPart {
	if p.name != "" {
		if i, ok := b.find(columnUse{p.name, p.pos}); ok {
			*columns = addColumn(*columns, boundColumn{p.name, hidden + p.name, i})
			return boundPart{column: i}
		}
		if p.program == nil || b.header.Doubled(p.name) || p.likelyName && b.hasNone(p.program) {
			b.miss(columnUse{p.name, p.pos}, p.problem, p.braced)
			return boundPart{column: noColumn}
		}
	}
	bound := boundPart{text: p.text, column: noColumn, program: p.program}
	if p.program == nil {
		return bound
	}
	for _, use := range p.program.columns {
		i, ok := b.find(use)
		if !ok {
			b.miss(use, "", "")
			continue
		}
		c := boundColumn{use.name, hidden + use.name, i}
		bound.columns = append(bound.columns, c)
		*columns = addColumn(*columns, c)
	}
	return bound
}

func (b *binder) hasNone(p *program) bool {
	return !slices.ContainsFunc(p.columns, func(use columnUse) bool {
		_, ok := b.header.Index(use.name)
		return ok
	})
}

func (b *binder) miss(use columnUse, problem, braced string) {
	if b.missing[use.name] {
		return
	}
	b.missing[use.name] = true
	m := Missing(b.header, use.name, use.pos)
	m.Braced, m.Syntax = braced, problem
	b.err.Missing = append(b.err.Missing, m)
}

func addColumn(columns []boundColumn, c boundColumn) []boundColumn {
	if slices.ContainsFunc(columns, func(have boundColumn) bool { return have.name == c.name }) {
		return columns
	}
	return append(columns, c)
}
