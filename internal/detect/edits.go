package detect

import (
	"cmp"
	"slices"
)

const (
	// tellingBits is how much the cells that agree must tell for a single differing column to be an edit.
	tellingBits = 12
	// editShare is the part of a row's telling content that an edit keeps.
	editShare = 0.5
	// unsureShare is the part from which a row in the place of another may be that one edited.
	unsureShare = 0.25
	// manyRows is from how many rows on an edit of the same columns in all of them is a recalculation, which holds wherever
	// the rows have gone.
	manyRows = 8
	// closeShare is how much less alike than the best one a row may be to be as likely the known one.
	closeShare = 0.2
	// contestCap bounds the edited rows that further rows may contest.
	contestCap = 4096
	// chainCap bounds the known rows looked at for one row that all share a sum, candidateCap those that share a cell.
	chainCap     = 16
	candidateCap = 12
)

// edits matches what is left as edited rows, and notes in likeOf what may be one.
func (m *matching) edits(marks []Seen) {
	old, now := m.left()
	if len(old) == 0 || len(now) == 0 {
		return
	}
	sheet := m.old
	if m.now.n > sheet.n {
		sheet = m.now
	}
	bits := columnBits(sheet)
	for _, without := range m.suspects(old, now) {
		m.allBut(without, bits)
	}
	m.similar(bits, marks)
	m.contested(old, bits)
}

// suspects returns the sets of columns whose edit may explain the rows that are left: those that differ in most of a sample of
// rows at the same rank, together, then each column alone, the one that differs most first.
func (m *matching) suspects(old, now []int32) [][]int {
	const sample = 256
	differ := make([]int, len(m.salts))
	n := min(len(old), len(now))
	taken := min(n, sample)
	for s := range taken {
		i, j := int(old[s*n/taken]), int(now[s*n/taken])
		for k := range differ {
			if m.old.cell(i, k) != m.now.cell(j, k) {
				differ[k]++
			}
		}
	}
	var sets [][]int
	var most []int
	single := make([]int, len(differ))
	for k, d := range differ {
		single[k] = k
		if d*2 > taken {
			most = append(most, k)
		}
	}
	if len(most) > 1 && len(most) < len(differ) && taken > 16 {
		sets = append(sets, most)
	}
	slices.SortStableFunc(single, func(a, b int) int { return cmp.Compare(differ[b], differ[a]) })
	for _, k := range single {
		sets = append(sets, []int{k})
	}
	return sets
}

// allBut matches rows in the same gap that agree in all columns but the ones given, where the rest tells rows apart. If
// most of what is left is explained so, it need not be in the same gap.
func (m *matching) allBut(without []int, bits []float64) {
	g := newGaps(m)
	if len(g.old) == 0 || len(g.now) == 0 {
		return
	}
	first := make(map[uint64]int32, len(g.old))
	next := make([]int32, len(g.old))
	for o := len(g.old) - 1; o >= 0; o-- {
		i := int(g.old[o])
		if m.tells(i, without, bits) {
			sum := m.sumBut(m.oldSums[i], m.old, i, without)
			next[o] = first[sum]
			first[sum] = int32(o + 1)
		}
	}
	if len(first) == 0 {
		return
	}
	// A column recalculated and the sheet sorted by it leave no neighbours to go by.
	for _, anywhere := range []bool{false, true} {
		var pairs [][2]int32
		taken := make([]bool, len(g.old))
		for n, j := range g.now {
			if m.oldOf[j] != noRow {
				continue
			}
			sum := m.sumBut(m.nowSums[j], m.now, int(j), without)
			free := func(o int32) bool { return !taken[o-1] && m.nowOf[g.old[o-1]] < 0 }
			for first[sum] != 0 && !free(first[sum]) {
				first[sum] = next[first[sum]-1]
			}
			o := first[sum]
			for steps := 0; o != 0 && steps < chainCap; steps++ {
				if free(o) && (anywhere || g.same(int(o-1), n)) && m.allowed(int(g.old[o-1]), int(j)) {
					taken[o-1] = true
					pairs = append(pairs, [2]int32{g.old[o-1], j})
					break
				}
				o = next[o-1]
			}
		}
		if anywhere && (len(pairs) < manyRows || len(pairs)*2 < min(len(g.old), len(g.now))) {
			break
		}
		for _, p := range pairs {
			m.match(int(p[0]), int(p[1]))
		}
	}
}

func (m *matching) sumBut(sum uint64, s side, i int, without []int) uint64 {
	for _, k := range without {
		if h := s.cell(i, k); h != 0 {
			sum -= printOf(m.salts[k], h)
		}
	}
	return sum
}

// tells tells whether a known row's cells, but for the columns given, tell it from the others.
func (m *matching) tells(i int, without []int, bits []float64) bool {
	told := 0.0
	for k, b := range bits {
		if m.old.cell(i, k) != 0 && !slices.Contains(without, k) {
			told += b
		}
	}
	return told >= tellingBits
}

// pair is a known row and a row read that are alike.
type pair struct {
	o, n  int32 // indexes in gaps
	near  bool  // in the same gap
	share float64
	apart int32
}

// similar matches rows in the same gap that are alike, the most alike first, and notes the pairs that are less sure.
func (m *matching) similar(bits []float64, marks []Seen) {
	g := newGaps(m)
	if len(g.old) == 0 || len(g.now) == 0 {
		return
	}
	pairs := m.candidates(g, bits)
	slices.SortFunc(pairs, func(a, b pair) int {
		return cmp.Or(cmp.Compare(b.share, a.share), cmp.Compare(a.apart, b.apart), cmp.Compare(a.n, b.n), cmp.Compare(a.o, b.o))
	})
	for _, p := range pairs {
		i, j := int(g.old[p.o]), int(g.now[p.n])
		if p.near && p.share >= editShare && m.nowOf[i] < 0 && m.oldOf[j] < 0 {
			m.match(i, j)
		}
	}
	liked := make([]bool, len(g.old))
	for _, p := range pairs {
		i, j := int(g.old[p.o]), int(g.now[p.n])
		if m.nowOf[i] >= 0 || m.oldOf[j] >= 0 || liked[p.o] {
			continue
		}
		switch {
		case m.likeOf != nil && m.likeOf[j] >= 0:
		case marks[i].Mark == MarkWaiting || marks[i].Mark == MarkHeld:
			// Whether it is the same row or another, what has not fired yet fires once, or stays held.
			m.match(i, j)
		default:
			m.like(i, j)
			liked[p.o] = true
		}
	}
}

// candidates returns the pairs that may be an edit: rows that share a telling cell, and rows at like places of a gap.
func (m *matching) candidates(g *gaps, bits []float64) []pair {
	index := newCellIndex(m, g)
	var pairs []pair
	tried := make([]int32, len(g.old)) // by index in gaps: the last row read that was compared with it, plus one
	cells := make([]int, 0, len(bits))
	for n := range g.now {
		budget := candidateCap
		try := func(o int) {
			if tried[o] == int32(n+1) {
				return
			}
			tried[o] = int32(n + 1)
			budget--
			if p, ok := m.compare(g, o, n, bits); ok {
				pairs = append(pairs, p)
			}
		}
		index.near(g, n, try)
		budget = candidateCap
		cells = index.rarest(m, int(g.now[n]), cells)
		for _, k := range cells {
			for _, o := range index.rows(m, int(g.now[n]), k) {
				if budget <= 0 {
					break
				}
				try(int(o))
			}
		}
	}
	return pairs
}

// compare returns how much of its telling content a known row would have kept as the row read; ok is false if that is
// too little to ask about, or keys forbid it.
func (m *matching) compare(g *gaps, o, n int, bits []float64) (pair, bool) {
	i, j := int(g.old[o]), int(g.now[n])
	if !m.allowed(i, j) {
		return pair{}, false
	}
	share, _ := m.share(i, j, bits)
	p := pair{o: int32(o), n: int32(n), near: g.same(o, n), share: share, apart: g.apart(o, n)}
	if p.near {
		return p, p.share >= unsureShare
	}
	return p, p.share >= editShare
}

// share returns the part of a known row's telling content that the row read has, and how many bits that is.
func (m *matching) share(i, j int, bits []float64) (share, kept float64) {
	var had, has float64
	for k, b := range bits {
		was, is := m.old.cell(i, k), m.now.cell(j, k)
		if was != 0 {
			had += b
		}
		if is != 0 {
			has += b
		}
		if was != 0 && was == is {
			kept += b
		}
	}
	switch {
	case had == 0:
		return 0, 0
	case kept == has && kept >= tellingBits:
		return 1, kept // cells were cleared, and what is left tells which row it is
	}
	return kept / had, kept
}
