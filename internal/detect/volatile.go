package detect

import (
	"math"
	"slices"
)

// nearlyAll is the share of rows in which a volatile column changes.
const nearlyAll = 0.9

const (
	// maxMaybeVolatile is the number of possibly identifying columns that may be volatile; if more
	// changed, other rows were typed.
	maxMaybeVolatile = 3
	// volatileRows is the number of rows from which all values being new is significant.
	volatileRows = 3
)

// volatile finds the columns that changed in nearly all rows while the others stayed the same, as
// with =NOW(). It removes them from the comparison and matches the rows that are equal without
// them. Required and key columns are never volatile; other columns only if they cannot identify
// rows, because they hold fractions or the same value in all rows, or carry less than the rest. It
// reports whether it found any. Columns that changed this way but may identify rows are recorded
// for [matching.mayBeVolatile].
func (m *matching) volatile(old, now []int32) bool {
	least := min(len(old), len(now))
	if float64(len(old)) < nearlyAll*float64(m.old.n) {
		return false
	}
	var changed, sure []int
	for k, kept := range m.keptShare {
		if m.fixed[k] || kept > 1-nearlyAll {
			continue
		}
		changed = append(changed, k)
		if m.fractions[m.now.shared[k]] || least >= doubtFrom && m.old.uniform(old, k) && m.now.uniform(now, k) {
			sure = append(sure, k)
		}
	}
	if len(changed) == 0 || len(changed) == len(m.salts) {
		return false
	}
	was, is := m.sumsBut(old, now, changed)
	equal := common(was, is)
	if least >= volatileRows {
		if m.tellLess(changed, sure) {
			sure = changed
		}
		if equal*2 >= least && len(changed)-len(sure) <= maxMaybeVolatile {
			m.changed = changed
		}
	}
	if len(sure) < len(changed) {
		was, is = m.sumsBut(old, now, sure)
		equal = common(was, is)
	}
	if len(sure) == 0 || equal == 0 || float64(least-equal) > max(1, (1-nearlyAll)*float64(least)) {
		return false
	}
	m.leaveOut(sure)
	m.exact()
	return true
}

// tellLess reports whether columns, without those in but, carry less information than all others.
func (m *matching) tellLess(columns, but []int) bool {
	told, rest := 0.0, 0.0
	for k, b := range m.weights().bits {
		switch {
		case !slices.Contains(columns, k):
			rest += b
		case !slices.Contains(but, k):
			told += b
		}
	}
	return told < rest
}

// sumsBut returns the sorted fingerprints of rows of both sides, without some columns.
func (m *matching) sumsBut(old, now []int32, without []int) (was, is []uint64) {
	was, is = make([]uint64, len(old)), make([]uint64, len(now))
	for o, i := range old {
		was[o] = m.sumBut(m.oldSums[i], m.old, int(i), without)
	}
	for n, j := range now {
		is[n] = m.sumBut(m.nowSums[j], m.now, int(j), without)
	}
	slices.Sort(was)
	slices.Sort(is)
	return was, is
}

// uniform reports whether rows have the same cell in a shared column.
func (s side) uniform(rows []int32, k int) bool {
	for _, i := range rows {
		if s.cell(int(i), k) != s.cell(int(rows[0]), k) {
			return false
		}
	}
	return true
}

// mayBeVolatile records in likeOf the unmatched rows that equal an unmatched known row except in
// the columns that changed in nearly all rows: either these columns are volatile, or all rows were
// replaced.
func (m *matching) mayBeVolatile() {
	old, now := m.unmatched()
	if len(m.changed) == 0 || len(old) == 0 || len(now) == 0 {
		return
	}
	sums := make([]uint64, m.old.n)
	for _, i := range old {
		sums[i] = m.sumBut(m.oldSums[i], m.old, int(i), m.changed)
	}
	by, taken := newHashIndex(sums, old), slices.Clone(m.nowOf)
	for _, j := range now {
		sum := m.sumBut(m.nowSums[j], m.now, int(j), m.changed)
		i, _ := by.only(sum)
		for free := range by.free(sum, taken) {
			i = free
			break
		}
		if i >= 0 && (m.likeOf == nil || m.likeOf[j] < 0) {
			taken[i] = j
			m.like(i, int(j))
		}
	}
}

// valuesKept returns, by shared column, the share of values that the rows kept, wherever they are
// now: 0 if all were cleared, 1 if the column is blank on both sides, -1 if it was blank before.
func (m *matching) valuesKept(old, now []int32) []float64 {
	kept := make([]float64, len(m.salts))
	for k := range kept {
		was, is := m.values(old, now, k)
		switch {
		case len(was) > 0:
			kept[k] = float64(common(was, is)) / float64(max(min(len(was), len(is)), 1))
		case len(is) > 0:
			kept[k] = -1
		default:
			kept[k] = 1
		}
	}
	return kept
}

// sampleValues is the number of cells of a column that suffices to estimate the share of values
// kept.
const sampleValues = 8192

// values returns the sorted cells of rows of both sides in a shared column, without blank ones. If
// there are many, it takes those with the smallest hashes, the same values on both sides, unless
// that leaves too few.
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

// valuesOf returns the sorted cells of rows in a shared column that are not blank and at most the
// given hash.
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

// leaveOut removes columns, given as indexes among the shared ones, from the comparison.
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
	var identity, changed []int
	for k := range m.salts {
		if slices.Contains(columns, k) {
			continue
		}
		if slices.Contains(m.identity, k) {
			identity = append(identity, len(salts))
		}
		if slices.Contains(m.changed, k) {
			changed = append(changed, len(salts))
		}
		salts, required, fixed = append(salts, m.salts[k]), append(required, m.required[k]), append(fixed, m.fixed[k])
	}
	m.salts, m.required, m.fixed, m.identity, m.changed = salts, required, fixed, identity, changed
	m.oldSums, m.nowSums = m.sums(m.old), m.sums(m.now)
}
