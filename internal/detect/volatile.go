package detect

import "slices"

// nearlyAll is the part of the rows that a volatile column changes in.
const nearlyAll = 0.9

// volatile finds the columns that have changed in nearly all rows, such as those of =NOW(), where the others are as they were.
// From then on they are left out, and rows that are equal without them are the same. Required columns and key columns are never
// volatile.
func (m *matching) volatile() {
	old, now := m.left()
	least := min(len(old), len(now))
	if least < doubtFrom || float64(len(old)) < nearlyAll*float64(m.old.n) {
		return
	}
	var columns []int
	for k := range m.salts {
		if m.fixed[k] {
			continue
		}
		was, is := m.old.valuesOf(old, k), m.now.valuesOf(now, k)
		if n := min(len(was), len(is)); n > 0 && float64(common(was, is)) <= (1-nearlyAll)*float64(n) {
			columns = append(columns, k)
		}
	}
	most := len(m.salts) - len(columns)
	if !slices.Contains(m.fixed, true) {
		most = min(most, 1) // nothing shows which columns identify
	}
	if len(columns) == 0 || len(columns) > most {
		return
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
		return
	}
	m.leaveOut(columns)
	m.exact()
}

// valuesOf returns the cells of rows in a shared column that are not blank, sorted.
func (s side) valuesOf(rows []int32, k int) []uint32 {
	cells := make([]uint32, 0, len(rows))
	for _, i := range rows {
		if h := s.cell(int(i), k); h != 0 {
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
