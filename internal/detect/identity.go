package detect

import "slices"

// identified matches rows that agree in all required columns, whatever else differs: rows in the same gap, and all that are left
// if these are as many as before, and more than one, in the same order. Identities that stand there twice, or are partly
// blank, tell nothing.
func (m *matching) identified(old, now []int32) {
	if len(m.identity) == 0 {
		return
	}
	of := make(map[uint64]placed, len(old))
	for o, i := range old {
		if sum := m.identitySum(m.old, int(i)); sum != 0 {
			at := of[sum]
			at.o, at.old = int32(o), at.old+1
			of[sum] = at
		}
	}
	for n, j := range now {
		if sum := m.identitySum(m.now, int(j)); sum != 0 {
			if at, ok := of[sum]; ok {
				at.n, at.now = int32(n), at.now+1
				of[sum] = at
			}
		}
	}
	inOrder := len(old) == len(now) && len(of) == len(old) && len(old) > 1
	pairs := make([]placed, 0, len(of))
	for _, at := range of {
		if at.old == 1 && at.now == 1 && m.allowed(int(old[at.o]), int(now[at.n])) {
			pairs = append(pairs, at)
			inOrder = inOrder && at.o == at.n
		}
	}
	if len(pairs) == 0 {
		return
	}
	inOrder = inOrder && len(pairs) == len(old)
	g := newGaps(m)
	for _, p := range pairs {
		if inOrder || g.same(int(p.o), int(p.n)) {
			m.match(int(old[p.o]), int(now[p.n]))
		}
	}
}

// placed is where an identity stands among the rows left: the last index on each side, and how often.
type placed struct{ o, n, old, now int32 }

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

// relabelled matches rows that hold the same cells, whatever their columns are called now and were called before, in sheet order.
// A key counts as one of the cells, unless its column is ignored.
func (m *matching) relabelled(rd *reading) {
	old, now := m.left()
	if len(old) == 0 || len(now) == 0 {
		return
	}
	for _, col := range rd.key {
		if !slices.Contains(rd.at, col) {
			return
		}
	}
	byCells := newChains(unnamedSums(m.old), old)
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
