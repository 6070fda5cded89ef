// Package mapping turns a spreadsheet row into CleverTap records, one for each action of a zap.
//
// It does no I/O and reads no clock: [Compile] takes the recipe of a zap, [Mapping.Bind] the header
// of its worksheet, and [Bound.Record] a row. Each returns a value, or an error with the reason and
// the place. The ts of a record comes from the row or from [Context].
//
// # Templates
//
// A value is text with {{…}} in it. The text in braces is a column name, spaces included, if the
// worksheet has that column. Anything else is an expression
// (https://expr-lang.org/docs/language-definition) in which columns are variables; row["Any Name"]
// is a column by any name, or by its letter. Literal braces are written {{ "{{" }}.
//
// A value that is a single {{…}} keeps the type of the cell or of the result. Any other becomes
// text, trimmed of surrounding white space. A blank value leaves its property out. Text made of
// date cells alone, such as {{Day}} {{Time}}, is in the time zone of the spreadsheet, like the
// cells.
//
// # Expressions
//
// A number is a float64, a date cell a time.Time in the time zone of the spreadsheet, and a blank
// cell nil. As in Sheets, a blank cell equals "". The operators ==, !=, in, contains, startsWith,
// endsWith and matches treat it as any other text that does not match. Any other use of a blank
// cell fails the row and names the cell, unless the expression has a default: Spend ?? 0. There is
// no now(): the same row always gives the same record.
//
// # The budget of a row
//
// Operators write the expressions, and others fill the cells that they run on. Each row therefore
// has a budget of work, about 100 ms on the reference machine, and fails with an error beyond it.
// Work is counted in units rather than time, so that the result is the same on every machine. The
// constants of a zap are computed when it is loaded, with the same budget. No text is longer than
// 1 MB. The budget also bounds the memory of a row, to about 150 MB at worst.
//
// expr-lang 1.17.8 has no such limits. MaxNodes bounds an expression to 10,000 nodes, which is its
// default. vm.VM.MemoryBudget counts a million items of lists and ranges, but neither the bytes of
// text (see repeat) nor the rounds of predicates. Its VM takes no context or deadline, and a
// goroutine cannot be stopped from outside. Evaluations therefore stop themselves: after type
// checking, each predicate gets a call that pays for one round of it (a SequenceNode), and each
// operator and function whose work grows with its operands is replaced by a call that pays first
// (pricing.go, price.go). The rest costs by the number of its nodes. x in a..b is compared without
// building a list. Literal regular expressions are compiled here and paid for by their size
// (pattern.go). More than two nested predicates, or a range of more than 10,000, is a warning
// ([Mapping.Warnings]).
//
// # Rules
//
// Whatever CleverTap is known to refuse fails the row, with CleverTap's code. A predefined profile
// property (Email, Phone, Gender, …) without a type follows CleverTap's rule for it: common
// spellings are converted to what CleverTap accepts if the meaning is certain ([clevertap.RuleOf]).
// Whatever CleverTap probably accepts but does not store is a warning: [Mapping.Warnings] for the
// mapping, [Bound.Warnings] for a record.
package mapping

import (
	"slices"

	"github.com/rowtap/rowtap/internal/config"
)

// Mapping is the compiled mapping of a zap. It is safe for concurrent use. Actions count from 0, as
// in [config.Zap].
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

// Compile compiles the filter and the actions of a zap. It checks everything that does not depend
// on a sheet: braces, expressions, formats, ops and constant values. The error is a
// [config.Diagnostics] with every mistake.
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

// Warnings returns what CleverTap probably drops or interprets differently, as far as the mapping
// shows it. [Bound.Warnings] does the same for a record.
func (m *Mapping) Warnings() config.Diagnostics { return m.warnings }

// Columns returns the tidy names of the columns that the filter and the actions use, each once, in
// order of use. It is a guess without a header: a text in braces such as {{E-mail}} counts as a
// column name if there are no spaces around its signs, and `properties: all` adds nothing.
// [Bound.Columns] is exact.
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

// IdentityColumns returns the tidy names of the columns that make up the identities (or object_id,
// fbid, gpid), the default of a trigger's require. [Bound.IdentityColumns] is exact.
func (m *Mapping) IdentityColumns() []string {
	var names []string
	for i := range m.actions {
		names = m.actions[i].id.appendColumns(names)
	}
	return unique(names)
}

// unique removes duplicate names in place and keeps the first of each.
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
