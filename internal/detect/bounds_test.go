package detect

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/row"
)

// shaped returns a side of n rows with the cells that a function returns; 0 is a blank cell.
func shaped(n, width int, cell func(i, k int) uint32) side {
	s := side{width: width, n: n, cells: make([]uint32, 0, n*width)}
	for k := range width {
		s.shared = append(s.shared, k)
	}
	for i := range n {
		for k := range width {
			s.cells = append(s.cells, cell(i, k))
		}
	}
	return s
}

// compared returns a matching of two sides without any matches.
func compared(old, now side) *matching {
	m := &matching{old: old, now: now, oldOf: newMatches(now.n), nowOf: newMatches(old.n), salts: make([]uint64, old.width)}
	for k := range m.salts {
		m.salts[k] = uint64(k + 1)
	}
	m.required, m.fixed = make([]bool, old.width), make([]bool, old.width)
	m.oldSums, m.nowSums = m.sums(old), m.sums(now)
	return m
}

func all(n int) []int32 {
	rows := make([]int32, n)
	for i := range rows {
		rows[i] = int32(i)
	}
	return rows
}

// TestBoundsOfSuspects: a wide sheet has 24 single columns tried, a long one 256 rows sampled.
func TestBoundsOfSuspects(t *testing.T) {
	m := compared(shaped(4, 40, func(i, k int) uint32 { return uint32(i*40 + k + 3) }), shaped(4, 40, func(i, k int) uint32 { return uint32(i*40 + k + 3) }))
	if sets := m.suspects(all(4), all(4), make([]float64, 40)); len(sets) != 24 {
		t.Errorf("%d columns are tried, want 24", len(sets))
	}
	// Two columns differ in every other row, which are the rows sampled, and a third one in every
	// fourth.
	now := func(i, k int) uint32 {
		if differs := i%2 == 0 && k < 2 || i%4 == 0 && k == 2; differs {
			return 9
		}
		return 5
	}
	m = compared(shaped(512, 4, func(int, int) uint32 { return 5 }), shaped(512, 4, now))
	if sets := m.suspects(all(512), all(512), make([]float64, 4)); !slices.Equal(sets[0], []int{0, 1}) {
		t.Errorf("columns %v seem to be recalculated together, want 0 and 1", sets[0])
	}
}

// TestBoundsOfCandidates: a row is compared with the known rows at its position and 12 that share a
// cell with it, and with 16 of those that have the same fingerprint.
func TestBoundsOfCandidates(t *testing.T) {
	asked := 0
	never := func(int, int) bool { asked++; return false }
	m := compared(shaped(60, 1, func(int, int) uint32 { return 5 }), shaped(1, 1, func(int, int) uint32 { return 5 }))
	m.keysAllow = never
	g := newGaps(m)
	g.order(m)
	g.rank()
	m.candidates(g, m.weights())
	if near := 2 * (nearReach + 1); asked != near+12 {
		t.Errorf("compared with %d rows, want %d at its place and 12 others", asked, near)
	}
	asked = 0
	m = compared(shaped(60, 1, func(int, int) uint32 { return 5 }), shaped(2, 1, func(int, int) uint32 { return 5 }))
	m.keysAllow = never
	m.exact()
	if neighbours := 2; asked != neighbours+2*16 {
		t.Errorf("two rows are compared with %d equal ones, want %d next to them and 16 for each", asked, neighbours)
	}
}

// TestWhereRowsAgreeByChance: from four million pairs of rows, chance matches are possible. Then
// two pairs are kept for each row, cells shared by at most 256 known rows suggest candidates, cells
// do not identify rows if more than a 64th of the rows repeat them, and a column counts as
// recalculated if it changed in a 64th of the rows.
func TestWhereRowsAgreeByChance(t *testing.T) {
	const many = 2048
	for n, want := range map[int]bool{many: true, many - 1: false} {
		if got := manyPairs(all(n), all(many)); got != want {
			t.Errorf("%d and %d rows: chance matches possible: %t, want %t", n, many, got, want)
		}
	}
	// town returns a cell that differs in all rows (column 0), or is the same in all (column 1).
	town := func(i, k int) uint32 { return uint32(10 + i*(1-k)) }
	m := compared(shaped(many, 2, town), shaped(many, 2, func(i, k int) uint32 { return town(i, k) + uint32(many*(1-k)) }))
	g := newGaps(m)
	g.order(m)
	g.rank()
	pairs := m.candidates(g, weights{bits: []float64{1, 1}, plain: []float64{1, 1}, required: make([]bool, 2), telling: 1})
	if len(pairs) != 2*many {
		t.Errorf("%d pairs of %d rows are kept, want two of each", len(pairs), many)
	}
	for _, chance := range []bool{false, true} {
		for n, want := range map[int]bool{256: true, 257: !chance} {
			same := shaped(n, 1, func(int, int) uint32 { return 5 })
			m := compared(same, same)
			if _, ok := newCellIndex(m, newGaps(m), chance).columns[0].of(5); ok != want {
				t.Errorf("chance %t: a cell of %d rows suggests candidates: %t, want %t", chance, n, ok, want)
			}
		}
	}
	for repeated, want := range map[int]int{many / 64: many, many/64 + 1: 0} {
		// The last column changes in all rows; some of the others repeat.
		cell := func(add int) func(i, k int) uint32 {
			return func(i, k int) uint32 {
				if k == 3 {
					return uint32(10 + i + add)
				}
				return uint32(10 + max(i, repeated))
			}
		}
		m := compared(shaped(many, 4, cell(0)), shaped(many, 4, cell(many)))
		m.allBut([]int{3}, weigh(m.old, m.required), false)
		if got := many - m.gone(); got != want {
			t.Errorf("%d of %d rows repeat: %d are matched, want %d", repeated, many, got, want)
		}
	}
	for edited, want := range map[int]int{many / 64: 1, many/64 - 1: 0} {
		// Edited rows are matched, and many other rows are left.
		cell := func(add int) func(i, k int) uint32 {
			return func(i, k int) uint32 {
				if k == 1 && i < edited {
					return uint32(10 + add)
				}
				return 5
			}
		}
		m := compared(shaped(many+edited, 2, cell(0)), shaped(many+edited, 2, cell(1)))
		for i := range edited {
			m.match(i, i)
		}
		if got := m.recalculated(); len(got) != want {
			t.Errorf("%d rows edited next to %d: columns %v were recalculated, want %d", edited, many, got, want)
		}
	}
}

// TestIdentitiesThatCollide: if chance matches are possible, equal folds are not the same identity
// unless the cells are equal.
func TestIdentitiesThatCollide(t *testing.T) {
	for _, tt := range []struct{ rows, want int }{{2047, 2047}, {2048, 1536}} {
		cell := func(i, _ int) uint32 { return uint32(10 + i) }
		old, now := shaped(tt.rows, 2, cell), shaped(tt.rows, 2, cell)
		now.exact = slices.Clone(now.cells)
		for i := range tt.rows {
			now.exact[2*i] = 9 // in a column that is not required
			if i%4 == 1 {
				now.exact[2*i+1] = 9
			}
		}
		old.exact, old.shared, now.shared = old.cells, []int{1, 0}, []int{1, 0}
		m := compared(old, now)
		m.required[0], m.identity = true, []int{0}
		left, read := m.unmatched()
		m.identified(left, read)
		if got := tt.rows - m.gone(); got != tt.want {
			t.Errorf("%d of %d rows are identified, want %d", got, tt.rows, tt.want)
		}
	}
}

// TestSharedCap: at most 50 known rows are listed for one cell.
func TestSharedCap(t *testing.T) {
	cells := make([]uint64, 60)
	for o := range cells {
		cells[o] = 5<<32 | uint64(o)
	}
	c := newCellColumn(cells, 60)
	if s, ok := c.of(5); !ok || s.size != 60 || len(s.rows) != 50 {
		t.Errorf("of %d rows %d are listed, want 50", s.size, len(s.rows))
	}
}

// TestSamples: weights come from a sample of 4,096 rows spread over all, the share of values kept
// from about 8,192 values unless that leaves too few.
func TestSamples(t *testing.T) {
	// An eighth of all rows are alike, but half of those sampled.
	w := weigh(shaped(16_384, 1, func(i, _ int) uint32 {
		if i%8 == 0 {
			return 5
		}
		return uint32(i + 10)
	}), make([]bool, 1))
	if w.bits[0] < 7.4 || w.bits[0] > 7.6 {
		t.Errorf("a cell weighs %.2f bits, want 7.5", w.bits[0])
	}
	const n = 40_000
	s := shaped(n, 2, func(i, k int) uint32 {
		if k == 1 && i%40 > 0 {
			return 0
		}
		return uint32(mix(uint64(i + 1)))
	})
	m := compared(s, s)
	if was, is := m.values(all(n), all(n), 0); len(was) < 7500 || len(was) > 9000 || len(is) != len(was) {
		t.Errorf("%d and %d values are compared, want about 8,192", len(was), len(is))
	}
	if was, _ := m.values(all(n), all(n), 1); len(was) != 1000 {
		t.Errorf("%d of 1,000 values are compared", len(was))
	}
}

// TestBoundsOfGlimpses: of a torn read, at most 16,384 unknown rows and 16 MB of their text are
// kept, and four million pairs of an unknown and a missing row are compared. Other rows wait.
func TestBoundsOfGlimpses(t *testing.T) {
	const (
		known, missing = 12_000, 1000
		compared       = 1 << 22 / missing
	)
	header := row.HeaderOf([]string{"Email", "Name"})
	rows := func(name string, n int) []row.Row {
		page := make([]row.Row, n)
		for i := range page {
			page[i] = row.Row{Number: i + 2, Cells: []row.Cell{row.TextCell(name + strconv.Itoa(i)), row.TextCell(name + "'s name" + strconv.Itoa(i))}}
		}
		return page
	}
	now := time.Unix(1_000_000, 0)
	first := NewReading(header, Options{}, known)
	first.Add(rows("known", known)...)
	c := Begin(first, Options{}, known+1, 1, now).Cursor
	g := c.Glimpse(header, Options{})
	g.Add(rows("new", 1<<14+1), true, true)
	if g.keptRows != 1<<14 {
		t.Errorf("%d rows are kept, want %d", g.keptRows, 1<<14)
	}
	g = c.Glimpse(header, Options{})
	g.Add([]row.Row{
		{Number: 2, Cells: []row.Cell{row.TextCell(strings.Repeat("long ", 16<<20/5) + "!")}},
		{Number: 3, Cells: []row.Cell{row.TextCell("short")}},
	}, true, true)
	if g.keptRows != 1 || g.keptBytes != 16<<20 {
		t.Errorf("%d rows with %d bytes of text are kept, want one with %d", g.keptRows, g.keptBytes, 16<<20)
	}
	// New rows come right before the last one, and the first ones are missing.
	torn := rows("known", known)[missing:]
	torn = slices.Insert(torn, len(torn)-1, rows("new", compared+1)...)
	for i := range torn {
		torn[i].Number = i + 2
	}
	glimpse := func() *Glimpse {
		g := c.Glimpse(header, Options{})
		g.Add(torn, true, true)
		return g
	}
	result, _, ok := DiffTorn(glimpse(), glimpse(), now.Add(time.Minute))
	if !ok || len(result.Found) != compared {
		t.Errorf("%d of %d rows are found, %t; want %d", len(result.Found), compared+1, ok, compared)
	}
}

// TestMaxGone: the latest 262,144 vanished rows are remembered.
func TestMaxGone(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	b := &builder{now: now, rd: &reading{}, gone: make([]Gone, 1<<18)}
	m := compared(shaped(1, 1, func(int, int) uint32 { return 5 }), shaped(0, 1, nil))
	b.old = Cursor{Columns: []string{"A"}, Rows: []Seen{{Delivery: 7}}, Cells: []uint32{5}}
	b.rememberGone(m)
	if last := b.gone[len(b.gone)-1]; len(b.gone) != 1<<18 || last.Delivery != 7 {
		t.Errorf("%d are remembered, the last one with delivery %d", len(b.gone), last.Delivery)
	}
	const more = 3
	b = &builder{now: now, rd: &reading{}}
	m = compared(shaped(1<<18+more, 1, func(i, _ int) uint32 { return uint32(5 + i) }), shaped(0, 1, nil))
	b.old = Cursor{Columns: []string{"A"}, Rows: make([]Seen, m.old.n), Cells: m.old.cells}
	for i := range b.old.Rows {
		b.old.Rows[i].Delivery = uint64(1 + i)
	}
	b.rememberGone(m)
	if len(b.gone) != 1<<18 || b.gone[0].Delivery != 1+more || len(b.changes) != m.old.n {
		t.Errorf("%d of %d are remembered, from delivery %d on, %d changes reported", len(b.gone), m.old.n, b.gone[0].Delivery, len(b.changes))
	}
}

// TestMarkUnknownDeliveries: in a keyed cursor of an earlier release, a row without a delivery may
// have fired unless it is unchanged since the first read, or waits.
func TestMarkUnknownDeliveries(t *testing.T) {
	keys := []RowKey{{Sum: 1}, {Sum: 2}, {Sum: 3}, {Sum: 4}, {}}
	rows := []Seen{{Since: 100}, {Since: 200}, {Since: 200, Delivery: 5}, {Since: 200, Waits: true}, {Since: 200}}
	c := Cursor{Rows: slices.Clone(rows), RowKeys: keys}
	c.markUnknownDeliveries()
	want := slices.Clone(rows)
	want[1].Delivery = Unknown
	if !slices.Equal(c.Rows, want) {
		t.Errorf("got %+v, want %+v", c.Rows, want)
	}
	c = Cursor{Rows: slices.Clone(rows)}
	if c.markUnknownDeliveries(); !slices.Equal(c.Rows, rows) {
		t.Errorf("without a key: got %+v", c.Rows)
	}
}
