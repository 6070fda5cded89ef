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
		if rd.swapSingleFolds(long) {
			m.matchFolds(long)
			rd.swapSingleFolds(long)
		}
	}
	if old, now := m.unmatched(); len(old) > 0 || len(now) > 0 {
		m.oldSums, m.nowSums = m.sums(m.old), m.sums(m.now)
	}
}

// manyFolds is from how many rows on equal folds of most of those left are no chance.
const manyFolds = 3

// chancePairs is from how many pairs of rows on some agree by chance, in a cell of 29 bits or in several
// that are others': of 2,048 rows and as many others one in a hundred.
const chancePairs = 1 << 22

// manyPairs tells whether some of the rows left may agree by chance. Then a place is one within a few rows,
// not the gap, and what agrees elsewhere has to be most of them.
func manyPairs(old, now []int32) bool { return len(old)*len(now) >= chancePairs }

// foldPair is a known row and a row read, by index in gaps, whose cells fold alike.
type foldPair struct{ o, n int32 }

// matchFolds matches rows by the folds that they have now. long tells that these are of numbers of so
// many digits that several may fold alike: such rows may be the known ones at best, unless most are
// and none folds like another.
func (m *matching) matchFolds(long bool) {
	old, now := m.unmatched()
	was, is := m.formlessSums(m.old, old), m.formlessSums(m.now, now)
	oldToo, nowToo := inBoth(indexes(len(old)), was, indexes(len(now)), is)
	if len(oldToo) == 0 || len(nowToo) == 0 {
		return
	}
	by := newHashIndex(was, oldToo)
	g := newGaps(m)
	taken := newMatches(len(old)) // by index in gaps: the row read, by index in gaps too
	paired := newMatches(len(now))
	for _, want := range []struct{ near, same bool }{{true, true}, {true, false}, {false, true}, {false, false}} {
		for _, n := range nowToo {
			if paired[n] >= 0 {
				continue
			}
			j, steps := int(now[n]), 0
			for o := range by.free(is[n], taken) {
				if (!want.near || g.same(o, int(n))) && (!want.same || m.sameForms(int(old[o]), j)) && m.allowed(int(old[o]), j) {
					taken[o], paired[n] = n, int32(o)
					break
				}
				if steps++; steps == chainCap {
					break
				}
			}
		}
	}
	pairs := make([]foldPair, 0, len(nowToo))
	for n, o := range paired {
		if o >= 0 {
			pairs = append(pairs, foldPair{o, int32(n)})
		}
	}
	most := len(pairs) >= manyFolds && len(pairs)*2 > min(len(old), len(now)) && (!long || !foldsRepeat(was) && !foldsRepeat(is))
	g.order(m)
	chance := manyPairs(old, now)
	for _, p := range pairs {
		i, j := int(old[p.o]), int(now[p.n])
		same := m.sameForms(i, j)
		here := !long && (g.same(int(p.o), int(p.n)) && m.restSame(i, j) || same && g.scattered(int(p.o), int(p.n)))
		switch {
		case most, here && !chance:
			m.match(i, j)
		case same, here, g.scattered(int(p.o), int(p.n)) && m.restSame(i, j):
			m.like(i, j)
		}
	}
}

// foldsRepeat tells whether several of some rows fold alike, of which these are the sums.
func foldsRepeat(sums []uint64) bool { return newHashIndex(sums, indexes(len(sums))).repeated() > 0 }

// formlessSums returns the formlessSum of rows.
func (m *matching) formlessSums(s side, rows []int32) []uint64 {
	sums := make([]uint64, len(rows))
	for at, i := range rows {
		sums[at] = m.formlessSum(s, int(i))
	}
	return sums
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
// same.
func (m *matching) restSame(i, j int) bool {
	for k := range m.salts {
		if was := m.old.cell(i, k); was == m.now.cell(j, k) && was != 0 && was != falseHash {
			return true
		}
	}
	return false
}
