package detect

import "slices"

// repeatedShare is the share of rows with a repeated identity from which identities prove nothing.
const repeatedShare = 0.1

// manyIdentified is the number of rows from which most of them keeping their identity rules out
// chance.
const manyIdentified = 3

// namesakeShare is the share of its information that a row with the same identity must keep to be
// the same row. With less it may be another row, of a returning customer.
const namesakeShare = 0.3

// identified matches rows with equal values in all required columns: rows in the same gap that keep
// other cells or are most of those left, and all rows left if there are two or more, as many as
// before, in the same order. It records the others in the same gap in sameIdentity. Identities that
// repeat anywhere in the sheet or are partly blank do not count, and if many repeat, none does:
// these are returning customers.
func (m *matching) identified(old, now []int32) {
	if len(m.identity) == 0 {
		return
	}
	several, repeats := m.severalNow(now)
	was := m.identities(m.old)
	before := newHashIndex(was, rowsOf(was))
	if repeats || before.repeated() > repeatedShare {
		return
	}
	inOrder := len(old) == len(now) && len(old) > 1
	chance := manyPairs(old, now)
	of, found := newMatches(len(now)), false // by index in now: the known row, by index in old
	for n, j := range now {
		sum := m.identitySum(m.now, int(j))
		i, twice := before.only(sum)
		if i < 0 || twice || several[n] || m.nowOf[i] >= 0 || !m.allowed(i, int(j)) ||
			chance && !m.exactly(i, int(j), m.identity) {
			inOrder = false
			continue
		}
		o, _ := slices.BinarySearch(old, int32(i))
		inOrder = inOrder && o == n
		of[n], found = int32(o), true
	}
	if !found {
		return
	}
	sure := inOrder
	if !inOrder {
		g, near := newGaps(m), 0
		for n, o := range of {
			if o >= 0 && g.same(int(o), n) {
				near++
			} else {
				of[n] = noRow
			}
		}
		sure = near >= manyIdentified && near*2 > min(len(old), len(now))
	}
	w := m.weights()
	for n, o := range of {
		switch {
		case o < 0:
		case sure, m.share(int(old[o]), int(now[n]), w).share >= namesakeShare:
			m.match(int(old[o]), int(now[n]))
		default:
			if m.sameIdentity == nil {
				m.sameIdentity = make(map[int32]int32)
			}
			m.sameIdentity[now[n]] = old[o]
		}
	}
}

// exactly reports whether two rows are equal in the given columns, counting what tidying changes.
func (m *matching) exactly(i, j int, columns []int) bool {
	for _, k := range columns {
		if m.old.exact[i*m.old.width+m.old.shared[k]] != m.now.exact[j*m.now.width+m.now.shared[k]] {
			return false
		}
	}
	return true
}

// severalNow reports which of the rows left have an identity that repeats anywhere in the sheet,
// and whether many rows do.
func (m *matching) severalNow(now []int32) (several []bool, repeats bool) {
	is := m.identities(m.now)
	by := newHashIndex(is, rowsOf(is))
	several = make([]bool, len(now))
	for n, j := range now {
		_, several[n] = by.only(is[j])
	}
	return several, by.repeated() > repeatedShare
}

// identities returns the identitySum of every row.
func (m *matching) identities(s side) []uint64 {
	sums := make([]uint64, s.n)
	for i := range sums {
		sums[i] = m.identitySum(s, i)
	}
	return sums
}

// rowsOf returns the rows whose sum is not 0.
func rowsOf(sums []uint64) []int32 {
	rows := make([]int32, 0, len(sums))
	for i, sum := range sums {
		if sum != 0 {
			rows = append(rows, int32(i))
		}
	}
	return rows
}

// identitySum returns the fingerprint of a row's required cells, or 0 if one of them is blank.
func (m *matching) identitySum(s side, i int) uint64 {
	var sum uint64
	for _, k := range m.identity {
		h := s.cell(i, k)
		if h == 0 {
			return 0
		}
		sum += printOf(m.salts[k], h)
	}
	return max(sum, 1)
}

// matchRelabelled matches rows with the same cells under any column names, in sheet order. The key
// counts as a cell, unless its column is ignored.
func (m *matching) matchRelabelled(rd *reading) {
	old, now := m.unmatched()
	if len(old) == 0 || len(now) == 0 {
		return
	}
	for _, col := range rd.key {
		if !slices.Contains(rd.at, col) {
			return
		}
	}
	byCells := newHashIndex(unnamedSums(m.old), old)
	for _, j := range now {
		for i := range byCells.free(unnamedSum(m.now.row(int(j))), m.nowOf) {
			m.match(i, int(j))
			break
		}
	}
}

// unnamedSums returns the rows' fingerprints without column names.
func unnamedSums(s side) []uint64 {
	sums := make([]uint64, s.n)
	for i := range sums {
		sums[i] = unnamedSum(s.row(i))
	}
	return sums
}

func unnamedSum(cells []uint32) uint64 {
	var sum uint64
	for _, h := range cells {
		if h != 0 {
			sum += printOf(0, h)
		}
	}
	return sum
}
