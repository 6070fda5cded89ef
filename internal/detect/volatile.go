package detect

import (
	"math"
	"slices"
)

// nearlyAll is the part of the rows that a volatile column changes in.
const nearlyAll = 0.9

const (
	// maxMaybeVolatile is how many columns that may say who a row is of may be volatile: of more, others
	// were typed over the rows.
	maxMaybeVolatile = 3
	// volatileRows is from how many rows on values that are all others say so.
	volatileRows = 3
)

// volatile finds the columns that have changed in nearly all rows, such as those of =NOW(), where
// the others are as they were. From then on they are left out, and rows that are equal without them
// are the same. Required columns and key columns are never volatile, and others only if they cannot
// say who a row is of: fractions and what all rows share say nobody, nor do columns that tell less
// than the others. It tells whether it has found one. Columns that have changed so and may say who a
// row is of are kept for [matching.mayBeVolatile].
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

// tellLess tells whether columns, but for some, tell less of a row than all others do.
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

// sumsBut returns the fingerprints of rows of both sides without some columns, sorted.
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

// uniform tells whether rows have the same cell in a shared column.
func (s side) uniform(rows []int32, k int) bool {
	for _, i := range rows {
		if s.cell(int(i), k) != s.cell(int(rows[0]), k) {
			return false
		}
	}
	return true
}

// mayBeVolatile notes that rows without a match may be known ones that have none and agree with
// them but for the columns that have changed in nearly all rows: these may be volatile, or other
// people stand in all rows.
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

// valuesKept returns by shared column which part of its values rows have kept, wherever they stand; 0 if
// all were cleared, 1: it has none on both sides, -1: it had none before.
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
