package detect

// fold matches rows with equal folded cells, which were tidied. Equal folds alone do not identify a
// row: they count in the row's own gap, or anywhere if most of the remaining rows match this way;
// otherwise the row is recorded in likeOf. If the form of a number differs (007 and 7), another
// cell must be equal too, or most of the remaining rows must match. Later steps compare folded
// cells. Without folds of the known rows, fold does nothing.
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

// manyFolds is the number of rows from which matching folds in most of them rule out chance.
const manyFolds = 3

// chancePairs is the number of pairs of rows from which chance matches are likely, in one cell of
// 29 bits or in several common ones: with 2,048 rows on each side, one in a hundred.
const chancePairs = 1 << 22

// manyPairs reports whether chance matches are possible among the remaining rows. Then being in the
// same gap is not enough: a row must be within a few rows of its position, or most rows must match
// elsewhere.
func manyPairs(old, now []int32) bool { return len(old)*len(now) >= chancePairs }

// foldPair is a known row and a row read whose cells fold alike, as indexes in gaps.
type foldPair struct{ o, n int32 }

// matchFolds matches rows by their current folds. long means that these are folds of long numbers,
// several of which may fold alike: such rows are only recorded in likeOf, unless most rows match
// and no two fold alike.
func (m *matching) matchFolds(long bool) {
	old, now := m.unmatched()
	was, is := m.formlessSums(m.old, old), m.formlessSums(m.now, now)
	oldToo, nowToo := inBoth(indexes(len(old)), was, indexes(len(now)), is)
	if len(oldToo) == 0 || len(nowToo) == 0 {
		return
	}
	by := newHashIndex(was, oldToo)
	g := newGaps(m)
	taken := newMatches(len(old)) // by index in gaps on both sides
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

// foldsRepeat reports whether two of the given folded sums are equal.
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

// sameForms reports whether two rows that fold alike have numbers in the same forms.
func (m *matching) sameForms(i, j int) bool {
	for k := range m.salts {
		if m.old.cell(i, k) != m.now.cell(j, k) {
			return false
		}
	}
	return true
}

// restSame reports whether two rows that fold alike share a filled cell in the same form.
func (m *matching) restSame(i, j int) bool {
	for k := range m.salts {
		if was := m.old.cell(i, k); was == m.now.cell(j, k) && was != 0 && was != falseHash {
			return true
		}
	}
	return false
}
