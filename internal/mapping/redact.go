package mapping

import (
	"github.com/rowtap/rowtap/internal/row"
)

// Redacted stands in place of a value that is not to be shown.
const Redacted = "[redacted]"

// Hidden returns which columns of a header, counted from 0, are meant by names of columns whose cells are not to be shown: all
// of a name, where several have it.
func Hidden(h row.Header, names []string) map[int]bool {
	hidden := map[int]bool{}
	for _, name := range names {
		if i, ok := h.Index(name); ok {
			hidden[i] = true
		}
		for i, other := range h.Names() {
			if other != "" && other == row.TidyName(name) {
				hidden[i] = true
			}
		}
	}
	return hidden
}

// Shown returns an action's record of a row as it may be shown where the cells of some columns may not: each value that such
// a cell is a part of is [Redacted]. It is no record to be sent. The error is that of [Bound.Record].
func (b *Bound) Shown(nth int, r row.Row, ctx Context, hidden map[int]bool) ([]byte, error) {
	rec, err := b.actions[nth].record(&evaluation{row: r, ctx: ctx, hidden: hidden})
	return rec.JSON, err
}

// hides tells whether a cell that is not to be shown is a part of the template's value.
func (e *evaluation) hides(t boundTemplate) bool {
	if e.hidden == nil {
		return false
	}
	for _, c := range t.columns {
		if e.hidden[c.index] {
			return true
		}
	}
	return false
}
