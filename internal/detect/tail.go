package detect

import (
	"slices"
	"time"
)

const (
	// aheadRows is how many sheet rows past the last one that is ready are read: prefilled rows
	// must not come back at every poll.
	aheadRows = 500
	// overlapRows bounds the known rows that are read again to see whether the rows above have
	// shifted.
	overlapRows = 64
	// tellingRows is how many of these have to be unlike all others: with three the last two may be
	// edited.
	tellingRows = 3
	// tailRows bounds the rows that a tail may add: telling rows are unlike the tailRows above
	// them, so that a shift by as many at most cannot hide.
	tailRows = 4096
	// singleRows bounds the waiting and refused rows further up that are read one by one.
	singleRows = 100
	// certainShare is the part of its telling content that a row has kept which is an edit no doubt,
	// by a window's rows alone.
	certainShare = 2.0 / 3
	// endRows is how near the end of a window a new row asks for the rows after it.
	endRows = 20
)

// Window is what a tail read asks for of a worksheet that is too large to be read whole at every
// poll.
type Window struct {
	From, To int   // 1-based sheet rows, both ends included: from a little above the last row that is ready on
	Rows     []int // sheet rows elsewhere that wait or were refused, ascending, at most 100
}

// Tail returns the window of the next read. ok is false where only the whole worksheet tells what
// is new: where the last read was not believed, no row is ready yet, or the rows at the end are
// like others, so that a shift would not show.
func (c Cursor) Tail(o Options) (w Window, ok bool) {
	if c.Doubt != (Doubt{}) || !slices.Equal(c.KeyedBy, o.keyedBy()) || !c.folded() {
		return w, false
	}
	ready := len(c.Rows) - 1
	for ready >= 0 && o.waits(c.Rows[ready]) {
		ready--
	}
	if ready < 0 {
		return w, false
	}
	w.To = int(c.Rows[ready].Number) + aheadRows
	first := max(0, ready-tailRows-overlapRows)
	seen := make(map[uint64]int, ready-first+1)
	salts := hashNames(c.Columns)
	for i := first; i < len(c.Rows) && int(c.Rows[i].Number) <= w.To; i++ {
		seen[goneSum(0, salts, c.row(i))]++
	}
	from := ready
	for telling := 0; ; from-- {
		if from < 0 || ready-from == overlapRows {
			return w, false
		}
		if seen[goneSum(0, salts, c.row(from))] == 1 {
			telling++
		}
		if telling == tellingRows {
			break
		}
	}
	w.From = int(c.Rows[from].Number)
	w.Rows = c.singles(o, w)
	return w, true
}

// Further returns the window that goes on after one that ends in new rows. ok is false if that
// would add too many.
func (w Window) Further() (longer Window, ok bool) {
	longer = w
	longer.To += 4 * aheadRows
	return longer, longer.To-w.From <= tailRows
}

// singles returns the sheet rows outside a window that wait or were refused, the last ones if they
// are many.
func (c Cursor) singles(o Options, w Window) []int {
	var rows []int
	for _, s := range slices.Backward(c.Rows) {
		if number := int(s.Number); (number < w.From || number > w.To) && (o.waits(s) || o.open(s) == OpenFailed) {
			if rows = append(rows, number); len(rows) == singleRows {
				break
			}
		}
	}
	slices.Reverse(rows)
	return rows
}

// Tailed is what came of a tail read.
type Tailed uint8

// What comes of tail reads.
const (
	Conclusive   Tailed = iota // the result is right
	ReadMore                   // rows fire up to the window's end: read on, by [Window.Further]
	Inconclusive               // rows were shifted, replaced or renamed: only the whole worksheet tells
)

// DiffTail compares the rows of a window with what is known. Rows that stand in the window and are
// not known are new, provided that the known ones stand where they did, edited at most. What it
// cannot tell by that it does not guess: the result is then empty.
func DiffTail(c Cursor, r *Reading, w Window, o Options, now time.Time) (Result, Tailed) {
	c = c.named(r.Header(), o.Key)
	rd, ok := r.tail(c, o)
	if !ok {
		return Result{}, Inconclusive
	}
	t := tail{c: c, rd: rd, w: w}
	if !t.place() || !t.unmoved() || !t.unseen(now) {
		return Result{}, Inconclusive
	}
	for j, lack := range rd.lack {
		if n := rd.number(j); lack == 0 && n > w.To-endRows && n <= w.To {
			return Result{}, ReadMore // no row so far down was ready
		}
	}
	return t.result(now), Conclusive
}

// tail is the comparison of a window.
type tail struct {
	c      Cursor
	rd     *reading
	w      Window
	of     []int32 // by row read: the known row of its number; noRow: none
	edited []bool  // by row read: it differs from that

	m       *matching // for isEdit; nil: none was asked for yet
	weights weights
}

// tail returns what is compared of a reading: the columns that the cursor has. ok is false if the
// header has changed.
func (r *Reading) tail(c Cursor, o Options) (rd *reading, ok bool) {
	h := r.Header()
	rd = &reading{opts: o, require: columnsOf(h, o.Require), key: columnsOf(h, o.Key), columns: c.Columns}
	ignored := ignoredColumns(h, o.Ignore)
	where := make(map[string]int, h.Len())
	for i, name := range distinct(h.Names(), h.Len()) {
		if !ignored[i] {
			where[name] = i
		}
	}
	for _, name := range c.Columns {
		i, there := where[name]
		switch {
		case there:
			rd.at = append(rd.at, i)
		case named(name):
			return nil, false
		default:
			rd.at = append(rd.at, -1) // a column without a name, which no row of the window reaches
		}
		delete(where, name)
	}
	for name := range where {
		if !slices.Contains(c.Broken, name) && (named(name) || r.filled(where[name])) {
			return nil, false
		}
	}
	rd.rows = make([]int32, 0, len(r.numbers))
	r.pick(rd, c)
	return rd, true
}

// filled tells whether a column holds anything.
func (r *Reading) filled(col int) bool {
	for i := range r.numbers {
		if r.cells[i*r.width+col] != 0 {
			return true
		}
	}
	return false
}

// place finds the known row of each row read. It returns false if a known row of the window is not
// there, a key has changed, or was filled in that another row has.
func (t *tail) place() bool {
	t.of = newMatches(len(t.rd.rows))
	t.edited = make([]bool, len(t.rd.rows))
	read := func(number int) (int, bool) { return slices.BinarySearch(t.rd.rows, int32(number)) }
	for i, s := range t.known() {
		j, there := read(int(s.Number))
		if !there {
			return false
		}
		// A key that was cleared is the row's still.
		if key, now := t.c.keyOf(i).Sum, t.rd.keyOf(j); key != 0 && now.Sum != 0 && now.Sum != key || key == 0 && t.hasKey(now) {
			return false
		}
		t.of[j] = int32(i)
		t.edited[j] = !slices.Equal(t.c.row(i), t.rd.hashes(j))
	}
	return true
}

// hasKey tells whether a key has been seen before.
func (t *tail) hasKey(key readKey) bool {
	_, seen := t.c.seen(key)
	return seen
}

// known yields the known rows of the window, and their indexes.
func (t *tail) known() func(yield func(int, Seen) bool) {
	return func(yield func(int, Seen) bool) {
		from, _ := t.c.index(t.w.From)
		for i := from; i < len(t.c.Rows) && int(t.c.Rows[i].Number) <= t.w.To; i++ {
			if !yield(i, t.c.Rows[i]) {
				return
			}
		}
		for _, number := range t.w.Rows {
			if i, _ := t.c.index(number); !yield(i, t.c.Rows[i]) {
				return
			}
		}
	}
}

// unmoved tells whether the known rows stand where they did, but for edits. The first one must be as it
// was: a row deleted further up and another one inserted here look like an edit, too.
func (t *tail) unmoved() bool {
	for j, i := range t.of {
		switch {
		case !t.edited[j]:
		case t.rd.number(j) == t.w.From, t.lostOrWrong(int(i), j) && !t.isEdit(int(i), j):
			return false
		}
	}
	return true
}

// lostOrWrong tells whether a known row has lost a cell, or has another one in its place. Where it
// has only gained some, it is being typed.
func (t *tail) lostOrWrong(i, j int) bool {
	now := t.rd.hashes(j)
	for k, h := range t.c.row(i) {
		if h != 0 && now[k] != h {
			return true
		}
	}
	return false
}

// isEdit tells whether a known row and the one that stands in its place are no doubt alike enough,
// as the whole comparison has it.
func (t *tail) isEdit(i, j int) bool {
	if slices.Contains(t.rd.hashes(j), errorHash) && !slices.Contains(t.c.row(i), errorHash) {
		return false // perhaps the whole column shows errors
	}
	if t.m == nil {
		t.m = newMatching(t.c, t.rd)
		t.m.old.cells, t.m.now.cells = t.m.old.folds, t.m.now.folds
		t.weights = t.m.weights()
	}
	return t.m.share(i, j, t.weights).share >= certainShare
}

// unseen tells whether the new and the edited rows of the window are like no row that is or was in
// the worksheet: a row cut out elsewhere and pasted at the end is known, one that moved into
// another's place is no edit of it, and a key seen before is not new.
func (t *tail) unseen(now time.Time) bool {
	added, salts := map[uint64]bool{}, hashNames(t.c.Columns)
	for j, i := range t.of {
		if i == noRow && t.hasKey(t.rd.keyOf(j)) {
			return false
		}
		if i == noRow || t.edited[j] {
			added[goneSum(0, salts, t.rd.hashes(j))] = true
		}
	}
	if len(added) == 0 {
		return true
	}
	for _, g := range t.c.Gone {
		if added[g.Sum] && g.At > now.Add(-goneFor).Unix() {
			return false
		}
	}
	for i := range t.c.Rows {
		if added[goneSum(0, salts, t.c.row(i))] {
			return false
		}
	}
	return true
}

// result makes the result of a window that tells.
func (t *tail) result(now time.Time) Result {
	b := newBuilder(t.c, t.rd, now)
	for j, i := range t.of {
		if i == noRow {
			b.add(j, noRow, nil)
		} else {
			b.known(j, int(i), t.edited[j], t.edited[j])
		}
	}
	b.holdFlood()
	b.number()
	r := Result{Found: b.found, Changes: b.changes, Recheck: b.recheck, Cursor: t.c}
	if !b.changed && len(b.changes) == 0 && !slices.Contains(t.edited, true) {
		r.Unchanged = true
		return r
	}
	r.Cursor.Next = b.next
	r.Cursor.Keys = b.keysNow()
	t.patch(&r.Cursor, b.rows, b.keys)
	return r
}

// patch puts the rows of the window into a cursor that shares its memory with the old one. Those
// after all others, as new rows are, take the room behind; for others the rows are copied.
func (t *tail) patch(c *Cursor, rows []Seen, keys []RowKey) {
	width, copied := len(c.Columns), false
	for j, i := range t.of {
		if i != noRow && !t.edited[j] && rows[j] == t.c.Rows[i] && (keys == nil || keys[j] == t.c.RowKeys[i]) {
			continue
		}
		at, known := c.index(int(rows[j].Number))
		if at < len(c.Rows) && !copied {
			c.Rows, c.RowKeys, copied = slices.Clone(c.Rows), slices.Clone(c.RowKeys), true
			c.Cells, c.Folds = slices.Clone(c.Cells), slices.Clone(c.Folds)
		}
		if !known {
			c.Rows = slices.Insert(c.Rows, at, Seen{})
			c.Cells = slices.Insert(c.Cells, at*width, t.rd.hashes(j)...)
			c.Folds = slices.Insert(c.Folds, at*width, t.rd.foldsOf(j)...)
			if keys != nil {
				c.RowKeys = slices.Insert(c.RowKeys, at, RowKey{})
			}
		}
		c.Rows[at] = rows[j]
		if keys != nil {
			c.RowKeys[at] = keys[j]
		}
		copy(c.Cells[at*width:], t.rd.hashes(j))
		copy(c.Folds[at*width:], t.rd.foldsOf(j))
	}
}
