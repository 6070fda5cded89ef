// Package mapping turns a spreadsheet row into CleverTap records, by the mapping of a zap file: one for each of its actions.
//
// It is pure: [Compile] takes a zap's recipe, [Mapping.Bind] the header of its worksheet, [Bound.Record] a row; each returns
// a value or says what is wrong and where. No clock, no I/O: a record's ts comes from the row or from [Context].
//
// # Templates
//
// A value is text with {{…}} in it. The text in braces is a column's name, spaces and all, where the worksheet has that
// column; anything else is an expression (https://expr-lang.org/docs/language-definition) in which columns are variables,
// and row["Any Name"] is the column of any name, or of a letter. Two braces themselves are written {{ "{{" }}.
//
// A lone {{…}} keeps the type of the cell or of the expression's result. Anywhere else it becomes text, and the whole text
// is trimmed of the white space around it. What comes out blank leaves its property out. A date made of date cells alone,
// such as {{Day}} {{Time}}, is in the spreadsheet's zone, as each of them is.
//
// # Expressions
//
// A number is a float64, a date cell a time.Time in the spreadsheet's zone, a blank cell nil. As in Sheets, a blank cell
// equals ""; to ==, !=, in, contains, startsWith, endsWith and matches it is like any other text that does not fit. Doing
// anything else with it fails the row and names the cell, unless the expression says what it means: Spend ?? 0.
// There is no now(): the same row gives the same record whenever it is mapped.
//
// # The budget of a row
//
// A zap file is written by people, and its expressions run on cells that others fill: each row has a budget of work, about
// 100 ms on the reference machine, and fails with words beyond it. Work is counted in units, by what is done and never by the
// clock, so that the verdict is the same on every machine. The constants of a zap are computed when it is loaded, with the same
// budget. No text is longer than 1 MB; all that a row makes on the way is bounded by the work, to about 150 MB at worst.
//
// expr-lang 1.17.8 offers less than that: MaxNodes bounds an expression to 10,000 nodes, which it does by default;
// vm.VM.MemoryBudget counts the items of lists and ranges, a million, and neither the bytes of texts (repeat alone) nor the
// rounds of predicates; nothing stops its VM from outside, no context nor deadline, and a goroutine that computes cannot be ended.
// So an evaluation ends itself, in the goroutine that asked for it: after the check of types, each predicate gets a call that pays
// for a round of it (a SequenceNode), and every operator and function whose work grows with its operands is replaced by a call that
// pays first (pricing.go, price.go). What is left costs by the number of its nodes. x in a..b is compared, without a list.
// Literal regular expressions are compiled here, for their size (pattern.go). More than two predicates inside one another, or a
// range of more than 10,000, is a warning: [Mapping.Warnings].
//
// # Rules
//
// What CleverTap is known to refuse fails the row, with CleverTap's code. Without a type of its own, a profile's predefined
// property (Email, Phone, Gender, …) is read by its rule: what people type becomes what CleverTap takes where that is certain
// ([clevertap.RuleOf]). What CleverTap probably accepts but does not keep is a warning, and fails nothing:
// [Mapping.Warnings] of the mapping alone, [Bound.Warnings] of a record.
package mapping

import (
	"slices"

	"github.com/rowtap/rowtap/internal/config"
)

// Mapping is a zap's compiled mapping; safe for concurrent use. Its actions are counted from 0, as in [config.Zap].
type Mapping struct {
	filter    *program // nil: every row passes
	filterPos config.Pos
	actions   []action
	warnings  config.Diagnostics
}

// action is a compiled [config.Action].
type action struct {
	*config.Action
	event      bool
	id         template
	eventName  template
	time       template
	hasTime    bool
	properties []property
	items      [][]property // of Charged
}

// Compile compiles the filter and the actions of a zap. It checks everything that can be known without a sheet: braces,
// expressions, formats, ops, and values that no row can change. The error is [config.Diagnostics] with every mistake.
func Compile(z *config.Zap) (*Mapping, error) {
	var c compilation
	m := &Mapping{actions: make([]action, len(z.Actions))}
	if z.Filter != nil {
		m.filter, m.filterPos = c.filter(*z.Filter), z.Filter.Pos
	}
	for i := range z.Actions {
		m.actions[i] = c.compileAction(&z.Actions[i])
	}
	if len(c.mistakes) > 0 {
		return nil, c.mistakes
	}
	for i := range m.actions {
		c.warn(&m.actions[i])
	}
	m.warnings = c.warnings
	return m, nil
}

// Warnings returns what is allowed in the mapping, but what CleverTap probably drops or takes otherwise than meant, as far
// as it can be known without a row. What a row adds, [Bound.Warnings] says.
func (m *Mapping) Warnings() config.Diagnostics { return m.warnings }

// Columns returns the tidy names of the columns that the filter and the actions use, each once, in order of use, as far as
// they can be known without a header: a text in braces such as {{E-mail}} counts as a column's name when it is written
// without spaces around its signs, and `properties: all` adds nothing. [Bound.Columns] knows exactly.
func (m *Mapping) Columns() []string {
	var names []string
	if m.filter != nil {
		names = m.filter.appendColumns(names)
	}
	for i := range m.actions {
		names = m.actions[i].appendColumns(names)
	}
	return unique(names)
}

func (a *action) appendColumns(names []string) []string {
	names = a.id.appendColumns(names)
	names = a.eventName.appendColumns(names)
	names = a.time.appendColumns(names)
	for _, p := range a.properties {
		names = p.appendColumns(names)
	}
	for _, item := range a.items {
		for _, p := range item {
			names = p.appendColumns(names)
		}
	}
	return names
}

func (p property) appendColumns(names []string) []string {
	return p.countryFrom.appendColumns(p.value.appendColumns(names))
}

// IdentityColumns returns the tidy names of the columns that the identities (or object_id, fbid, gpid) use: the default of
// a trigger's require. [Bound.IdentityColumns] knows exactly.
func (m *Mapping) IdentityColumns() []string {
	var names []string
	for i := range m.actions {
		names = m.actions[i].id.appendColumns(names)
	}
	return unique(names)
}

// unique drops all but the first of equal names, in place.
func unique(names []string) []string {
	seen := make(map[string]bool, len(names))
	return slices.DeleteFunc(names, func(name string) bool {
		if seen[name] {
			return true
		}
		seen[name] = true
		return false
	})
}
