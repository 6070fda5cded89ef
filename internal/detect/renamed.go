package detect

import (
	"cmp"
	"slices"
)

// renamedShare is the part of a column's cells that a column under another name has to have too to
// be the same one.
const renamedShare = 0.5

// renamed adds to the shared columns those that are there under another name now: of the columns
// that are gone and those that have come, the two that have the most values in common, wherever
// their rows stand. Of several that do, those at like places.
func (m *matching) renamed() {
	gone, come := unshared(m.old), unshared(m.now)
	if len(gone) == 0 || len(come) == 0 {
		return
	}
	was, is := make([][]uint32, len(gone)), make([][]uint32, len(come))
	for g, k := range gone {
		was[g] = m.old.column(k)
	}
	for c, k := range come {
		is[c] = m.now.column(k)
	}
	type pair struct {
		g, c  int
		share float64
		apart int // places between the two columns
	}
	var pairs []pair
	for g := range gone {
		for c := range come {
			n := max(len(was[g]), len(is[c]))
			if share := float64(common(was[g], is[c])) / float64(max(n, 1)); share >= renamedShare {
				apart := gone[g] - come[c]
				pairs = append(pairs, pair{g, c, share, max(apart, -apart)})
			}
		}
	}
	slices.SortStableFunc(pairs, func(a, b pair) int {
		return cmp.Or(cmp.Compare(b.share, a.share), cmp.Compare(a.apart, b.apart))
	})
	for _, p := range pairs {
		if was[p.g] == nil || is[p.c] == nil {
			continue
		}
		was[p.g], is[p.c] = nil, nil
		m.old.shared, m.now.shared = append(m.old.shared, gone[p.g]), append(m.now.shared, come[p.c])
	}
}

// unshared returns the columns of a side that are not shared.
func unshared(s side) []int {
	var columns []int
	for k := range s.width {
		if !slices.Contains(s.shared, k) {
			columns = append(columns, k)
		}
	}
	return columns
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
