package detect

import (
	"iter"
	"slices"

	"github.com/rowtap/rowtap/internal/row"
)

// Backfill lets rows fire that were there at the start, because an operator asks for it. It takes
// them a part at a time, as they are read again, and what a part costs depends on its rows, not on
// all: a worksheet of a million rows has a hundred parts.
//
// A Backfill is for one goroutine. Cursors that it returns are not for use once it goes on.
type Backfill struct {
	cursor  Cursor // its Rows are the backfill's own
	changed []int  // chunks of rows in which rows have fired, ascending
}

// NewBackfill returns the backfill of a worksheet, which goes on from a cursor.
func NewBackfill(c Cursor) *Backfill {
	c.Rows = slices.Clone(c.Rows)
	return &Backfill{cursor: c}
}

// Known counts rows by what they are to the zap.
type Known struct {
	Old       int // there at the start, and have not fired
	Waiting   int // not complete since the start: they fire by themselves once they are
	Delivered int // have a delivery: sent, queued, waiting, skipped, failed, held or given up
}

// Known counts the rows from one sheet row to another, both included.
func (b *Backfill) Known(from, to int) (k Known) {
	for s := range b.between(from, to) {
		switch {
		case s.Delivery != 0:
			k.Delivered++
		case s.Waits:
			k.Waiting++
		default:
			k.Old++
		}
	}
	return k
}

// Old returns the sheet rows, from one to another, that were there at the start and have not fired,
// in order.
func (b *Backfill) Old(from, to int) []int {
	numbers := make([]int, 0, b.Known(from, to).Old)
	for s := range b.between(from, to) {
		if s.mayBackfill() {
			numbers = append(numbers, int(s.Number))
		}
	}
	return numbers
}

// mayBackfill tells whether a row was there at the start and has not fired. A row that was taken
// for an edited old one has a delivery.
func (s Seen) mayBackfill() bool { return !s.Waits && s.Delivery == 0 }

func (b *Backfill) between(from, to int) iter.Seq[Seen] {
	return func(yield func(Seen) bool) {
		i, _ := b.cursor.index(from)
		for _, s := range b.cursor.Rows[i:] {
			if int(s.Number) > to || !yield(s) {
				return
			}
		}
	}
}

// BackfillState is what a row that was read again is to a backfill.
type BackfillState uint8

// The states of rows that were read again.
const (
	BackfillReady      BackfillState = iota // it may fire
	BackfillFired                           // it may not: it has fired, waits or is held
	BackfillIncomplete                      // it is not complete: a cell of Options.Require or Options.Key is empty
	BackfillKeyTaken                        // another row of its key has fired, or stands above it
	BackfillChanged                         // it is not what was last seen in its place: only a comparison of the whole worksheet tells what it is
)

// Check tells of each row that was read again what it is. It may fire only if what is known is
// about it: all of its cells are as they were. Numbers may be others, as those of formulas are at
// each read, but not in the columns telling, if the row is more like the one known in its place
// than like any near it ([KnownRows.Shows]), and no other of the rows differs in more: that may be a
// shift, which numbers hide where rows have their words in common. The rows are in sheet order,
// dates or not.
func (b *Backfill) Check(h row.Header, rows []row.Row, telling []string, o Options) []BackfillState {
	states := make([]BackfillState, len(rows))
	cursor := b.cursor.named(h, o.Key)
	seen, needed := cursor.Under(h), append(columnsOf(h, o.Require), columnsOf(h, o.Key)...)
	keyed, _ := cursor.keyedAs(o)
	known := keyed && seen.whole()
	strict := columnsOf(h, telling)
	var recalculated []int
	for n, r := range rows {
		i, ok := b.cursor.index(r.Number)
		switch {
		case !known || !ok:
			states[n] = BackfillChanged
		case !b.cursor.Rows[i].mayBackfill():
			states[n] = BackfillFired
		case seen.Equals(r):
		case seen.recalculated(i, r, strict) && seen.Shows(r):
			recalculated = append(recalculated, n)
		default:
			states[n] = BackfillChanged
		}
	}
	if slices.Contains(states, BackfillChanged) {
		for _, n := range recalculated {
			states[n] = BackfillChanged
		}
	}
	for n, r := range rows {
		if states[n] == BackfillReady && short(r, needed) {
			states[n] = BackfillIncomplete
		}
	}
	if len(b.cursor.KeyedBy) > 0 {
		b.findTwins(rows, states)
	}
	return states
}

// whole tells whether all named columns that are known are there.
func (s KnownRows) whole() bool {
	for k, name := range s.c.Columns {
		if s.at[k] < 0 && named(name) {
			return false
		}
	}
	return true
}

// recalculated tells whether a row is the one at index i but for numbers, and not for those in the
// columns strict.
func (s KnownRows) recalculated(i int, r row.Row, strict []int) bool {
	for k, was := range s.c.row(i) {
		if s.at[k] < 0 {
			continue
		}
		c := r.Cell(s.at[k])
		if hashCell(c) != was && (was == 0 || c.Kind != row.Number && c.Kind != row.Date || slices.Contains(strict, s.at[k])) {
			return false
		}
	}
	return true
}

// short tells whether a row lacks a cell.
func short(r row.Row, needed []int) bool {
	return slices.ContainsFunc(needed, func(col int) bool {
		return col < 0 || r.Cell(col).Blank() || r.Cell(col).ErrorText()
	})
}

// findTwins finds the rows whose key another row has that fired, or that stands above: with a key,
// it fires once.
func (b *Backfill) findTwins(rows []row.Row, states []BackfillState) {
	of := make(map[uint64]int, len(rows)) // the first of the rows given, by key
	for n, r := range rows {
		i, known := b.cursor.index(r.Number)
		if !known || states[n] != BackfillReady {
			continue
		}
		if _, doubled := of[b.cursor.keyOf(i).Sum]; doubled {
			states[n] = BackfillKeyTaken
			continue
		}
		of[b.cursor.keyOf(i).Sum] = n
	}
	for i, s := range b.cursor.Rows {
		if n, ok := of[b.cursor.keyOf(i).Sum]; ok && int(s.Number) != rows[n].Number && (!s.mayBackfill() || int(s.Number) < rows[n].Number) {
			states[n] = BackfillKeyTaken
		}
	}
}

// Fire lets rows fire, by their sheet rows in order: each gets the next delivery, from the given
// one on.
func (b *Backfill) Fire(numbers []int, next uint64) {
	for _, number := range numbers {
		i, known := b.cursor.index(number)
		if !known {
			continue
		}
		b.cursor.Rows[i].Delivery = next
		next++
		if chunk := i / chunkRows; len(b.changed) == 0 || b.changed[len(b.changed)-1] != chunk {
			b.changed = append(b.changed, chunk)
		}
	}
	b.cursor.Next = next
}

// Cursor returns what is known now.
func (b *Backfill) Cursor() Cursor { return b.cursor }

// Since returns the number of the cursor's chunks and those that have changed since it was last
// called, as [Cursor.Since] does.
func (b *Backfill) Since() (n int, each iter.Seq2[int, []byte]) {
	c, changed := b.cursor, slices.Compact(slices.Sorted(slices.Values(b.changed)))
	b.changed = nil
	if c.stale() {
		b.cursor.format = formatVersion
		return c.Since(Cursor{})
	}
	n = 1 + chunksFor(len(c.Rows)) + keyChunks(len(c.Keys)) + chunksFor(len(c.Gone))
	return n, func(yield func(int, []byte) bool) {
		if !yield(0, c.encodeHead()) {
			return
		}
		for _, i := range changed {
			if !yield(1+i, c.encodeRows(i*chunkRows, min((i+1)*chunkRows, len(c.Rows)))) {
				return
			}
		}
	}
}
