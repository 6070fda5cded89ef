package detect

import (
	"slices"
	"testing"
	"time"
)

// shaped returns a side of n rows whose cells a function gives; 0 is a blank one.
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

// compared returns the empty matching of two sides.
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

// TestBoundsOfSuspects: of a wide sheet 24 single columns are asked, of a long one 256 rows spread
// over all.
func TestBoundsOfSuspects(t *testing.T) {
	m := compared(shaped(4, 40, func(i, k int) uint32 { return uint32(i*40 + k + 3) }), shaped(4, 40, func(i, k int) uint32 { return uint32(i*40 + k + 3) }))
	if sets := m.suspects(all(4), all(4), make([]float64, 40)); len(sets) != 24 {
		t.Errorf("%d columns are asked, want 24", len(sets))
	}
	// Two columns differ in every other row, which are those asked, and a third one in every fourth.
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

// TestBoundsOfCandidates: a row is compared with the known rows at its place and 12 that share a
// cell with it, and with 16 of those that have a fingerprint in common.
func TestBoundsOfCandidates(t *testing.T) {
	asked := 0
	never := func(int, int) bool { asked++; return false }
	m := compared(shaped(60, 1, func(int, int) uint32 { return 5 }), shaped(1, 1, func(int, int) uint32 { return 5 }))
	m.may = never
	g := newGaps(m)
	g.order(m)
	g.rank()
	m.candidates(g, m.weights())
	if near := 2 * (nearReach + 1); asked != near+12 {
		t.Errorf("compared with %d rows, want %d at its place and 12 others", asked, near)
	}
	asked = 0
	m = compared(shaped(60, 1, func(int, int) uint32 { return 5 }), shaped(2, 1, func(int, int) uint32 { return 5 }))
	m.may = never
	m.exact()
	if neighbours := 2; asked != neighbours+2*16 {
		t.Errorf("two rows are compared with %d equal ones, want %d next to them and 16 for each", asked, neighbours)
	}
}

// TestSamples: weights are those of 4,096 rows spread over all, the values that a column has kept
// those of about 8,192 unless that leaves too few.
func TestSamples(t *testing.T) {
	// A fourth of the rows are alike, half of those sampled.
	w := weigh(shaped(8192, 1, func(i, _ int) uint32 {
		if i%4 == 0 {
			return 5
		}
		return uint32(i + 10)
	}), make([]bool, 1))
	if w.bits[0] < 6.5 || w.bits[0] > 7.5 {
		t.Errorf("a cell weighs %.2f bits, want 7", w.bits[0])
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

// TestGoneMax: the latest 262,144 rows that vanished are remembered.
func TestGoneMax(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	b := &builder{now: now, rd: &reading{}, gone: make([]Gone, 1<<18)}
	m := compared(shaped(1, 1, func(int, int) uint32 { return 5 }), shaped(0, 1, nil))
	b.old = Cursor{Columns: []string{"A"}, Rows: []Seen{{Delivery: 7}}, Cells: []uint32{5}}
	b.remember(m)
	if last := b.gone[len(b.gone)-1]; len(b.gone) != 1<<18 || last.Delivery != 7 {
		t.Errorf("%d are remembered, the last one with delivery %d", len(b.gone), last.Delivery)
	}
}

// TestForgetStart: in a cursor of an earlier release that has a key, a row without a delivery may
// have fired unless it has looked the same since the first read, or waits.
func TestForgetStart(t *testing.T) {
	keys := []RowKey{{Sum: 1}, {Sum: 2}, {Sum: 3}, {Sum: 4}, {}}
	rows := []Seen{{Since: 100}, {Since: 200}, {Since: 200, Delivery: 5}, {Since: 200, Waits: true}, {Since: 200}}
	c := Cursor{Rows: slices.Clone(rows), RowKeys: keys}
	c.forgetStart()
	want := slices.Clone(rows)
	want[1].Delivery = Unknown
	if !slices.Equal(c.Rows, want) {
		t.Errorf("got %+v, want %+v", c.Rows, want)
	}
	c = Cursor{Rows: slices.Clone(rows)}
	if c.forgetStart(); !slices.Equal(c.Rows, rows) {
		t.Errorf("without a key: got %+v", c.Rows)
	}
}
