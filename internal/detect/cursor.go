package detect

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"
)

// Cursor is what is remembered of a worksheet between two polls: how its rows look, and the
// delivery of each. The outcome of a delivery is in the ledger; [Options].Open passes what is
// needed to each comparison. The zero value knows no rows; [Begin] returns the first cursor.
// [Cursor.Encode] and [Decode] convert it to and from its only stored form. This package never
// modifies a Cursor it was given, and cursors may share memory.
type Cursor struct {
	Columns []string // columns compared at the last read: distinct names, without ignored ones
	Phones  []string // columns of mostly phone numbers, which fold to their digits
	Broken  []string // columns of mostly errors at the last read, which are not compared
	Rows    []Seen   // all rows below the header that have content, in sheet order
	Cells   []uint32 // cell hashes of Rows, len(Columns) for each row; 0: blank
	// Folds are the folded hashes of Cells; nil if a release without them wrote the cursor, until
	// the first read that is not doubted.
	Folds   []uint32
	RowKeys []RowKey // with Options.Key: the keys of Rows; zero: no key yet
	Gone    []Gone   // rows that vanished within the last day, oldest first
	Keys    []Key    // with Options.Key: all keys ever seen, ascending by Sum
	KeyedBy []string // the Options.Key that Keys and RowKeys belong to; empty: no key
	Next    uint64   // number of the zap's next delivery, ≥ 1
	Doubt   Doubt    // why the last read was doubted

	format byte // format that the cursor was decoded from; 0: none
}

// Seen is a known row.
type Seen struct {
	Number int32 // 1-based sheet row at the last read
	// Waits means that the row was incomplete so far and has no delivery: it fires once complete.
	Waits bool
	// Copy means that the row started as a copy of another: it is ready once it has been unchanged
	// for Options.SettleCopies.
	Copy     bool
	Delivery uint64 // the row's first delivery; 0: none, the row was there at the start; or Unknown
	Since    int64  // unix seconds of the last change, rounded up; the first read counts as one
}

// Unknown is the delivery of a row that may have fired under an earlier release, which did not
// record the number. Such a row never fires.
const Unknown = math.MaxUint64

// RowKey is the hashed key of a row.
type RowKey struct {
	Sum  uint64 // 0: part of the key is blank
	Fold uint32 // hash of its letters and digits only; 0: unknown
}

// Key is a key that was seen before.
type Key struct {
	Sum uint64
	// Delivery is that of the last row with this key that vanished; 0: none vanished, or it was
	// there at the start; or Unknown.
	Delivery uint64
}

// Gone is a row that vanished. A row with the same content that appears within a day is the same
// row.
type Gone struct {
	Sum      uint64 // fingerprint of the row, or the sum of its key if it had one
	Fold     uint64 // the same for its folded cells or folded key; 0: unknown
	At       int64  // unix seconds
	Waits    bool   // Waits, Copy and Delivery are as in Seen
	Copy     bool
	Delivery uint64
}

const (
	goneFor = 24 * time.Hour
	// maxGone bounds the number of vanished rows remembered, for worksheets that are rewritten with
	// new content at every poll.
	maxGone = 1 << 18
)

// Doubt records a read that was doubted. The zero value is no doubt.
type Doubt struct {
	Kind  DoubtKind
	Count int // known rows missing, or rows showing errors
	// Emptied means that two consecutive reads found no rows and every read since was doubted: rows
	// typed now are not edits. It is kept through other doubts.
	Emptied bool
}

// DoubtKind is a reason to doubt a read.
type DoubtKind uint8

// The doubts that are remembered. A second read resolves them, except for DoubtEmpty.
const (
	NoDoubt     DoubtKind = iota
	DoubtGone             // half of the known rows or more are missing
	DoubtErrors           // half of the rows or more show errors
	DoubtEmpty            // all rows are missing
)

// At returns what is known about the 1-based sheet row number, as of the last read.
func (c Cursor) At(number int) (Seen, bool) {
	i, ok := c.index(number)
	if !ok {
		return Seen{}, false
	}
	return c.Rows[i], true
}

// index returns the index of the first row at or below sheet row number, and whether it is that
// row.
func (c Cursor) index(number int) (int, bool) {
	return slices.BinarySearchFunc(c.Rows, number, func(s Seen, n int) int { return cmp.Compare(int(s.Number), n) })
}

// Forgotten returns the deliveries whose rows no later read can recognise: the row is not in the
// worksheet, vanished more than a day ago, and left no key by which it would be recognised.
func (c Cursor) Forgotten(deliveries map[uint64]bool, o Options, now time.Time) map[uint64]bool {
	// One hour longer than findReturned looks back, in case the clock is corrected.
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
	if !o.apart() {
		for _, k := range c.Keys {
			delete(lost, k.Delivery)
		}
	}
	return lost
}

// KeyAt returns the hash of the key of the 1-based sheet row number as of the last read; 0 if it has
// none.
func (c Cursor) KeyAt(number int) uint64 {
	i, ok := c.index(number)
	if !ok {
		return 0
	}
	return c.keyOf(i).Sum
}

// AllKeys returns the keys of the known rows with the rows' deliveries, and those of vanished rows;
// deliveries from before on are left out. 0 and Unknown become 0: the row was there at the start, or
// an earlier release sent it.
func (c Cursor) AllKeys(before uint64) []Key {
	var all []Key
	present := make(map[uint64]bool, len(c.RowKeys))
	for i, k := range c.RowKeys {
		if k.Sum == 0 {
			continue
		}
		present[k.Sum] = true
		if s := c.Rows[i]; !s.Waits {
			all = append(all, Key{k.Sum, s.Delivery})
		}
	}
	for _, k := range c.Keys {
		if k.Delivery != 0 || !present[k.Sum] {
			all = append(all, k)
		}
	}
	all = slices.DeleteFunc(all, func(k Key) bool { return k.Delivery >= before && k.Delivery != Unknown })
	for i := range all {
		if all[i].Delivery == Unknown {
			all[i].Delivery = 0
		}
	}
	return all
}

// keyOf returns the key of the row at index i, or the zero RowKey if it has none.
func (c Cursor) keyOf(i int) RowKey {
	if len(c.RowKeys) == 0 {
		return RowKey{}
	}
	return c.RowKeys[i]
}

// seenKey returns the key with the given sum if it was seen before.
func (c Cursor) seenKey(sum uint64) (Key, bool) {
	i, seen := slices.BinarySearchFunc(c.Keys, sum, func(k Key, sum uint64) int { return cmp.Compare(k.Sum, sum) })
	if !seen || sum == 0 {
		return Key{}, false
	}
	return c.Keys[i], true
}

// folded reports whether the cursor has folded hashes. Cursors of early releases have none.
func (c Cursor) folded() bool { return c.Folds != nil || len(c.Rows) == 0 }

// row returns the cell hashes of the row at index i.
func (c Cursor) row(i int) []uint32 {
	w := len(c.Columns)
	return c.Cells[i*w : (i+1)*w]
}

// folds returns the folded cell hashes of the row at index i, or nil if they are unknown.
func (c Cursor) folds(i int) []uint32 {
	if c.Folds == nil {
		return nil
	}
	w := len(c.Columns)
	return c.Folds[i*w : (i+1)*w]
}

// same reports whether a read shows exactly what is known and no row waits.
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
