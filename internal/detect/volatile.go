package detect

import (
	"math"
	"slices"
)

// nearlyAll is the part of the rows that a volatile column changes in.
const nearlyAll = 0.9

// volatile finds the columns that have changed in nearly all rows, such as those of =NOW(), where
// the others are as they were. From then on they are left out, and rows that are equal without them
// are the same. Required columns and key columns are never volatile. It tells whether it has found
// one.
func (m *matching) volatile(old, now []int32) bool {
	least := min(len(old), len(now))
	if least < doubtFrom || float64(len(old)) < nearlyAll*float64(m.old.n) {
		return false
	}
	var columns []int
	for k, kept := range m.kept {
		if !m.fixed[k] && kept >= 0 && kept <= 1-nearlyAll {
			columns = append(columns, k)
		}
	}
	most := len(m.salts) - len(columns)
	if !slices.Contains(m.fixed, true) {
		most = min(most, 1) // nothing shows which columns identify
	}
	if len(columns) == 0 || len(columns) > most {
		return false
	}
	was, is := make([]uint64, len(old)), make([]uint64, len(now))
	for o, i := range old {
		was[o] = m.sumBut(m.oldSums[i], m.old, int(i), columns)
	}
	for n, j := range now {
		is[n] = m.sumBut(m.nowSums[j], m.now, int(j), columns)
	}
	slices.Sort(was)
	slices.Sort(is)
	if float64(common(was, is)) < nearlyAll*float64(least) {
		return false
	}
	m.leaveOut(columns)
	m.exact()
	return true
}

// valuesKept returns by shared column which part of its values rows have kept, wherever they stand;
// -1: it has none.
func (m *matching) valuesKept(old, now []int32) []float64 {
	kept := make([]float64, len(m.salts))
	for k := range kept {
		was, is := m.values(old, now, k)
		kept[k] = -1
		if n := min(len(was), len(is)); n > 0 {
			kept[k] = float64(common(was, is)) / float64(n)
		}
	}
	return kept
}

// sampleValues is how many cells of a column show well enough which part of its values is kept.
const sampleValues = 8192

// values returns the cells of rows of both sides in a shared column that are not blank, sorted. Of
// many it takes those of the least hashes, the same values on both sides, unless these are few.
func (m *matching) values(old, now []int32, k int) (was, is []uint32) {
	n := min(len(old), len(now))
	if n > 2*sampleValues {
		below := uint32(sampleValues << 32 / uint64(n))
		was, is = m.old.valuesOf(old, k, below), m.now.valuesOf(now, k, below)
		if min(len(was), len(is)) > sampleValues/4 {
			return was, is
		}
	}
	return m.old.valuesOf(old, k, math.MaxUint32), m.now.valuesOf(now, k, math.MaxUint32)
}

// valuesOf returns the cells of rows in a shared column that are not blank, up to a hash, sorted.
func (s side) valuesOf(rows []int32, k int, most uint32) []uint32 {
	cells := make([]uint32, 0, uint64(len(rows))*uint64(most)>>32)
	for _, i := range rows {
		if h := s.cell(int(i), k); h != 0 && h <= most {
			cells = append(cells, h)
		}
	}
	slices.Sort(cells)
	return cells
}

// leaveOut takes columns out of the comparison, by their indexes among the shared ones.
func (m *matching) leaveOut(columns []int) {
	left := func(list []int) []int {
		var out []int
		for k, col := range list {
			if !slices.Contains(columns, k) {
				out = append(out, col)
			}
		}
		return out
	}
	m.old.shared, m.now.shared = left(m.old.shared), left(m.now.shared)
	var salts []uint64
	var required, fixed []bool
	var identity []int
	for k := range m.salts {
		if slices.Contains(columns, k) {
			continue
		}
		if slices.Contains(m.identity, k) {
			identity = append(identity, len(salts))
		}
		salts, required, fixed = append(salts, m.salts[k]), append(required, m.required[k]), append(fixed, m.fixed[k])
	}
	m.salts, m.required, m.fixed, m.identity = salts, required, fixed, identity
	m.oldSums, m.nowSums = m.sums(m.old), m.sums(m.now)
}
