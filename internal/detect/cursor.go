package detect

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"
)

// Cursor is what is remembered of a worksheet between two polls: how its rows look, and which
// delivery each of them has. What became of a delivery is the ledger's to say; [Options].Open
// brings it to each comparison. The zero value knows no row; [Begin] makes one. [Cursor.Encode] and
// [Decode] are its only serial form. Nothing in this package changes a Cursor that it was given;
// two cursors may share memory.
type Cursor struct {
	Columns []string // names of the compared columns at the last read, made distinct; ignored ones are left out
	Phones  []string // names of those that mostly held phone numbers, which fold by their digits
	Broken  []string // names of columns that showed little but errors at the last read, and are not compared
	Rows    []Seen   // every row below the header that says something, in sheet order
	Cells   []uint32 // cell hashes of Rows, row after row, len(Columns) each; 0: blank
	Folds   []uint32 // folded hashes of Cells; nil in a cursor that a release without them wrote, until its first believed read
	RowKeys []RowKey // with Options.Key: the keys of Rows; zero: it has had none yet
	Gone    []Gone   // rows that vanished within the last day, oldest first
	Keys    []Key    // with Options.Key: the keys ever seen, ascending by Sum
	KeyedBy []string // the Options.Key that Keys and RowKeys are of; empty: without key
	Next    uint64   // number of the zap's next delivery, ≥ 1
	Doubt   Doubt    // what the last read looked like if it was not believed

	format byte // that the cursor was decoded from; 0: of none
}

// Seen is a known row.
type Seen struct {
	Number int32 // 1-based sheet row at the last read
	// Waits tells that the row has no delivery yet and was not complete so far: it fires once it
	// is.
	Waits bool
	// Copy tells that the row came as a copy of another: it is ready once it has not changed for
	// Options.SettleCopies.
	Copy     bool
	Delivery uint64 // the row's first delivery; 0: none, it was there at the start; Unknown
	Since    int64  // since when the row has looked as it does now: unix seconds, rounded up; the first read counts as a change
}

// Unknown is the delivery of a row that may have fired under an earlier release, which did not keep
// its number. It never fires.
const Unknown = math.MaxUint64

// RowKey is the key of a row, hashed.
type RowKey struct {
	Sum  uint64 // 0: a part of the key is blank
	Fold uint32 // of its letters and digits alone; 0: unknown
}

// Key is a key that was seen.
type Key struct {
	Sum uint64
	// Delivery is that of the last row of the key which has vanished; 0: none has, or it was there
	// at the start; Unknown.
	Delivery uint64
}

// Gone is a row that vanished. When a row of the same content comes back within a day it is the
// same row.
type Gone struct {
	Sum      uint64 // fingerprint of the row; of its key if it had one
	Fold     uint64 // the same of its folded cells, or of its folded key; 0: unknown
	At       int64  // unix seconds
	Waits    bool   // as in Seen, like the next two
	Copy     bool
	Delivery uint64
}

const (
	goneFor = 24 * time.Hour
	// maxGone bounds the memory of vanished rows of a worksheet that is rewritten with new content
	// at every poll.
	maxGone = 1 << 18
)

// Doubt is the memory of a read that was not believed. The zero value is no doubt.
type Doubt struct {
	Kind  DoubtKind
	Count int // known rows that were missing, or rows that held error texts
	// Emptied tells that two reads in a row have found no rows, and none was believed since: what
	// is typed now is no edit. It outlasts other doubts.
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

// Forgotten returns those of some deliveries whose rows no later read can tell any more: they are not
// in the worksheet, vanished longer than a day ago, and have left no key.
func (c Cursor) Forgotten(deliveries map[uint64]bool, now time.Time) map[uint64]bool {
	// An hour more than comeBack looks back, for a clock that is corrected.
	oldest := now.Add(-goneFor - time.Hour).Unix()
	lost := maps.Clone(deliveries)
	for _, s := range c.Rows {
		delete(lost, s.Delivery)
	}
	for _, g := range c.Gone {
		if g.At > oldest {
			delete(lost, g.Delivery)
		}
	}
	for _, k := range c.Keys {
		delete(lost, k.Delivery)
	}
	return lost
}

// keyOf returns the key of the row at index i; zero: it has none.
func (c Cursor) keyOf(i int) RowKey {
	if len(c.RowKeys) == 0 {
		return RowKey{}
	}
	return c.RowKeys[i]
}

// seenKey returns the key of a sum that was seen before.
func (c Cursor) seenKey(sum uint64) (Key, bool) {
	i, seen := slices.BinarySearchFunc(c.Keys, sum, func(k Key, sum uint64) int { return cmp.Compare(k.Sum, sum) })
	if !seen || sum == 0 {
		return Key{}, false
	}
	return c.Keys[i], true
}

// folded tells whether the cursor has folded hashes. One of an earlier release has none, and is
// compared without.
func (c Cursor) folded() bool { return c.Folds != nil || len(c.Rows) == 0 }

// row returns the cell hashes of the row at index i.
func (c Cursor) row(i int) []uint32 {
	w := len(c.Columns)
	return c.Cells[i*w : (i+1)*w]
}

// folds returns the folded cell hashes of the row at index i; nil: they are unknown.
func (c Cursor) folds(i int) []uint32 {
	if c.Folds == nil {
		return nil
	}
	w := len(c.Columns)
	return c.Folds[i*w : (i+1)*w]
}

// same tells whether a read shows just what is known, and no row waits.
func (c Cursor) same(rd *reading) bool {
	if len(c.Rows) != len(rd.rows) || c.Doubt != (Doubt{}) || !slices.Equal(c.KeyedBy, rd.opts.keyedBy()) ||
		!slices.Equal(c.Columns, rd.columns) || !slices.Equal(c.Broken, rd.broken) || !slices.Equal(c.Cells, rd.cells) ||
		!slices.Equal(c.Folds, rd.folds) {
		return false
	}
	for j, s := range c.Rows {
		if s.Number != rd.rows[j] || rd.opts.waits(s) || rd.keys != nil && c.RowKeys[j] != rd.keys[j].RowKey {
			return false
		}
	}
	return true
}
