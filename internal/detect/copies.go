package detect

// resolveCopies decides which of a copy and its original is the copy, while the copy has not fired.
// Both were equal, so the one that was typed over or deleted counts as the copy; one that was only
// tidied does not. A copy that kept none of its cells is the row now in its place.
func (m *matching) resolveCopies(c Cursor) {
	var copies []int
	for i, s := range c.Rows {
		if s.Copy && m.opts.waits(s) {
			copies = append(copies, i)
		}
	}
	if len(copies) == 0 {
		return
	}
	salts := hashNames(c.Columns)
	originals := map[uint64]int{} // by fingerprint: a row that was edited or is gone
	for i, s := range c.Rows {
		if j := int(m.nowOf[i]); !s.Copy && (j == noRow || m.edited(i, j)) {
			originals[goneSum(0, salts, c.folds(i))] = i
		}
	}
	var vanished []int
	for _, i := range copies {
		j := int(m.nowOf[i])
		if j == noRow {
			vanished = append(vanished, i)
			continue
		}
		original, ok := originals[goneSum(0, salts, c.folds(i))]
		if !ok || m.edited(i, j) {
			continue
		}
		if other := int(m.nowOf[original]); other == noRow {
			m.nowOf[i] = noRow
		} else {
			m.match(i, other)
		}
		m.match(original, j)
	}
	if len(vanished) == 0 {
		return
	}
	g := newGaps(m)
	for o, i := range g.old {
		if !c.Rows[i].Copy || !m.opts.waits(c.Rows[i]) {
			continue
		}
		for n, j := range g.now {
			if m.oldOf[j] == noRow && g.same(o, n) && m.allowed(int(i), int(j)) && (m.likeOf == nil || m.likeOf[j] == noRow) {
				m.match(int(i), int(j))
				break
			}
		}
	}
}

// edited reports whether two matched rows differ in a compared column by more than tidying.
func (m *matching) edited(i, j int) bool {
	for k := range m.salts {
		if m.old.cell(i, k) != m.now.cell(j, k) {
			return true
		}
	}
	return false
}

// notHalfTyped reports whether row j is a copy of an existing row and known row i lacks required
// cells. Then j is not row i, completed: the two may share no more than a dropdown.
func (m *matching) notHalfTyped(i, j int) bool {
	return m.opts.SettleCopies > 0 && m.identitySum(m.old, i) == 0 && m.original(j) >= 0
}
