package detect

import (
	"slices"
	"strings"

	"github.com/rowtap/rowtap/internal/row"
)

const (
	// glimpsedRows and glimpsedBytes bound the unknown rows kept of a torn read, and their text.
	// Further rows wait.
	glimpsedRows  = 1 << 14
	glimpsedBytes = 16 << 20
)

// Glimpse is what a torn read shows: which known rows were on some page, and which rows are
// unknown. Each page shows one state of the worksheet; different pages may show different states.
// [Cursor.Glimpse] returns an empty one.
type Glimpse struct {
	c         Cursor
	o         Options
	header    row.Header
	salts     []uint64   // hashes of the columns' names
	columns   []int      // the index of each column
	known     *hashIndex // the known rows by fingerprint
	count     []int32    // by known row, the first of its fingerprint: number of rows with it
	onePage   []int32    // likewise: the most of them seen on one page
	unknown   map[uint64]*unknownRows
	waiting   map[int]glimpsed // by waiting known row, if its fingerprint is unique
	rows      int              // rows read
	keptRows  int              // rows in unknown
	keptBytes int              // their text, in bytes
	// incomparable means that nothing can be compared: the header or the key changed, an unnamed
	// column came into use, or the last read was doubted.
	incomparable bool
}

// unknownRows are unknown rows with the same fingerprint.
type unknownRows struct {
	onePage int        // the most of them seen on one page
	rows    []glimpsed // the rows of that page
}

// glimpsed is a row on a page.
type glimpsed struct {
	row.Row
	seq int // position in the read
	// after and before are the known rows around it on its page, by index, or notOnPage.
	after, before int
	among         int // unknown rows between after and this row
}

// notOnPage means that the page shows no such known row.
const notOnPage = -2

// Glimpse returns an empty glimpse of a worksheet with the given header, to be compared under o.
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

// compared returns rows in the form compared with the cursor; ok is false if the columns differ.
func (g *Glimpse) compared(rows []row.Row) (rd *reading, ok bool) {
	r := NewReading(g.header, g.o, len(rows))
	r.Add(rows...)
	return r.tail(g.c, g.o)
}

// Add adds a page: rows below the header in sheet order, read in one state of the worksheet. top
// means that the page starts right below the header, end that the worksheet ends with it. Add
// copies what it keeps.
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
	// By row: the known row, and whether its fingerprint is unique and so shows a position.
	is, anchor := make([]int, n), make([]bool, n)
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

// addUnknown adds an unknown row. here is the number of equal rows on its page so far.
func (g *Glimpse) addUnknown(sum uint64, seen glimpsed, here int) {
	s := g.unknown[sum]
	if s == nil {
		s = &unknownRows{}
	}
	if s.onePage > here {
		return
	}
	if s.onePage < here || len(s.rows) == here { // the first row of a page that has as many or more
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

// copied returns a copy that shares no memory with the page.
func (g glimpsed) copied() glimpsed {
	g.Cells = slices.Clone(g.Cells)
	for k := range g.Cells {
		g.Cells[k].Text = strings.Clone(g.Cells[k].Text)
	}
	return g
}

// Rest ends the read and frees the memory that the first of two glimpses no longer needs.
func (g *Glimpse) Rest() {
	g.c.Cells, g.c.Folds, g.c.RowKeys, g.known = nil, nil, nil, nil
	for sum, s := range g.unknown {
		g.unknown[sum] = &unknownRows{onePage: s.onePage}
	}
	for i := range g.waiting {
		g.waiting[i] = glimpsed{}
	}
}

// believed reports whether the read may be compared: fewer than half of the known rows are missing.
func (g *Glimpse) believed() bool {
	gone := 0
	for i, n := range g.count {
		if g.onePage[i] == 0 {
			gone += int(n)
		}
	}
	return !g.incomparable && gone*2 < max(len(g.c.Rows), 1)
}

// place returns the index in the cursor before which to insert an unknown row, assuming that the
// rows between it and the known row above are new too.
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
