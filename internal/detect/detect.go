// Package detect decides which rows of a worksheet are new.
package detect

import (
	"time"

	"github.com/rowtap/rowtap/internal/row"
)

// Begin returns the cursor of a worksheet that is read for the first time. Rows up to the 1-based sheet row oldTo are
// there already ([math.MaxInt]: all of them, 0: none); those that are not ready wait without a delivery and are found
// once they are. The rows below oldTo are found at once, however many they are, numbered from next on (1 if it is 0).
//
// The only Doubt is a key column that the header does not have; there is no cursor to keep then.
func Begin(t row.Table, o Options, oldTo int, next uint64, now time.Time) Result {
	rd := read(t, o)
	b := newBuilder(Cursor{Next: max(next, 1)}, rd, now)
	if reason := rd.keyless(); reason != "" {
		return Result{Cursor: b.old, Doubt: reason, Unchanged: true}
	}
	for j := range rd.rows {
		b.first(j, rd.row(j).Number <= oldTo)
	}
	r := b.result()
	r.Unchanged = false
	return r
}

// Diff compares a read of a worksheet with what is known of it. It never changes c.
func Diff(c Cursor, t row.Table, o Options, now time.Time) Result {
	rd := read(t, o)
	if reason := senseless(c, rd); reason != "" {
		return doubted(c, Doubt{}, reason)
	}
	if c.same(rd) {
		return Result{Cursor: c, Unchanged: true}
	}
	m := newMatching(c, rd)
	b := newBuilder(c, rd, now)
	if rd.keys != nil && b.keyed() {
		m.byKey(c, rd)
	} else {
		m.strip()
	}
	m.exact()
	missing := m.gone()
	b.comeBack(m)
	m.edits(c.Rows)
	if d, reason := improbable(c, rd, m.gone(), missing); reason != "" && !d.confirms(c.Doubt) {
		return doubted(c, d, reason)
	}
	b.compare(m)
	b.holdFlood()
	return b.result()
}
