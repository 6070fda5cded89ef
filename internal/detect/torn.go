package detect

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/rowtap/rowtap/internal/row"
)

// A worksheet that changes faster than it can be read page by page is never read whole. What such
// torn reads prove all the same is taken from two of them, one after the other: see [DiffTorn].

const (
	// glimpsedRows and glimpsedBytes bound the unknown rows that are kept of a torn read, and their
	// text. The others wait.
	glimpsedRows  = 1 << 14
	glimpsedBytes = 16 << 20
	// tornPairs bounds the pairs of an unknown row and a missing one that are compared. What is
	// over waits.
	tornPairs = 1 << 22
)

// Glimpse is what a torn read shows: which known rows were on some page, and which rows on a page
// are not known. Each page is of one state of the worksheet, two pages may be of two.
// [Cursor.Glimpse] makes one.
type Glimpse struct {
	c       Cursor
	o       Options
	header  row.Header
	salts   []uint64 // hashes of the columns' names
	columns []int    // the index of each column
	known   *chains  // the known rows by fingerprint
	times   []int32  // by known row, the first of its fingerprint: how many rows have that
	most    []int32  // by the same: how many of them were on one page, at most
	strange map[uint64]*stranger
	waiting map[int]glimpsed // by known row that waits and is unlike all others
	rows    int              // that were read
	kept    int              // rows in strange
	bytes   int              // of their text
	hidden  bool             // nothing can be compared: the header is another, or an unnamed column came into use
}

// stranger is a row that is not known, or several equal ones.
type stranger struct {
	most int        // how many were on one page, at most
	rows []glimpsed // those
}

// glimpsed is a row on a page.
type glimpsed struct {
	row.Row
	seq           int // counts the rows of the read
	after, before int // the known rows around it on its page, by index; nowhere
	among         int // rows between after and it, none of them known
}

// nowhere stands for a known row that the page does not show.
const nowhere = -2

// Glimpse returns the glimpse of a worksheet with a header, and no page yet. o is what it is
// compared under.
func (c Cursor) Glimpse(h row.Header, o Options) *Glimpse {
	c = c.named(h, o.Key)
	g := &Glimpse{c: c, o: o, header: h, hidden: !c.folded() || c.Doubt != (Doubt{}) || !slices.Equal(c.KeyedBy, o.keyedBy())}
	if g.hidden {
		return g
	}
	g.salts, g.columns = hashNames(c.Columns), make([]int, len(c.Columns))
	g.times, g.most = make([]int32, len(c.Rows)), make([]int32, len(c.Rows))
	g.strange, g.waiting = map[uint64]*stranger{}, map[int]glimpsed{}
	for k := range g.columns {
		g.columns[k] = k
	}
	sums := g.sums(c.Cells, c.Folds, len(c.Rows))
	g.known = newChains(sums, indexes(len(c.Rows)))
	for _, sum := range sums {
		i, _ := g.known.only(sum)
		g.times[i]++
	}
	return g
}

// sums returns the fingerprints of n rows.
func (g *Glimpse) sums(cells, folds []uint32, n int) []uint64 {
	m := matching{salts: g.salts}
	return m.exactSums(side{exact: cells, folds: folds, width: len(g.columns), shared: g.columns, n: n}, true)
}

// compared returns rows as they are compared with the cursor; ok is false if they have other
// columns.
func (g *Glimpse) compared(rows []row.Row) (rd *reading, ok bool) {
	r := NewReading(g.header, g.o, len(rows))
	r.Add(rows...)
	return r.tail(g.c, g.o)
}

// Add takes a page, which is of one state of the worksheet: its rows below the header, in sheet
// order. top tells that they begin right below the header, end that the worksheet ends with them.
// Of what it keeps it makes copies.
func (g *Glimpse) Add(page []row.Row, top, end bool) {
	if g.hidden {
		return
	}
	rd, ok := g.compared(page)
	if g.hidden = !ok; g.hidden {
		return
	}
	n := len(rd.rows)
	sums := g.sums(rd.cells, rd.folds, n)
	is, anchor := make([]int, n), make([]bool, n) // by row: the known one; one unlike all others tells a place
	here := make(map[uint64]int, n)
	for j, sum := range sums {
		here[sum]++
		i, several := g.known.only(sum)
		is[j], anchor[j] = i, i >= 0 && !several
		if i >= 0 {
			g.most[i] = max(g.most[i], int32(here[sum]))
		}
	}
	below := make([]int, n)
	next := nowhere
	if end {
		next = len(g.c.Rows)
	}
	for j := n - 1; j >= 0; j-- {
		below[j] = next
		if anchor[j] {
			next = is[j]
		}
	}
	last := nowhere
	if top {
		last = -1
	}
	given, among := 0, 0
	for j, sum := range sums {
		for page[given].Number != rd.number(j) {
			given++
		}
		seen := glimpsed{Row: page[given], seq: g.rows + j, after: last, before: below[j], among: among}
		switch {
		case is[j] < 0:
			g.meet(sum, seen, here[sum])
			among++
		case anchor[j]:
			last, among = is[j], 0
			if g.o.waits(g.c.Rows[is[j]]) {
				g.waiting[is[j]] = seen.copied()
			}
		}
	}
	g.rows += n
}

// meet takes a row that is not known, of so many equal ones on its page.
func (g *Glimpse) meet(sum uint64, seen glimpsed, here int) {
	s := g.strange[sum]
	if s == nil {
		s = &stranger{}
	}
	if len(s.rows) >= here { // a page before has as many
		return
	}
	if s.most < here {
		s.most, s.rows = here, nil
	}
	size := 0
	for _, c := range seen.Cells {
		size += len(c.Text)
	}
	if g.kept == glimpsedRows || g.bytes+size > glimpsedBytes {
		return
	}
	g.kept++
	g.bytes += size
	s.rows = append(s.rows, seen.copied())
	g.strange[sum] = s
}

// copied returns the row with memory of its own: that of its page is not kept.
func (g glimpsed) copied() glimpsed {
	g.Cells = slices.Clone(g.Cells)
	for k := range g.Cells {
		g.Cells[k].Text = strings.Clone(g.Cells[k].Text)
	}
	return g
}

// Rest ends the read. The glimpse is to be the first of two then, for which it needs less memory.
func (g *Glimpse) Rest() {
	g.c.Cells, g.c.Folds, g.c.RowKeys, g.known = nil, nil, nil, nil
	for sum, s := range g.strange {
		g.strange[sum] = &stranger{most: s.most}
	}
	for i := range g.waiting {
		g.waiting[i] = glimpsed{}
	}
}

// believed tells whether the read may be compared: known rows are about all there.
func (g *Glimpse) believed() bool {
	gone := 0
	for i, n := range g.times {
		if g.most[i] == 0 {
			gone += int(n)
		}
	}
	return !g.hidden && gone*2 < max(len(g.c.Rows), 1)
}

// DiffTorn says what two torn reads of a worksheet, the second later than the first, prove to be
// new, and returns the rows of Found and Changes. ok is false if the reads cannot be compared.
//
// A row is found if it is complete, both reads show it, and no known row can be it:
//
//   - Its cells, and the same tidied, are not known and have not vanished within the last day. With
//     [Options].Key its key is unseen.
//   - No known row that one of the reads lacks is like it: has a quarter of it, its identity, or all
//     cells but one. Where four or more are lacking, which may be a recalculation, the row must
//     also stand between two rows that were neighbors, or with no missing row between.
//   - It does not have half of a known row that is there, for either may be the edited one of a row
//     and its copy. A row between two neighbors stands in no other's place: only these two count.
//
// Of equal rows as many are found as the fewest of both reads, counted on one page, for what stands
// on two pages may be the same row. Known rows that wait are found ready if both reads show them
// unchanged. All else waits for a whole read: no known row leaves the cursor, and none changes.
//
// The rows of Found have the numbers that the second read had for them; the cursor has them between
// the same neighbors, under numbers that the next whole read corrects.
func DiffTorn(first, second *Glimpse, now time.Time) (result Result, rows []row.Row, ok bool) {
	c := second.c
	if len(first.c.Rows) != len(c.Rows) || first.c.Next != c.Next || !first.believed() || !second.believed() {
		return Result{Cursor: c, Unchanged: true}, nil, false
	}
	t := torn{first: first, second: second}
	t.lacking()
	rd := t.choose()
	t.b = newBuilder(c, rd, now)
	t.surely(newMatching(c, rd))
	result = t.result()
	told := map[int]bool{}
	for _, f := range result.Found {
		told[f.Row] = true
	}
	for _, ch := range result.Changes {
		told[ch.Row] = true
	}
	for _, r := range t.rows {
		if told[r.Number] {
			rows = append(rows, r.Row)
		}
	}
	return result, rows, true
}

// torn is the comparison of two torn reads.
type torn struct {
	first, second *Glimpse
	missing       []int32    // known rows that one of them lacks, of equal ones the first
	isMissing     []bool     // by known row
	rows          []glimpsed // of the second, that may be told: in the cursor's order
	of            []int32    // by these: the known row that waits; noRow: it is not known
	taken         []int      // by row of the builder: the index in rows
	places        []int      // by row of the builder: the index in the cursor before which it is to stand, or that it has
	b             *builder
}

// lacking finds the known rows that may be missing: they were not on a page, or of equal ones not
// all of them on one.
func (t *torn) lacking() {
	g := t.second
	t.isMissing = make([]bool, len(g.times))
	for i, n := range g.times {
		if n > min(t.first.most[i], g.most[i]) {
			t.missing, t.isMissing[i] = append(t.missing, int32(i)), true
		}
	}
	for i, sum := range g.known.sums {
		f, _ := g.known.only(sum)
		t.isMissing[i] = t.isMissing[f]
	}
}

// choose takes the rows that both reads show, and that wait or are not known, in the order in which
// the cursor is to have them.
func (t *torn) choose() *reading {
	g := t.second
	type choice struct {
		glimpsed
		at int
		of int32
	}
	var all []choice
	for sum, s := range g.strange {
		if before := t.first.strange[sum]; before != nil {
			for _, r := range s.rows[:min(before.most, len(s.rows))] {
				all = append(all, choice{r, g.place(r), noRow})
			}
		}
	}
	for i, r := range g.waiting {
		if _, both := t.first.waiting[i]; both {
			all = append(all, choice{r, i, int32(i)})
		}
	}
	slices.SortFunc(all, func(a, b choice) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.of, b.of), cmp.Compare(a.seq, b.seq))
	})
	numbers := make(map[int]bool, len(all))
	var rows []row.Row
	for _, c := range all {
		if !numbers[c.Number] { // rows of two pages may have the same number
			numbers[c.Number] = true
			rows, t.rows, t.of = append(rows, c.Row), append(t.rows, c.glimpsed), append(t.of, c.of)
		}
	}
	rd, _ := g.compared(rows)
	return rd
}

// place returns the index in the cursor before which a row is to stand that is not known, if the
// rows between it and the known one above are new too.
func (g *Glimpse) place(r glimpsed) int {
	switch {
	case r.after != nowhere:
		return r.after + 1
	case r.before != nowhere:
		return r.before
	}
	i, _ := g.c.index(r.Number)
	return i
}

// surely takes the rows that are told: of those that are not known, the ones that no known row can
// be.
func (t *torn) surely(m *matching) {
	c, rd := t.second.c, t.b.rd
	t.b.comeBack(m)
	t.b.gone = c.Gone // none of them is taken
	m.old.cells, m.now.cells = m.old.folds, m.now.folds
	out := t.familiar(m)
	w := m.weights()
	keys := map[uint64]int{}
	for j := range rd.rows {
		keys[rd.keyOf(j).Sum]++
	}
	pairs, taken := 0, map[int]int{} // taken: by the known row above, how many
	for j := range rd.rows {
		if i := t.of[j]; i >= 0 {
			t.taken, t.places = append(t.taken, j), append(t.places, int(i))
			t.b.carry(j, c.Rows[i], c.keyOf(int(i)), Moved, false, false)
			continue
		}
		key := rd.keyOf(j)
		_, seen := c.seen(key)
		_, maybe := t.b.maybe[int32(j)]
		switch {
		case rd.lack[j] != 0, slices.Contains(rd.hashes(j), errorHash), m.oldOf[j] == isBack, maybe, out[j]:
			continue
		case rd.keys != nil && (seen || keys[key.Sum] > 1):
			continue
		case len(t.missing) >= doubtFrom && !t.between(t.rows[j]):
			continue
		}
		if pairs += len(t.missing); pairs > tornPairs || t.original(m, j, w) {
			continue
		}
		r := t.rows[j]
		place := t.second.place(r)
		if r.after != nowhere && r.after < r.before {
			// The rows among which it stands and that are not taken are the missing ones of this
			// place, edited.
			place = min(place+r.among-taken[r.after], r.before)
			taken[r.after]++
		}
		t.taken, t.places = append(t.taken, j), append(t.places, place)
		t.b.add(j, noRow, nil)
	}
	t.b.holdFlood()
}

// between tells whether a row stands between two known rows, or the ends of the worksheet, between
// which no known row is missing.
func (t *torn) between(r glimpsed) bool {
	if r.after == nowhere || r.before == nowhere || r.before <= r.after {
		return false
	}
	return !slices.Contains(t.isMissing[r.after+1:r.before], true)
}

// original tells whether a row that is not known may be one of the known ones that are missing,
// edited.
func (t *torn) original(m *matching, j int, w weights) bool {
	c, key := t.second.c, t.b.rd.keyOf(j)
	identity := m.identitySum(m.now, j)
	for _, i := range t.missing {
		if was := c.keyOf(int(i)); was.Sum != 0 {
			if was.Fold == key.Fold {
				return true
			}
			continue // their keys tell them apart
		}
		if l := m.share(int(i), j, w); l.likely && l.share >= unsureShare || l.rest {
			return true
		}
		if len(m.identity) > 0 && identity != 0 && m.identitySum(m.old, int(i)) == identity {
			return true
		}
		other := 0
		for k := range m.salts {
			if m.old.cell(int(i), k) != m.now.cell(j, k) {
				other++
			}
		}
		if other <= 1 {
			return true
		}
	}
	return false
}

// familiar tells which of the rows that are not known are like a known one: equal but for what
// tidying changes, or with half of what it tells, for they may be that one while a copy of it
// stands elsewhere. Of rows that came between two neighbors only these count: they may have been
// copied and be half typed over.
func (t *torn) familiar(m *matching) []bool {
	out := make([]bool, m.now.n)
	bySum, byCell := map[uint64][]int{}, map[uint64][]int{}
	w := m.weights()
	keyed := t.b.rd.keys != nil
	for j := range out {
		if t.of[j] != noRow {
			continue
		}
		sum := m.formlessSum(m.now, j)
		bySum[sum] = append(bySum[sum], j)
		for k, bits := range w.bits {
			if h := m.now.cell(j, k); h != 0 && bits >= tellingBits/2 && !keyed {
				at := cellKey(k, h)
				byCell[at] = append(byCell[at], j)
			}
		}
	}
	if len(bySum) == 0 {
		return out
	}
	for i := range m.old.n {
		for _, j := range bySum[m.formlessSum(m.old, i)] {
			out[j] = true
		}
		if len(byCell) == 0 {
			continue
		}
		for k := range w.bits {
			h := m.old.cell(i, k)
			if h == 0 {
				continue
			}
			for _, j := range byCell[cellKey(k, h)] {
				r := t.rows[j]
				if inserted := r.before == r.after+1; inserted && i != r.after && i != r.before {
					continue // the row stands in no other's place
				}
				out[j] = out[j] || m.share(i, j, w).share >= editShare
			}
		}
	}
	return out
}

// result makes the cursor: all known rows, with the new ones between them.
func (t *torn) result() Result {
	b, c := t.b, t.second.c
	b.number()
	r := Result{Found: b.found, Changes: b.changes, Recheck: b.recheck, Cursor: c, Unchanged: len(b.changes) == 0}
	for n, j := range t.taken {
		r.Unchanged = r.Unchanged && t.of[j] != noRow && b.rows[n] == c.Rows[t.of[j]]
	}
	if r.Unchanged {
		return r
	}
	more := len(c.Rows) + len(t.taken)
	now := &r.Cursor
	now.Rows = make([]Seen, 0, more)
	now.Cells, now.Folds = make([]uint32, 0, more*len(c.Columns)), make([]uint32, 0, more*len(c.Columns))
	now.RowKeys = nil
	now.Next, now.Keys = b.next, b.keysNow()
	keep := func(s Seen, cells, folds []uint32, key RowKey) (at int) {
		at = len(now.Rows)
		if at > 0 {
			s.Number = max(s.Number, now.Rows[at-1].Number+1)
		}
		now.Rows, now.Cells, now.Folds = append(now.Rows, s), append(now.Cells, cells...), append(now.Folds, folds...)
		if b.rd.keys != nil {
			now.RowKeys = append(now.RowKeys, key)
		}
		return at
	}
	var fresh []int           // rows of the builder that are not known
	waited := map[int32]int{} // rows of the builder by known row
	for n, j := range t.taken {
		if i := t.of[j]; i == noRow {
			fresh = append(fresh, n)
		} else {
			waited[i] = n
		}
	}
	slices.SortStableFunc(fresh, func(a, b int) int { return cmp.Compare(t.places[a], t.places[b]) })
	at := make([]int, len(t.taken)) // by row of the builder: its index in the cursor
	for i := 0; i <= len(c.Rows); i++ {
		for ; len(fresh) > 0 && t.places[fresh[0]] == i; fresh = fresh[1:] {
			n := fresh[0]
			j, s := t.taken[n], b.rows[n]
			switch {
			case len(now.Rows) > 0:
				s.Number = 0 // right below the row above
			case i < len(c.Rows):
				s.Number = min(s.Number, c.Rows[i].Number)
			}
			at[n] = keep(s, b.rd.hashes(j), b.rd.foldsOf(j), b.rd.keyOf(j).RowKey)
		}
		if i == len(c.Rows) {
			break
		}
		s := c.Rows[i]
		n, ready := waited[int32(i)]
		if ready {
			s = b.rows[n]
			s.Number = c.Rows[i].Number
		}
		if index := keep(s, c.row(i), c.folds(i), c.keyOf(i)); ready {
			at[n] = index
		}
	}
	for k := range r.Found {
		r.Found[k].at = at[b.foundAt[k]] + 1
	}
	return r
}
