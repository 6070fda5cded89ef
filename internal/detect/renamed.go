package detect

import (
	"cmp"
	"slices"
)

const (
	// renamedShare is the part of a column's cells that a column under another name has to have too
	// to be the same one, each value counted once. Columns that hold dropdowns, or x, have few
	// values, and never get there. Nor do two columns that draw from the same values by chance: of
	// those of n cells each that draw from n/t values, (1-e^-t)²/t of n are in both, 0.41 at most.
	renamedShare = 0.5
	// renamedLeast is how many values that is at least: of fewer, chance is no proof.
	renamedLeast = 2
	// fewRows is from how many rows on values are counted once. Of fewer rows every column is needed,
	// and a dropdown tells about as much as any other.
	fewRows = 12
)

// columnValues is what a column holds.
type columnValues struct {
	at    int      // index within a row
	place [2]int   // the shared columns next to it on the left and right, by index among them
	cells []uint32 // those that are not blank, sorted
	once  []uint32 // the same, each value once
	other bool     // it has a column of the other side
}

// renamed adds to the shared columns those that are there under another name now. A column that is
// gone and one that has come are the same if they have telling values in common, and the place or
// the order of these: see renamedShare, samePlace and sameOrder. All others are left out of the
// comparison, and unproved tells which of them may have been renamed all the same.
func (m *matching) renamed() {
	gone, come := unshared(m.old, m.old.shared), unshared(m.now, m.now.shared)
	type pair struct {
		g, c  *columnValues
		share float64
		apart int // places between the two columns
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

// holdIfRenamed notes that rows without a partner may be known ones where a column that told them may
// have been renamed: rows that are equal to a known one in the columns compared, which tell too
// little, unless the rows are in the order as before and those next to it are others.
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

// telling returns the part of the cells of two columns that are values of both, each counted once
// unless the rows are few; 0: these are too few.
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

// alike tells whether two columns may be the same one, for all that their values say.
func (c *columnValues) alike(d *columnValues) bool {
	n := max(len(c.cells), len(d.cells))
	return n > 0 && float64(common(c.cells, d.cells)) >= renamedShare*float64(n)
}

// samePlace tells whether two columns have a neighbour in common, or the edge of the sheet.
func (c *columnValues) samePlace(d *columnValues) bool {
	return c.place[0] == d.place[0] || c.place[1] == d.place[1]
}

// sameOrder tells whether the values that two columns have in common follow each other in both, but
// for some: each value counts where it stands first.
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

// firsts returns the values of a column that are among those given, in the order in which they
// stand first.
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

// column returns the cells of a column that are not blank, sorted.
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

// common returns how many values two sorted lists have in common, each as often as it is in both.
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
