package detect

import "slices"

// repeatedShare is the part of rows from which on their identities repeat too often to be
// identities.
const repeatedShare = 0.1

// manyIdentified is from how many rows on it is no chance that most of those left keep their
// identity.
const manyIdentified = 3

// namesakeShare is the part of its telling content that a row keeps if its identity is proof enough:
// with less it may as well be another one, of a customer who came again.
const namesakeShare = 0.3

// identified matches rows that agree in all required columns: rows in the same gap that keep
// something else, or are most of those left, and all that are left if these are as many as before,
// and more than one, in the same order. Others in the same gap it notes in namesake. Identities that
// stand anywhere in the sheet twice, or are partly blank, tell nothing, and where many stand twice
// none does: these are customers who come again.
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

// exactly tells whether two rows have equal cells in some columns, whatever tidying changes.
func (m *matching) exactly(i, j int, columns []int) bool {
	for _, k := range columns {
		if m.old.exact[i*m.old.width+m.old.shared[k]] != m.now.exact[j*m.now.width+m.now.shared[k]] {
			return false
		}
	}
	return true
}

// severalNow tells which of the rows left have an identity that stands in the sheet several times,
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

// identities returns the fingerprints of all rows' required cells.
func (m *matching) identities(s side) []uint64 {
	sums := make([]uint64, s.n)
	for i := range sums {
		sums[i] = m.identitySum(s, i)
	}
	return sums
}

// rowsOf returns the rows that have a sum, which is not 0.
func rowsOf(sums []uint64) []int32 {
	rows := make([]int32, 0, len(sums))
	for i, sum := range sums {
		if sum != 0 {
			rows = append(rows, int32(i))
		}
	}
	return rows
}

// identitySum returns the fingerprint of a row's required cells; 0: not all of them are filled.
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

// matchRelabelled matches rows that hold the same cells, whatever their columns are called now and were
// called before, in sheet order. A key counts as one of the cells, unless its column is ignored.
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

// unnamedSums returns the fingerprints of rows without regard to their columns' names.
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
