package detect

import (
	"slices"
	"testing"
)

func weightsOf(bits ...float64) weights {
	return weights{bits: bits, plain: bits, required: make([]bool, len(bits)), telling: tellingBits}
}

// TestDoubtedWithoutLikeness: when chance matches are possible, rows are not compared by similarity
// if half of the known rows are missing and the last read does not confirm it.
func TestDoubtedWithoutLikeness(t *testing.T) {
	const many = 2048
	for _, tt := range []struct {
		edited, unchanged int
		unbelieved        bool
		want              int
	}{
		{many, many, false, many},
		{many, many, true, 0},
		{many, many + 1, true, many},
		{many - 1, many - 1, true, many - 1},
	} {
		cell := func(now bool) func(i, k int) uint32 {
			return func(i, k int) uint32 {
				h := uint32(10 + 10*i + k)
				if now && i < tt.edited && (i%5 == k || (i+1)%5 == k) {
					h += 1 << 20
				}
				return h
			}
		}
		n := tt.edited + tt.unchanged
		m := compared(shaped(n, 5, cell(false)), shaped(n, 5, cell(true)))
		m.old.exact, m.now.exact, m.old.folds, m.now.folds = m.old.cells, m.now.cells, m.old.cells, m.now.cells
		m.fractions = make([]bool, 5)
		for i := tt.edited; i < n; i++ {
			m.match(i, i)
		}
		m.unconfirmed = tt.unbelieved
		m.edits(make([]Seen, n))
		if got := n - m.gone() - tt.unchanged; got != tt.want {
			t.Errorf("%+v: %d are matched", tt, got)
		}
	}
}

// TestRecalculated: a column counts as recalculated if it changed in eight rows and in half of
// those edited.
func TestRecalculated(t *testing.T) {
	for _, tt := range []struct {
		first, second int // rows that changed in the first column, and other rows in the second
		want          []int
	}{{8, 8, []int{0, 1}}, {8, 9, []int{1}}, {7, 0, nil}, {8, 0, []int{0}}} {
		n := tt.first + tt.second
		m := compared(shaped(n, 2, func(int, int) uint32 { return 5 }), shaped(n, 2, func(i, k int) uint32 {
			if (i < tt.first) == (k == 0) {
				return 9
			}
			return 5
		}))
		for i := range n {
			m.match(i, i)
		}
		if got := m.recalculated(); !slices.Equal(got, tt.want) {
			t.Errorf("%d and %d rows: %v, want %v", tt.first, tt.second, got, tt.want)
		}
	}
}

// TestOtherValues: a column counts as replaced if less than half of its values are kept, or none.
func TestOtherValues(t *testing.T) {
	m := &matching{keptShare: []float64{0.5, 0.49, -1, 0, 1}}
	if got := m.findReplacedColumns(); !slices.Equal(got, []int{1, 3}) {
		t.Errorf("%v, want 1 and 3", got)
	}
}

// TestDiffering: rows are paired by the column with the most information among those that keep more
// than half of their values; each row is paired once.
func TestDiffering(t *testing.T) {
	for _, tt := range []struct {
		name     string
		bits     []float64
		old, now [][]uint32
		differ   []int
		pairs    int
	}{
		{"the first column carries more", []float64{5, 1}, [][]uint32{{11, 21}, {12, 22}}, [][]uint32{{12, 21}, {11, 22}}, []int{0, 2}, 2},
		{"the second one does", []float64{1, 5}, [][]uint32{{11, 21}, {12, 22}}, [][]uint32{{12, 21}, {11, 22}}, []int{2, 0}, 2},
		{"both carry as much", []float64{5, 5}, [][]uint32{{11, 21}, {12, 22}}, [][]uint32{{12, 21}, {11, 22}}, []int{0, 2}, 2},
		{"half of the values are kept", []float64{5}, [][]uint32{{11}, {12}}, [][]uint32{{11}, {13}}, []int{0}, 0},
		{"more than half are", []float64{5, 1}, [][]uint32{{11, 5}, {12, 5}, {13, 5}}, [][]uint32{{11, 5}, {12, 6}, {14, 6}}, []int{0, 1}, 2},
		{"a value occurs twice, and counts once", []float64{5}, [][]uint32{{11}, {12}}, [][]uint32{{11}, {11}}, []int{0}, 0},
		{"a blank cell has no partner", []float64{5, 1}, [][]uint32{{11, 5}, {12, 5}, {0, 5}}, [][]uint32{{11, 6}, {12, 5}, {13, 5}}, []int{0, 1}, 2},
	} {
		of := func(rows [][]uint32) side {
			return shaped(len(rows), len(tt.bits), func(i, k int) uint32 { return rows[i][k] })
		}
		m := compared(of(tt.old), of(tt.now))
		differ, pairs := m.differing(all(len(tt.old)), all(len(tt.now)), len(tt.old), tt.bits)
		if !slices.Equal(differ, tt.differ) || pairs != tt.pairs {
			t.Errorf("%s: %v in %d pairs, want %v in %d", tt.name, differ, pairs, tt.differ, tt.pairs)
		}
	}
}

// TestTells: the cells that identify a row are those that are not blank and not in the columns that
// changed.
func TestTells(t *testing.T) {
	row := func(cells ...uint32) *matching {
		s := shaped(1, len(cells), func(_, k int) uint32 { return cells[k] })
		return compared(s, s)
	}
	for _, tt := range []struct {
		m    *matching
		bits []float64
		want bool
	}{
		{row(5, 6, 7), []float64{1, 6, 6}, true},
		{row(5, 6, 7), []float64{1, 6, 5.9}, false},
		{row(5, 6, 0), []float64{1, 6, 6}, false},
	} {
		if got := tt.m.tells(0, []int{0}, weightsOf(tt.bits...)); got != tt.want {
			t.Errorf("%v of %v: %t", tt.bits, tt.m.old.cells, got)
		}
	}
}

// TestAllButPlaces: when chance matches are possible, an edited row must be within six rows of its
// position, or most of the remaining rows must be exactly equal in all other columns. With fewer
// rows, being in the same gap is enough.
func TestAllButPlaces(t *testing.T) {
	const many = 2048
	for _, tt := range []struct {
		n, shift int
		exactly  bool // in the columns that did not change
		want     int
	}{
		{many, 6, false, many - 6},
		{many, 7, false, 0},
		{many, 7, true, many},
		{many - 1, 7, false, many - 1},
	} {
		old := shaped(tt.n, 2, func(i, k int) uint32 { return uint32(10 + i + k<<20) })
		now := shaped(tt.n, 2, func(i, k int) uint32 { return uint32(10 + (i+tt.shift)%tt.n + k<<21) })
		old.exact, now.exact = slices.Clone(old.cells), slices.Clone(now.cells)
		for i := range now.exact {
			if i%2 == 0 && !tt.exactly {
				now.exact[i] += 1 << 22
			}
		}
		m := compared(old, now)
		m.allBut([]int{1}, weightsOf(12, 1), false)
		if got := tt.n - m.gone(); got != tt.want {
			t.Errorf("%+v: %d are matched", tt, got)
		}
	}
}

// TestAllButElsewhere: a row in another gap is an edit if there are eight such rows and half of the
// rows left, or the column was recalculated.
func TestAllButElsewhere(t *testing.T) {
	for _, tt := range []struct {
		moved, others int
		recalculated  bool
		want          int
	}{{8, 8, false, 8}, {8, 9, false, 0}, {7, 0, false, 0}, {7, 9, true, 7}} {
		n := tt.moved + tt.others + 1 // the last row before is the first one now, unchanged
		old := shaped(n, 2, func(i, k int) uint32 { return uint32(10 + i + k<<10) })
		now := shaped(n, 2, func(i, k int) uint32 {
			switch i = i - 1; {
			case i < 0:
				return uint32(10 + n - 1 + k<<10)
			case i < tt.moved:
				return uint32(10 + i + k<<11)
			}
			return uint32(1<<20 + i)
		})
		m := compared(old, now)
		m.match(n-1, 0)
		m.allBut([]int{1}, weightsOf(12, 1), tt.recalculated)
		if got := n - 1 - m.gone(); got != tt.want {
			t.Errorf("%+v: %d are matched", tt, got)
		}
	}
}

// TestAllButRepeated: if several known rows fit, each matches at most one row read. Without several
// columns, none matches.
func TestAllButRepeated(t *testing.T) {
	for _, tt := range []struct {
		without []int
		want    int
	}{{[]int{1}, 2}, {[]int{1, 2}, 0}} {
		add := uint32(0)
		cell := func(i, k int) uint32 {
			if slices.Contains(tt.without, k) {
				return 100*add + uint32(10*i+k)
			}
			return 5
		}
		old := shaped(3, 3, cell)
		add = 1
		m := compared(old, shaped(2, 3, cell))
		m.allBut(tt.without, weightsOf(12, 12, 12), true)
		if got := 3 - m.gone(); got != tt.want || tt.want > 0 && !slices.Equal(m.oldOf, []int32{0, 1}) {
			t.Errorf("without %v: %d are matched, %v", tt.without, got, m.oldOf)
		}
	}
	asked := 0
	m := compared(shaped(60, 2, func(_, k int) uint32 { return uint32(5 + k) }), shaped(1, 2, func(_, k int) uint32 { return uint32(5 + 2*k) }))
	m.keysAllow = func(int, int) bool { asked++; return false }
	m.allBut([]int{1}, weightsOf(12, 1), false)
	if asked != 2*16 {
		t.Errorf("compared with %d rows, want 16 in its gap and 16 anywhere", asked)
	}
}

// TestSimilarOnce: of two similar rows, on either side, the more similar one is matched.
func TestSimilarOnce(t *testing.T) {
	cells := [][]uint32{{11, 12, 13, 14}, {11, 12, 13, 24}, {11, 12, 33, 34}}
	of := func(rows ...int) side {
		return shaped(len(rows), 4, func(i, k int) uint32 { return cells[rows[i]][k] })
	}
	for _, tt := range []struct {
		old, now     side
		oldOf, nowOf []int32
	}{
		{of(1, 2), of(0), []int32{0}, []int32{0, noRow}},
		{of(2, 1), of(0), []int32{1}, []int32{noRow, 0}},
		{of(0), of(1, 2), []int32{0, noRow}, []int32{0}},
		{of(0), of(2, 1), []int32{noRow, 0}, []int32{1}},
	} {
		m := compared(tt.old, tt.now)
		m.similar(weightsOf(12, 12, 12, 12), make([]Seen, tt.old.n))
		if !slices.Equal(m.oldOf, tt.oldOf) || !slices.Equal(m.nowOf, tt.nowOf) || m.likeOf != nil {
			t.Errorf("%v, then %v: %v and %v, want %v and %v; may be %v", tt.old.cells, tt.now.cells, m.oldOf, m.nowOf, tt.oldOf, tt.nowOf, m.likeOf)
		}
	}
}

// TestShare: how much of a known row a row read has. The first column is required.
func TestShare(t *testing.T) {
	for _, tt := range []struct {
		name     string
		bits     []float64
		old, now []uint32
		want     likeness
	}{
		{"the same", []float64{12, 4, 4}, []uint32{5, 6, 7}, []uint32{5, 6, 7}, likeness{share: 1, kept: 20, likely: true, equal: 20}},
		{"a blank row", []float64{12, 4, 4}, []uint32{0, 0, 0}, []uint32{5, 6, 7}, likeness{likely: true}},
		{"the identity is filled in", []float64{12, 4, 4}, []uint32{0, 6, 7}, []uint32{5, 6, 7}, likeness{share: 1, kept: 8, likely: true, equal: 8}},
		{"the identity is cleared, and all but one other cell", []float64{12, 4, 4}, []uint32{5, 6, 7}, []uint32{0, 6, 0}, likeness{share: 0.2, kept: 4, likely: true, equal: 4}},
		{"all but the identity is cleared", []float64{12, 4, 4}, []uint32{5, 6, 7}, []uint32{5, 0, 0}, likeness{share: 1, kept: 12, likely: true, equal: 12}},
		{"a new identity, with all of the rest", []float64{12, 2, 4}, []uint32{5, 6, 7}, []uint32{9, 6, 7}, likeness{share: 6.0 / 18, kept: 6, likely: true, allButIdentity: true, allButOne: true, equal: 6}},
		{"a new identity, with all of a smaller rest", []float64{12, 2, 2}, []uint32{5, 6, 7}, []uint32{9, 6, 7}, likeness{share: 4.0 / 16, kept: 4, likely: true, allButOne: true, equal: 4}},
		{"blank cells do not count as the rest", []float64{12, 4, 4, 4}, []uint32{5, 6, 0, 0}, []uint32{9, 6, 7, 8}, likeness{share: 4.0 / 16, kept: 4, likely: true, allButOne: true, equal: 4}},
		{"half of the rest", []float64{12, 11, 1}, []uint32{5, 6, 7}, []uint32{9, 6, 8}, likeness{share: 11.0 / 24, kept: 11, equal: 11}},
		{"half of the rest, which identifies the row", []float64{12, 12, 1}, []uint32{5, 6, 7}, []uint32{9, 6, 8}, likeness{share: 12.0 / 25, kept: 12, likely: true, equal: 12}},
		{"none of one cell", []float64{12, 4}, []uint32{5, 0}, []uint32{9, 6}, likeness{likely: true}},
	} {
		of := func(cells []uint32) side {
			return shaped(1, len(cells), func(_, k int) uint32 { return cells[k] })
		}
		w := weightsOf(tt.bits...)
		w.required[0] = true
		if got := compared(of(tt.old), of(tt.now)).share(0, 0, w); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

// TestSimilarUnfired: a row that may be a known row is that row if it has not fired, or was
// rejected and is in the same place.
func TestSimilarUnfired(t *testing.T) {
	for _, tt := range []struct {
		open Open
		here bool
		want bool
	}{
		{0, true, false},
		{OpenWaiting, true, true},
		{OpenHeld, true, true},
		{OpenFailed, true, true},
		{0, false, false},
		{OpenWaiting, false, true},
		{OpenFailed, false, false},
	} {
		old := [][]uint32{{11, 12, 13, 14}, {21, 22, 23, 24}, {31, 32, 33, 34}}
		now := [][]uint32{{11, 42, 43, 14}, {21, 22, 23, 24}, {31, 32, 33, 34}}
		is := 0
		if !tt.here {
			now, is = [][]uint32{now[1], now[2], now[0]}, 2
		} else {
			now[0] = []uint32{11, 42, 43, 44}
		}
		of := func(rows [][]uint32) side {
			return shaped(len(rows), 4, func(i, k int) uint32 { return rows[i][k] })
		}
		m := compared(of(old), of(now))
		m.exact()
		m.opts.Open = map[uint64]Open{1: tt.open}
		m.similar(weightsOf(12, 12, 12, 12), []Seen{{Delivery: 1}, {}, {}})
		if got := m.oldOf[is] == 0; got != tt.want || !got && (m.likeOf == nil || m.likeOf[is] != 0) {
			t.Errorf("%+v: matched %t; %v, may be %v", tt, got, m.oldOf, m.likeOf)
		}
	}
}
