package mapping

import (
	"slices"

	"github.com/rowtap/rowtap/internal/row"
)

// Redacted replaces a value that must not be shown.
const Redacted = "[redacted]"

// Hidden returns the indexes (0-based) of the columns with the given names, whose cells must not be
// shown. If several columns share a name, all of them are hidden.
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

// Redact returns a record for display, with each value made from a hidden column replaced by
// [Redacted] and removed from the origins. The result must not be sent.
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
