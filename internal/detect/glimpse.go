package detect

import (
	"slices"
	"strings"

	"github.com/rowtap/rowtap/internal/row"
)

const (
	// glimpsedRows and glimpsedBytes bound the unknown rows that are kept of a torn read, and their
	// text. The others wait.
	glimpsedRows  = 1 << 14
	glimpsedBytes = 16 << 20
)

// Glimpse is what a torn read shows: which known rows were on some page, and which rows on a page
// are not known. Each page is of one state of the worksheet, two pages may be of two.
// [Cursor.Glimpse] makes one.
type Glimpse struct {
	c            Cursor
	o            Options
	header       row.Header
	salts        []uint64   // hashes of the columns' names
	columns      []int      // the index of each column
	known        *hashIndex // the known rows by fingerprint
	count        []int32    // by known row, the first of its fingerprint: how many rows have that
	onePage      []int32    // by the same: how many of them were on one page, at most
	unknown      map[uint64]*unknownRows
	waiting      map[int]glimpsed // by known row that waits and is unlike all others
	rows         int              // that were read
	keptRows     int              // rows in strange
	keptBytes    int              // of their text
	incomparable bool             // nothing can be compared: the header is another, or an unnamed column came into use
}

// unknownRows is a row that is not known, or several equal ones.
type unknownRows struct {
	onePage int        // how many were on one page, at most
	rows    []glimpsed // those
}

// glimpsed is a row on a page.
type glimpsed struct {
	row.Row
	seq           int // counts the rows of the read
	after, before int // the known rows around it on its page, by index; nowhere
	among         int // rows between after and it, none of them known
}

// notOnPage stands for a known row that the page does not show.
const notOnPage = -2

// Glimpse returns the glimpse of a worksheet with a header, and no page yet. o is what it is
// compared under.
func (c Cursor) Glimpse(h row.Header, o Options) *Glimpse {
	c = c.named(h, o.Key)
	g := &Glimpse{c: c, o: o, header: h, incomparable: !c.folded() || c.Doubt != (Doubt{}) || !slices.Equal(c.KeyedBy, o.keyedBy())}
	if g.incomparable {
		return g
	}
	g.salts, g.columns = hashNames(c.Columns), make([]int, len(c.Columns))
	g.count, g.onePage = make([]int32, len(c.Rows)), make([]int32, len(c.Rows))
	g.unknown, g.waiting = map[uint64]*unknownRows{}, map[int]glimpsed{}
	for k := range g.columns {
		g.columns[k] = k
	}
	sums := g.sums(c.Cells, c.Folds, len(c.Rows))
	g.known = newHashIndex(sums, indexes(len(c.Rows)))
	for _, sum := range sums {
		i, _ := g.known.only(sum)
		g.count[i]++
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
	if g.incomparable {
		return
	}
	rd, ok := g.compared(page)
	if g.incomparable = !ok; g.incomparable {
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
			g.onePage[i] = max(g.onePage[i], int32(here[sum]))
		}
	}
	below := make([]int, n)
	next := notOnPage
	if end {
		next = len(g.c.Rows)
	}
	for j := n - 1; j >= 0; j-- {
		below[j] = next
		if anchor[j] {
			next = is[j]
		}
	}
	last := notOnPage
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
			g.addUnknown(sum, seen, here[sum])
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

// addUnknown takes a row that is not known, of so many equal ones on its page.
func (g *Glimpse) addUnknown(sum uint64, seen glimpsed, here int) {
	s := g.unknown[sum]
	if s == nil {
		s = &unknownRows{}
	}
	if s.onePage > here {
		return
	}
	if s.onePage < here || len(s.rows) == here { // it is the first one of a page that has as many
		s.onePage, s.rows = here, nil
	}
	size := 0
	for _, c := range seen.Cells {
		size += len(c.Text)
	}
	if g.keptRows == glimpsedRows || g.keptBytes+size > glimpsedBytes {
		return
	}
	g.keptRows++
	g.keptBytes += size
	s.rows = append(s.rows, seen.copied())
	g.unknown[sum] = s
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
	for sum, s := range g.unknown {
		g.unknown[sum] = &unknownRows{onePage: s.onePage}
	}
	for i := range g.waiting {
		g.waiting[i] = glimpsed{}
	}
}

// believed tells whether the read may be compared: known rows are about all there.
func (g *Glimpse) believed() bool {
	gone := 0
	for i, n := range g.count {
		if g.onePage[i] == 0 {
			gone += int(n)
		}
	}
	return !g.incomparable && gone*2 < max(len(g.c.Rows), 1)
}

// place returns the index in the cursor before which a row is to stand that is not known, if the
// rows between it and the known one above are new too.
func (g *Glimpse) place(r glimpsed) int {
	switch {
	case r.after != notOnPage:
		return r.after + 1
	case r.before != notOnPage:
		return r.before
	}
	i, _ := g.c.index(r.Number)
	return i
}
