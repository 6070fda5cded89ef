package detect

// contested notes the rows that are about as much like a known row as the one that was matched with it as its edit: when
// a row was copied, and both were edited, either may be the new one. old are the known rows before edits were looked for.
func (m *matching) contested(old []int32, bits []float64) {
	var edited []int32
	for _, i := range old {
		if m.nowOf[i] >= 0 {
			edited = append(edited, i)
		}
	}
	if m.may != nil || len(edited) == 0 || len(edited) > contestCap {
		return
	}
	holders := make(map[uint64][]int32) // edited rows by a cell that they had
	for _, i := range edited {
		for k := range bits {
			if h := m.old.cell(int(i), k); h != 0 && len(holders[cellKey(k, h)]) < candidateCap {
				holders[cellKey(k, h)] = append(holders[cellKey(k, h)], i)
			}
		}
	}
	for j, o := range m.oldOf {
		if o != noRow || m.likeOf != nil && m.likeOf[j] >= 0 {
			continue
		}
		if i := m.contender(j, holders, bits); i >= 0 {
			m.like(i, j)
		}
	}
}

// contender returns the edited row that the row read may be as well; noRow: none.
func (m *matching) contender(j int, holders map[uint64][]int32, bits []float64) int {
	best, most := noRow, editShare
	for k := range bits {
		h := m.now.cell(j, k)
		if h == 0 {
			continue
		}
		for _, i := range holders[cellKey(k, h)] {
			share, kept := m.share(int(i), j, bits)
			won, _ := m.share(int(i), int(m.nowOf[i]), bits)
			if share >= most && kept >= tellingBits/2 && share >= won-closeShare {
				best, most = int(i), share
			}
		}
	}
	return best
}

// like notes that a row read may be a known row.
func (m *matching) like(i, j int) {
	if m.likeOf == nil {
		m.likeOf = newMatches(m.now.n)
	}
	m.likeOf[j] = int32(i)
}
