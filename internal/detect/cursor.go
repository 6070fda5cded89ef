package detect

import (
	"cmp"
	"slices"
	"time"
)

// Cursor is what is remembered of a worksheet between two polls. The zero value knows no row; [Begin] makes one.
// [Cursor.Encode] and [Decode] are its only serial form. Nothing in this package changes a Cursor that it was given;
// two cursors may share memory.
type Cursor struct {
	Columns []string // names of the compared columns at the last read, made distinct; ignored ones are left out
	Broken  []string // names of columns that showed little but errors at the last read, and are not compared
	Rows    []Seen   // every row below the header that says something, in sheet order
	Cells   []uint32 // cell hashes of Rows, row after row, len(Columns) each; 0: blank
	RowKeys []uint64 // with Options.Key: hashes of the keys of Rows; 0: it has had none yet
	Gone    []Gone   // rows that vanished within the last day, oldest first
	Keys    []uint64 // with Options.Key: hashes of the keys ever seen, ascending
	KeyedBy []string // the Options.Key that Keys and RowKeys are of; empty: without key
	Next    uint64   // number of the zap's next delivery, ≥ 1
	Doubt   Doubt    // what the last read looked like if it was not believed
}

// Seen is a known row.
type Seen struct {
	Number   int32 // 1-based sheet row at the last read
	Mark     Mark
	Delivery uint64 // 0: none, it was there at the start
	Since    int64  // since when the row has looked as it does now: unix seconds, rounded up; the first read counts as a change
}

// Mark says what a known row is to the zap.
type Mark uint8

// The marks of known rows.
const (
	MarkOld     Mark = iota // there at the start, or skipped as old: never fires
	MarkFired               // has fired: never fires again
	MarkWaiting             // not ready yet: fires once it is
	MarkHeld                // waits for an operator: never fires by itself
)

// String returns the mark as operators read it.
func (m Mark) String() string {
	switch m {
	case MarkOld:
		return "old"
	case MarkFired:
		return "fired"
	case MarkWaiting:
		return "waiting"
	case MarkHeld:
		return "held"
	}
	return "unknown"
}

// Gone is a row that vanished. When a row of the same content comes back within a day it is the same row.
type Gone struct {
	Sum      uint64 // fingerprint of the row; of its key if it had one
	At       int64  // unix seconds
	Mark     Mark
	Delivery uint64 // 0: none
}

const (
	goneFor = 24 * time.Hour
	// goneMax bounds the memory of vanished rows of a worksheet that is rewritten with new content at every poll.
	goneMax = 1 << 18
)

// Doubt is the memory of a read that was not believed. The zero value is no doubt.
type Doubt struct {
	Kind  DoubtKind
	Count int // known rows that were missing, or rows that held error texts
	// Emptied tells that two reads in a row have found no rows, and none was believed since: what is typed now is no
	// edit. It outlasts other doubts.
	Emptied bool
}

// DoubtKind is a reason not to believe a read.
type DoubtKind uint8

// The doubts that are remembered. A second read dispels them, but for DoubtEmpty.
const (
	NoDoubt     DoubtKind = iota
	DoubtGone             // half of the known rows or more are missing
	DoubtErrors           // half of the rows or more show error texts
	DoubtEmpty            // all rows are missing
)

// At returns what is known of the 1-based sheet row number, as of the last read.
func (c Cursor) At(number int) (Seen, bool) {
	i, ok := c.index(number)
	if !ok {
		return Seen{}, false
	}
	return c.Rows[i], true
}

// index returns the index of the first row from sheet row number on, and whether it is that.
func (c Cursor) index(number int) (int, bool) {
	return slices.BinarySearchFunc(c.Rows, number, func(s Seen, n int) int { return cmp.Compare(int(s.Number), n) })
}

// keyOf returns the hash of the key of the row at index i; 0: it has none.
func (c Cursor) keyOf(i int) uint64 {
	if len(c.RowKeys) == 0 {
		return 0
	}
	return c.RowKeys[i]
}

// row returns the cell hashes of the row at index i.
func (c Cursor) row(i int) []uint32 {
	w := len(c.Columns)
	return c.Cells[i*w : (i+1)*w]
}

// same tells whether a read shows just what is known, and no row waits.
func (c Cursor) same(rd *reading) bool {
	if len(c.Rows) != len(rd.rows) || c.Doubt != (Doubt{}) || !slices.Equal(c.KeyedBy, rd.opts.Key) ||
		!slices.Equal(c.Columns, rd.columns) || !slices.Equal(c.Broken, rd.broken) || !slices.Equal(c.Cells, rd.cells) {
		return false
	}
	for j, s := range c.Rows {
		if s.Number != rd.rows[j] || s.Mark == MarkWaiting || rd.keys != nil && c.RowKeys[j] != rd.keys[j] {
			return false
		}
	}
	return true
}
