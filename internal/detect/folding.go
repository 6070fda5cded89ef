package detect

// fold matches rows whose folded cells are the same: somebody tidied them. A fold alone is no
// identity, so this holds in a row's own gap, and elsewhere where most of the rows that are left
// have such a match; else the row may be the known one. Where numbers have other forms (007 and 7),
// something else in the row has to be the same, or most of the rows that are left. From then on
// folded cells are compared. Where the folds of the known rows are unknown it does nothing.
func (m *matching) fold(rd *reading) {
	if m.old.folds == nil {
		return
	}
	m.old.cells, m.now.cells = m.old.folds, m.now.folds
	m.matchFolds(false)
	for _, long := range []bool{false, true} {
		if rd.foldAlone(long) {
			m.matchFolds(long)
			rd.foldAlone(long)
		}
	}
	if old, now := m.left(); len(old) > 0 || len(now) > 0 {
		m.oldSums, m.nowSums = m.sums(m.old), m.sums(m.now)
	}
}

// manyFolds is from how many rows on equal folds of most of those left are no chance.
const manyFolds = 3

// foldPair is a known row and a row read, by index in gaps, whose cells fold alike.
type foldPair struct{ o, n int32 }

// matchFolds matches rows by the folds that they have now. long tells that these are of numbers of so
// many digits that several may fold alike: such rows may be the known ones at best, unless most are
// and none folds like another.
func (m *matching) matchFolds(long bool) {
	old, now := m.left()
	if len(old) == 0 || len(now) == 0 {
		return
	}
	sums := make([]uint64, len(old))
	all := make([]int32, len(old))
	for o, i := range old {
		sums[o], all[o] = m.formlessSum(m.old, int(i)), int32(o)
	}
	by := newChains(sums, all)
	g := newGaps(m)
	taken := newMatches(len(old)) // by index in gaps: the row read, by index in gaps too
	paired := newMatches(len(now))
	for _, want := range []struct{ near, same bool }{{true, true}, {true, false}, {false, true}, {false, false}} {
		for n, j := range now {
			if paired[n] >= 0 {
				continue
			}
			steps := 0
			for o := range by.free(m.formlessSum(m.now, int(j)), taken) {
				if (!want.near || g.same(o, n)) && (!want.same || m.sameForms(int(old[o]), int(j))) && m.allowed(int(old[o]), int(j)) {
					taken[o], paired[n] = int32(n), int32(o)
					break
				}
				if steps++; steps == chainCap {
					break
				}
			}
		}
	}
	pairs := make([]foldPair, 0, len(now))
	for n, o := range paired {
		if o >= 0 {
			pairs = append(pairs, foldPair{o, int32(n)})
		}
	}
	most := len(pairs) >= manyFolds && len(pairs)*2 > min(len(old), len(now)) && (!long || !m.foldsRepeat(by, now))
	g.order(m)
	for _, p := range pairs {
		i, j := int(old[p.o]), int(now[p.n])
		same := m.sameForms(i, j)
		here := !long && (g.same(int(p.o), int(p.n)) && m.restSame(i, j) || same && g.placeless(int(p.o), int(p.n)))
		switch {
		case most, here:
			m.match(i, j)
		case same, g.placeless(int(p.o), int(p.n)) && m.restSame(i, j):
			m.like(i, j)
		}
	}
}

// foldsRepeat tells whether several rows of one side fold alike.
func (m *matching) foldsRepeat(old *chains, now []int32) bool {
	sums := make([]uint64, m.now.n)
	for _, j := range now {
		sums[j] = m.formlessSum(m.now, int(j))
	}
	return old.repeated() > 0 || newChains(sums, now).repeated() > 0
}

// formlessSum returns the fingerprint of a row's folded cells without the forms of numbers.
func (m *matching) formlessSum(s side, i int) uint64 {
	var sum uint64
	for k := range s.shared {
		if h := s.cell(i, k); h != 0 {
			sum += printOf(m.salts[k], withoutForm(h))
		}
	}
	return sum
}

// sameForms tells whether two rows whose cells fold alike have numbers of the same forms.
func (m *matching) sameForms(i, j int) bool {
	for k := range m.salts {
		if m.old.cell(i, k) != m.now.cell(j, k) {
			return false
		}
	}
	return true
}

// restSame tells whether two rows whose cells fold alike have a cell in common whose form is the
// same, or all of them.
func (m *matching) restSame(i, j int) bool {
	common, other := false, false
	for k := range m.salts {
		was := m.old.cell(i, k)
		if was != m.now.cell(j, k) {
			other = true
		} else {
			common = common || was != 0 && was != falseHash
		}
	}
	return common || !other
}
