package detect

// contestedMargin is how much more alike than another row one has to be to be the known row that
// both resemble.
const contestedMargin = 0.1

// contested looks at rows without a match that stand where a known row stood, or beside it, and
// resemble it, though another row has been taken for it: a row was copied, and the copy or the row
// itself was edited. If the other was edited too, the one that is clearly more alike is the known
// row; if none is, nobody can tell, and both may be it. If the other is equal but stands elsewhere,
// it is the known row, moved, by all that equal cells can say; but the one in its old place may be
// it.
func (m *matching) contested(marks []Seen) {
	if m.keysAllow != nil {
		return // keys tell rows apart
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

// nearestMatched returns the known rows that stood in the place of a row read, or stand right beside it,
// and have a match.
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

// contests tells whether a row read may be a known row that another, x, was taken for: x was edited,
// or stands elsewhere. Of equal rows the surplus is new, whichever it is.
func (m *matching) contests(r, x, j int) bool {
	if m.nowSums[j] == m.nowSums[x] {
		return false
	}
	return !m.equal(r, x) || max(x-j, j-x) > nearReach
}

// equal tells whether two rows are the same but for what tidying changes, the forms of numbers too.
func (m *matching) equal(i, j int) bool {
	return m.oldSums[i] == m.nowSums[j] || m.old.folds != nil && m.formlessSum(m.old, i) == m.formlessSum(m.now, j)
}
