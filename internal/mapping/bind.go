package mapping

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/row"
)

// Bound maps the rows of one header; safe for concurrent use.
type Bound struct {
	mapping *Mapping
	filter  boundTemplate // of one part, if there is a filter
	actions []boundAction
	former  config.Diagnostics
}

// boundAction is an action whose columns are found.
type boundAction struct {
	*action
	id         boundTemplate
	eventName  boundTemplate
	time       boundTemplate
	properties []boundProperty
	items      [][]boundProperty

	idFrom, eventNameFrom, timeFrom []int // their columns, in order of use
}

// boundTemplate is a template whose columns are found.
type boundTemplate struct {
	literal any
	parts   []boundPart
	columns []boundColumn // that it uses, each once
}

// boundPart is literal text, a column or an expression.
type boundPart struct {
	text    string
	column  int // 0-based; noColumn for text and expressions
	program *program
	columns []boundColumn // that the expression uses
}

const noColumn = -1

type boundProperty struct {
	property
	template boundTemplate
	region   boundTemplate // the country of phone numbers, where each row has its own
	from     []int         // the columns of both, in order of use
}

type boundColumn struct {
	name   string // as the mapping calls it
	hidden string // as expressions call it
	index  int    // 0-based
}

// MissingColumn is a column that a mapping uses and a header has not, or has more than once.
type MissingColumn struct {
	Name    string     // tidy; a text in braces that is no expression either
	Pos     config.Pos // the first place that uses it
	Doubled bool       // several columns share the name
	Nearest string     // the name in the header that is most like it; "" if none is
	Whole   string     // the name that is meant where braces in it end the text; "" where they do not
	Syntax  string     // why the text in braces is no expression; "" where only a name can be meant
}

// ColumnError is every column that a mapping misses in a header.
type ColumnError struct{ Missing []MissingColumn }

// Error returns a line for each column.
func (e *ColumnError) Error() string {
	lines := make([]string, len(e.Missing))
	for i, m := range e.Missing {
		lines[i] = m.String()
	}
	return strings.Join(lines, "\n")
}

// String returns where the column is used, what is wrong and what to do about it.
func (m MissingColumn) String() string {
	var b strings.Builder
	if p := m.Pos.String(); p != "" {
		b.WriteString(p + ": ")
	}
	if m.Doubled {
		fmt.Fprintf(&b, "several columns of the worksheet are called %q; rename all but one, or use a letter: row[\"C\"]", m.Name)
		return b.String()
	}
	if m.Whole != "" {
		fmt.Fprintf(&b, "the braces of %q end before its name does; write it as {{ %s }}", m.Whole, byName(m.Whole))
		return b.String()
	}
	fmt.Fprintf(&b, "the worksheet has no column %q", m.Name)
	if m.Syntax != "" {
		b.WriteString(", nor is it an expression: " + m.Syntax)
	}
	if m.Nearest != "" {
		fmt.Fprintf(&b, "; did you mean %q?", m.Nearest)
	}
	return b.String()
}

// Bind finds the mapping's columns in a header. The error is a [*ColumnError] with every column that is missing, or that
// several columns share.
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

// Columns returns the names of the columns that the filter and the actions use, each once, in order of use.
func (b *Bound) Columns() []string {
	names := columnNames(b.filter.columns)
	for i := range b.actions {
		a := &b.actions[i]
		names = append(names, columnNames(a.id.columns)...)
		names = append(names, columnNames(a.eventName.columns)...)
		names = append(names, columnNames(a.time.columns)...)
		for _, p := range a.properties {
			names = append(names, p.columnNames()...)
		}
		for _, item := range a.items {
			for _, p := range item {
				names = append(names, p.columnNames()...)
			}
		}
	}
	return unique(names)
}

// IdentityColumns returns the names of the columns that the identities (or object_id, fbid, gpid) use.
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

// FormerNames returns a warning for each name that the mapping uses and that a column had in earlier releases ([row.ShownHeader]),
// at the first place that uses it.
func (b *Bound) FormerNames() config.Diagnostics { return b.former }

// FormerName returns the warning of a name that a column of the header had in earlier releases; ok is false for any other name.
func FormerName(h row.Header, name string, pos config.Pos) (warning config.Diagnostic, ok bool) {
	now, ok := h.Outdated(name)
	if !ok {
		return config.Diagnostic{}, false
	}
	message := fmt.Sprintf("the sheet shows the name of column %q as %q, and so it is called now", name, now)
	if i, _ := h.Index(name); h.Names()[i] != now {
		message = fmt.Sprintf("the sheet shows the name of column %q as %q, as that of another column, so it is called by its letter now", name, h.Names()[i])
	}
	return config.Diagnostic{
		Pos: pos, Warning: true,
		Message:    message,
		Suggestion: fmt.Sprintf("write %s in its place; the old name still works", now),
	}, true
}

// binder looks columns up, and collects those that are not there.
type binder struct {
	header  row.Header
	err     ColumnError
	missing map[string]bool
	former  config.Diagnostics
}

// find looks a column up.
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

// trace notes which columns each value of the action's records is made of.
func (a *boundAction) trace() {
	a.idFrom, a.eventNameFrom, a.timeFrom = indexesOf(a.id.columns), indexesOf(a.eventName.columns), indexesOf(a.time.columns)
	for _, properties := range append([][]boundProperty{a.properties}, a.items...) {
		for i := range properties {
			p := &properties[i]
			p.from = append(indexesOf(p.template.columns), indexesOf(p.region.columns)...)
		}
	}
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

// part decides what a part is: a column where the header has it, else an expression where it can be one.
func (b *binder) part(p part, columns *[]boundColumn) boundPart {
	if p.name != "" {
		if i, ok := b.find(columnUse{p.name, p.pos}); ok {
			*columns = addColumn(*columns, boundColumn{p.name, hidden + p.name, i})
			return boundPart{column: i}
		}
		if p.program == nil || b.header.Doubled(p.name) || p.likelyName && b.hasNone(p.program) {
			b.miss(columnUse{p.name, p.pos}, p.problem, p.whole)
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
	for _, use := range p.columns {
		if _, ok := b.header.Index(use.name); ok {
			return false
		}
	}
	return true
}

func (b *binder) miss(use columnUse, problem, whole string) {
	if b.missing[use.name] {
		return
	}
	b.missing[use.name] = true
	m := MissingColumn{Name: use.name, Pos: use.pos, Doubled: b.header.Doubled(use.name), Whole: whole, Syntax: problem}
	if !m.Doubled {
		m.Nearest = config.Nearest(use.name, b.header.Names())
	}
	b.err.Missing = append(b.err.Missing, m)
}

func addColumn(columns []boundColumn, c boundColumn) []boundColumn {
	for _, have := range columns {
		if have.name == c.name {
			return columns
		}
	}
	return append(columns, c)
}
