package detect

import (
	"cmp"
	"slices"
)

const (
	// renamedShare is the share of a column's cells, each value counted once, that must reappear
	// under another name for the column to be the same. Columns of dropdowns or of x have too few
	// values to reach it. Columns that draw from the same values by chance do not reach it either:
	// if two of n cells each draw from n/t values, (1-e^-t)²/t of n are in both, at most 0.41.
	renamedShare = 0.5
	// renamedLeast is the minimum number of such values: fewer may be chance.
	renamedLeast = 2
	// fewRows is the number of rows from which each value is counted once. With fewer rows, every
	// column is needed, and a dropdown says about as much as any other column.
	fewRows = 12
)

// columnValues holds the values of a column.
type columnValues struct {
	at    int      // index within a row
	place [2]int   // the nearest shared columns left and right, as indexes among them
	cells []uint32 // cells that are not blank, sorted
	once  []uint32 // the same without repetition
	other bool     // already paired with a column of the other side
}

// renamed adds renamed columns to the shared ones. A column that disappeared and one that appeared
// are the same if they share enough values, and the column's place or the order of its values was
// kept: see renamedShare, samePlace and sameOrder. All others are not compared; maybeRenamed is set
// if any of them may have been renamed.
func (m *matching) renamed() {
	gone, come := unshared(m.old, m.old.shared), unshared(m.now, m.now.shared)
	type pair struct {
		g, c  *columnValues
		share float64
		apart int // distance between the two columns
	}
	few := max(m.old.n, m.now.n) < fewRows
	var pairs []pair
	for g := range gone {
		for c := range come {
			p := pair{g: &gone[g], c: &come[c], apart: max(gone[g].at-come[c].at, come[c].at-gone[g].at)}
			if p.share = p.g.telling(p.c, few); p.share >= renamedShare && (p.g.samePlace(p.c) || m.sameOrder(p.g, p.c)) {
				pairs = append(pairs, p)
			}
		}
	}
	slices.SortStableFunc(pairs, func(a, b pair) int {
		return cmp.Or(cmp.Compare(b.share, a.share), cmp.Compare(a.apart, b.apart))
	})
	for _, p := range pairs {
		if !p.g.other && !p.c.other {
			p.g.other, p.c.other = true, true
			m.old.shared, m.now.shared = append(m.old.shared, p.g.at), append(m.now.shared, p.c.at)
		}
	}
	for g := range gone {
		m.maybeRenamed = m.maybeRenamed || !gone[g].other && slices.ContainsFunc(come, func(c columnValues) bool {
			return !c.other && gone[g].alike(&c)
		})
	}
}

// unshared returns the columns of a side that are not shared.
func unshared(s side, shared []int) []columnValues {
	var columns []columnValues
	for k := range s.width {
		if slices.Contains(shared, k) {
			continue
		}
		c := columnValues{at: k, place: [2]int{noRow, noRow}, cells: s.column(k)}
		c.once = slices.Compact(slices.Clone(c.cells))
		for n, other := range shared {
			if left := c.place[0]; other < k && (left < 0 || other > shared[left]) {
				c.place[0] = n
			}
			if right := c.place[1]; other > k && (right < 0 || other < shared[right]) {
				c.place[1] = n
			}
		}
		columns = append(columns, c)
	}
	return columns
}

// holdIfRenamed records in likeOf the unmatched rows that may be known ones if the column that
// identified them was renamed: rows that equal a known one, in columns with too little information,
// unless the order of rows was kept and their neighbours differ.
func (m *matching) holdIfRenamed() {
	_, now := m.unmatched()
	if !m.maybeRenamed || len(now) == 0 {
		return
	}
	known, w := newHashIndex(m.oldSums, rowsOf(m.oldSums)), m.weights()
	sorted, last := false, int32(noRow)
	for _, i := range m.oldOf {
		if i >= 0 {
			sorted, last = sorted || i < last, i
		}
	}
	equal := func(j, n int) bool { return n >= 0 && n < m.now.n && m.nowSums[j] == m.nowSums[n] }
	for _, j := range now {
		j := int(j)
		i, _ := known.only(m.nowSums[j])
		if i < 0 || m.likeOf != nil && m.likeOf[j] >= 0 || !m.allowed(i, j) || !sorted && !equal(j, j-1) && !equal(j, j+1) {
			continue
		}
		if !m.tells(i, nil, w) {
			m.like(i, j)
		}
	}
}

// telling returns the share of cells that two columns have in common, each value counted once
// unless there are few rows; 0 if too few values are shared.
func (c *columnValues) telling(d *columnValues, few bool) float64 {
	both := common(c.once, d.once)
	switch {
	case both < renamedLeast:
		return 0
	case few:
		both = common(c.cells, d.cells)
	}
	return float64(both) / float64(max(len(c.cells), len(d.cells)))
}

// alike reports whether two columns may be the same, judging by their values.
func (c *columnValues) alike(d *columnValues) bool {
	n := max(len(c.cells), len(d.cells))
	return n > 0 && float64(common(c.cells, d.cells)) >= renamedShare*float64(n)
}

// samePlace reports whether two columns share a neighbour or the edge of the sheet.
func (c *columnValues) samePlace(d *columnValues) bool {
	return c.place[0] == d.place[0] || c.place[1] == d.place[1]
}

// sameOrder reports whether at least half of the values in both columns are followed by the same
// value, by first occurrence.
func (m *matching) sameOrder(c, d *columnValues) bool {
	was, is := m.old.firsts(c.at, d.once), m.now.firsts(d.at, c.once)
	after := make(map[uint32]uint32, len(was))
	for k := range len(was) - 1 {
		after[was[k]] = was[k+1]
	}
	kept := 0
	for k := range len(is) - 1 {
		if next, ok := after[is[k]]; ok && next == is[k+1] {
			kept++
		}
	}
	return kept*2 >= len(is)-1
}

// firsts returns the values of column k that are in among, by first occurrence.
func (s side) firsts(k int, among []uint32) []uint32 {
	var order []uint32
	seen := make([]bool, len(among))
	for i := range s.n {
		if at, ok := slices.BinarySearch(among, s.cells[i*s.width+k]); ok && !seen[at] {
			seen[at] = true
			order = append(order, among[at])
		}
	}
	return order
}

// column returns the sorted cells of a column that are not blank.
func (s side) column(k int) []uint32 {
	cells := make([]uint32, 0, s.n)
	for i := range s.n {
		if h := s.cells[i*s.width+k]; h != 0 {
			cells = append(cells, h)
		}
	}
	slices.Sort(cells)
	return cells
}

// common returns the number of values that two sorted lists share, counting repetitions.
func common[T cmp.Ordered](a, b []T) int {
	n := 0
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] < b[0]:
			a = a[1:]
		case a[0] > b[0]:
			b = b[1:]
		default:
			n++
			a, b = a[1:], b[1:]
		}
	}
	return n
}
