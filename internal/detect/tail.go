package detect

import (
	"slices"
	"time"
)

const (
	// aheadRows is the number of sheet rows read below the last ready one. It limits how many
	// prefilled rows are read at every poll.
	aheadRows = 500
	// overlapRows bounds the known rows that are read again to detect that the rows above have
	// shifted.
	overlapRows = 64
	// tellingRows is the number of these that must be unique: with three, the last two may be
	// edited.
	tellingRows = 3
	// tailRows bounds the rows that a tail may add. Telling rows differ from all of the tailRows
	// rows above them, so a shift by up to that many rows is detected.
	tailRows = 4096
	// singleRows bounds the waiting and rejected rows further up that are read one by one.
	singleRows = 100
	// certainShare is the share of its information that a row must keep to be an edit, judging only
	// by the rows of a window.
	certainShare = 2.0 / 3
	// endRows is the distance from the end of a window within which a new row requires reading on.
	endRows = 20
)

// Window is the part to read of a worksheet that is too large to be read in full at every poll.
type Window struct {
	From, To int   // 1-based sheet rows, inclusive, from a few rows above the last ready one
	Rows     []int // at most 100 sheet rows elsewhere that wait or were rejected, ascending
}

// Tail returns the window of the next read. ok is false if the worksheet must be read in full: the
// last read was doubted, no row is ready yet, or the last rows repeat others, so that a shift would
// not show.
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

// Further returns a longer window, to read on after one that ends in new rows. ok is false if it
// would add too many rows.
func (w Window) Further() (longer Window, ok bool) {
	longer = w
	longer.To += 4 * aheadRows
	return longer, longer.To-w.From <= tailRows
}

// singles returns the sheet rows outside a window that wait or were rejected: the last singleRows
// of them.
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

// Tailed is the outcome of a tail read.
type Tailed uint8

// Outcomes of tail reads.
const (
	Conclusive   Tailed = iota // the result is valid
	ReadMore                   // new rows reach the window's end: read on, with [Window.Further]
	Inconclusive               // rows were shifted, replaced or renamed: read the whole worksheet
)

// DiffTail compares the rows of a window with the cursor. Unknown rows in the window are new if all
// known ones are in their places, at most edited. Otherwise it does not guess: the result is empty.
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
			return Result{}, ReadMore // known rows this far down were not ready
		}
	}
	return t.result(now), Conclusive
}

// tail is the comparison of a window.
type tail struct {
	c      Cursor
	rd     *reading
	w      Window
	of     []int32 // by row read: the known row with its number, or noRow
	edited []bool  // by row read: it differs from the known row

	m       *matching // for isEdit; nil: not computed
	weights weights
}

// tail returns the form of r that is compared with a cursor, with the cursor's columns. ok is false
// if the header has changed.
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
			rd.at = append(rd.at, -1) // an unnamed column that no row of the window reaches
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

// filled reports whether a column has a cell that is not blank.
func (r *Reading) filled(col int) bool {
	for i := range r.numbers {
		if r.cells[i*r.width+col] != 0 {
			return true
		}
	}
	return false
}

// place finds the known row for each row read. It returns false if a known row of the window is
// missing, if a key changed, or if a key was filled in that was seen before.
func (t *tail) place() bool {
	t.of = newMatches(len(t.rd.rows))
	t.edited = make([]bool, len(t.rd.rows))
	read := func(number int) (int, bool) { return slices.BinarySearch(t.rd.rows, int32(number)) }
	for i, s := range t.known() {
		j, there := read(int(s.Number))
		if !there {
			return false
		}
		// A row whose key was cleared keeps its key.
		if key, now := t.c.keyOf(i).Sum, t.rd.keyOf(j); key != 0 && now.Sum != 0 && now.Sum != key || key == 0 && t.hasKey(now) {
			return false
		}
		t.of[j] = int32(i)
		t.edited[j] = !slices.Equal(t.c.row(i), t.rd.hashes(j))
	}
	return true
}

// hasKey reports whether a key was seen before.
func (t *tail) hasKey(key readKey) bool {
	_, seen := t.c.seen(key)
	return seen
}

// known yields the known rows of the window with their indexes.
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

// unmoved reports whether the known rows are in their places, at most edited. The first one must be
// unchanged: a row deleted further up and one inserted here would look like an edit.
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

// lostOrWrong reports whether a cell of a known row was cleared or changed. Cells that were only
// filled in mean that the row is being typed.
func (t *tail) lostOrWrong(i, j int) bool {
	now := t.rd.hashes(j)
	for k, h := range t.c.row(i) {
		if h != 0 && now[k] != h {
			return true
		}
	}
	return false
}

// isEdit reports whether the row in a known row's place is certainly that row, edited.
func (t *tail) isEdit(i, j int) bool {
	if slices.Contains(t.rd.hashes(j), errorHash) && !slices.Contains(t.c.row(i), errorHash) {
		return false // all of the column may show errors
	}
	if t.m == nil {
		t.m = newMatching(t.c, t.rd)
		t.m.old.cells, t.m.now.cells = t.m.old.folds, t.m.now.folds
		t.weights = t.m.weights()
	}
	return t.m.share(i, j, t.weights).share >= certainShare
}

// unseen reports whether the new and edited rows of the window equal no row that is or was in the
// worksheet, and have no key seen before unless RepeatsSkip says that such a row is new. A row cut elsewhere and pasted at the end is known, and a
// row that moved into the place of another is not an edit of that one.
func (t *tail) unseen(now time.Time) bool {
	added, salts := map[uint64]bool{}, hashNames(t.c.Columns)
	for j, i := range t.of {
		if i == noRow && t.rd.opts.Repeats != RepeatsSkip && t.hasKey(t.rd.keyOf(j)) {
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

// result returns the result of a conclusive window.
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
	r := Result{Found: b.found, Changes: b.changes, Recheck: b.recheck, Keys: b.gained, Cursor: t.c}
	if !b.changed && len(b.changes) == 0 && !slices.Contains(t.edited, true) {
		r.Unchanged = true
		return r
	}
	r.Cursor.Next = b.next
	r.Cursor.Keys = b.keysNow()
	t.patch(&r.Cursor, b.rows, b.keys)
	return r
}

// patch puts the rows of the window into a cursor that shares memory with the old one. Rows after
// all known ones, as new rows usually are, use spare capacity; for others the rows are copied
// first.
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
