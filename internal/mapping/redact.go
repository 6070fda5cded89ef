package mapping

import (
	"slices"

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

// Redact returns a record as it may be shown where the cells of some columns may not: each value that such a cell is a part of is
// [Redacted], and no longer among the origins. It is no record to be sent.
func Redact(record []byte, origins []row.Origin, hidden map[int]bool) ([]byte, []row.Origin) {
	hides := func(o row.Origin) bool { return slices.ContainsFunc(o.Columns, func(c int) bool { return hidden[c] }) }
	if !slices.ContainsFunc(origins, hides) {
		return record, origins
	}
	shown, left, done := make([]byte, 0, len(record)), []row.Origin(nil), 0
	for _, o := range origins {
		shown = append(shown, record[done:o.From]...)
		from := len(shown)
		if hides(o) {
			shown = appendString(shown, Redacted)
		} else {
			shown = append(shown, record[o.From:o.To]...)
			left = append(left, row.Origin{From: from, To: len(shown), Columns: o.Columns})
		}
		done = o.To
	}
	return append(shown, record[done:]...), left
}
