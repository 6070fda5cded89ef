package detect

// contestedMargin is the lead in similarity that one of two rows needs to be the known row that
// both resemble.
const contestedMargin = 0.1

// contested looks for unmatched rows that resemble a known row in the same place, or next to it,
// that was matched with another row. In such a case a row was copied, and the copy or the original
// was edited. If the matched row was edited too, the clearly more similar one is the known row;
// otherwise both may be it. If the matched row is equal but somewhere else, it stays the known row,
// moved, and the row in the old place may be it.
func (m *matching) contested(marks []Seen) {
	if m.keysAllow != nil {
		return // keys decide
	}
	var w weights
	for j, i := range m.oldOf {
		if i != noRow || m.likeOf != nil && m.likeOf[j] >= 0 {
			continue
		}
		for _, r := range m.nearestMatched(j) {
			x := int(m.nowOf[r])
			if m.unfired(marks[r]) || !m.contests(r, x, j) {
				continue
			}
			if w.bits == nil {
				w = m.weights()
				w = w.without(m.recalculated())
			}
			l := m.share(r, j, w)
			if !l.likely || l.share < editShare || l.kept < w.telling {
				continue
			}
			if m.equal(r, x) {
				m.like(r, j)
				break
			}
			other := m.share(r, x, w).share
			if l.share < other-contestedMargin {
				continue
			}
			if l.share > other+contestedMargin {
				m.match(r, j)
				m.oldOf[x] = noRow
				break
			}
			m.oldOf[x], m.nowOf[r] = noRow, noRow
			m.like(r, j)
			m.like(r, x)
			break
		}
	}
}

// nearestMatched returns the matched known rows whose place row j has, or that are next to it.
func (m *matching) nearestMatched(j int) []int {
	var rows []int
	add := func(i int) {
		if i >= 0 && i < m.old.n && m.nowOf[i] >= 0 {
			rows = append(rows, i)
		}
	}
	for at := j - 1; at >= -1; at-- {
		if at < 0 {
			add(0)
		} else if i := int(m.oldOf[at]); i >= 0 {
			add(i)
			add(i + 1)
		} else if j-at < nearReach {
			continue
		}
		break
	}
	for at := j + 1; at <= m.now.n; at++ {
		if at == m.now.n {
			add(m.old.n - 1)
		} else if i := int(m.oldOf[at]); i >= 0 {
			add(i)
			add(i - 1)
		} else if at-j < nearReach {
			continue
		}
		break
	}
	return rows
}

// contests reports whether row j may be known row r, which was matched with row x: x was edited, or
// is somewhere else. Among equal rows it does not matter which one is new.
func (m *matching) contests(r, x, j int) bool {
	if m.nowSums[j] == m.nowSums[x] {
		return false
	}
	return !m.equal(r, x) || max(x-j, j-x) > nearReach
}

// equal reports whether two rows are equal except for tidying, including the forms of numbers.
func (m *matching) equal(i, j int) bool {
	return m.oldSums[i] == m.nowSums[j] || m.old.folds != nil && m.formlessSum(m.old, i) == m.formlessSum(m.now, j)
}
