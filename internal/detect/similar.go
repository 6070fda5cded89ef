package detect

import (
	"cmp"
	"slices"
)

const (
	// editShare is the share of its information that an edited row keeps.
	editShare = 0.5
	// unsureShare is the share from which a row in the place of another may be an edit of it.
	unsureShare = 0.25
	// restShare is the share of the other cells that such a row must also have if a required cell
	// changed, unless they carry tellingBits.
	restShare = 2.0 / 3
	// candidateCap bounds the known rows tried for one row that share a cell.
	candidateCap = 12
	// chanceCap is the number of pairs kept for one row when chance matches are possible.
	chanceCap = 2
)

// pair is a known row and a row read that are similar.
type pair struct {
	share float64
	o, n  int32 // indexes in gaps
	apart int32
	near  bool // in the same gap, or the neighbours of one were scattered
	tells bool // the cells kept identify the row
}

// similar matches similar rows in the same gap, the most similar first, and records less certain
// pairs in likeOf. When chance matches are possible, rows must also be near their old position.
func (m *matching) similar(w weights, marks []Seen) {
	g := newGaps(m)
	if len(g.old) == 0 || len(g.now) == 0 {
		return
	}
	g.order(m)
	g.rank()
	pairs := m.candidates(g, w)
	slices.SortFunc(pairs, moreAlike)
	for _, p := range pairs {
		i, j := int(g.old[p.o]), int(g.now[p.n])
		if p.near && p.tells && p.share >= editShare && m.nowOf[i] < 0 && m.oldOf[j] < 0 && !m.ambiguous[int32(j)] {
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
		case m.unfired(marks[i]) || p.near && m.opts.open(marks[i]) == OpenFailed:
			// Same row or not: what has not fired yet fires once, or stays held.
			m.match(i, j)
		default:
			m.like(i, j)
			liked[p.o] = true
		}
	}
}

// matchUnfired matches rows with the known row that they may be, if that has not fired: a held row
// stays held however much of it changes.
func (m *matching) matchUnfired(marks []Seen) {
	for j, i := range m.likeOf {
		if i >= 0 && m.oldOf[j] == noRow && m.nowOf[i] == noRow && m.unfired(marks[i]) {
			m.match(int(i), j)
		}
	}
}

// unfired reports whether a known row waits or is held.
func (m *matching) unfired(s Seen) bool {
	open := m.opts.open(s)
	return open == OpenWaiting || open == OpenHeld
}

// candidates returns the pairs that may be edits: rows that share a rare cell, and rows at about
// the same position in a gap.
func (m *matching) candidates(g *gaps, w weights) []pair {
	chance := manyPairs(g.old, g.now)
	index := newCellIndex(m, g, chance)
	var pairs []pair
	tried := make([]int32, len(g.old)) // by index in gaps: the last row compared with it, plus 1
	cells := make([]sharedCell, 0, len(w.bits))
	for n := range g.now {
		budget := candidateCap
		try := func(o int) {
			if tried[o] == int32(n+1) {
				return
			}
			tried[o] = int32(n + 1)
			budget--
			if p, ok := m.compare(g, o, n, w, chance); ok {
				pairs = append(pairs, p)
			}
		}
		first := len(pairs)
		index.near(g, n, try)
		budget = candidateCap
		cells = index.rarest(m, int(g.now[n]), cells)
		for _, c := range cells {
			for _, o := range c.rows {
				if budget <= 0 {
					break
				}
				try(int(o))
			}
		}
		if own := pairs[first:]; chance && len(own) > chanceCap {
			slices.SortFunc(own, moreAlike)
			pairs = pairs[:first+chanceCap]
		}
	}
	return pairs
}

// moreAlike orders pairs by similarity, the most similar first.
func moreAlike(a, b pair) int {
	return cmp.Or(cmp.Compare(b.share, a.share), cmp.Compare(a.apart, b.apart), cmp.Compare(a.n, b.n), cmp.Compare(a.o, b.o))
}

// compare returns the pair of a known row and a row read; ok is false if the row read kept too
// little of the known one, or their keys differ.
func (m *matching) compare(g *gaps, o, n int, w weights, chance bool) (pair, bool) {
	i, j := int(g.old[o]), int(g.now[n])
	if !m.allowed(i, j) {
		return pair{}, false
	}
	l := m.share(i, j, w)
	same := g.same(o, n)
	if chance {
		same = same && g.apart(o, n) <= nearReach
	}
	p := pair{
		o: int32(o), n: int32(n), near: same || g.scattered(o, n), tells: l.kept >= w.telling,
		share: l.share, apart: g.apart(o, n),
	}
	if known, ok := m.sameIdentity[int32(j)]; l.allButOne && l.equal >= tellingBits/2 || ok && known == int32(i) {
		return p, true
	}
	return p, p.share >= editShare || p.share >= unsureShare && (same && l.likely || p.near && l.allButIdentity)
}

// likeness is what a row read has in common with a known row.
type likeness struct {
	share          float64 // share of the known row's information that was kept
	kept           float64 // the same in bits
	likely         bool    // they can be the same row
	allButIdentity bool    // all cells but the identity are equal and carry enough
	allButOne      bool    // all cells but one are equal, of two or more
	equal          float64 // information in the equal cells, by plain weights
}

// share compares a row read with a known row. If a required cell has a new value, they can only be
// the same row if most other cells are equal, or enough to identify it; the rest of the identity
// then counts at most half, so that it does not make an edit on its own.
func (m *matching) share(i, j int, w weights) likeness {
	other := false // a required cell has a new value
	old, now := m.old.row(i), m.now.row(j)
	for k, required := range w.required {
		if required {
			was, is := old[m.old.shared[k]], now[m.now.shared[k]]
			other = other || was != 0 && is != 0 && was != is
		}
	}
	var l likeness
	var had, has float64
	var rest struct{ bits, cells float64 } // kept in columns that are not required
	whole := 0.0                           // cells of the known row in these
	differ := 0                            // cells of the known row that changed
	for k, b := range w.bits {
		was, is := old[m.old.shared[k]], now[m.now.shared[k]]
		same := 0.0
		if was != 0 && was == is {
			same = b
			if other {
				same = max(b/2, w.plain[k]) // unchanged for columns that are not required
			}
		}
		if was != 0 {
			had += b
		}
		if is != 0 {
			has += b
		}
		l.kept += same
		if was != 0 && was == is {
			l.equal += w.plain[k]
		} else if was != 0 {
			differ++
		}
		if !w.required[k] && was != 0 {
			whole++
			if was == is {
				rest.bits += b
				rest.cells++
			}
		}
	}
	l.likely = !other || rest.cells >= whole*restShare || rest.bits >= tellingBits
	l.allButOne = differ == 1 && l.equal > 0
	l.allButIdentity = other && rest.cells == whole && rest.bits >= tellingBits/2
	switch {
	case had == 0:
	case l.kept == has && l.kept >= tellingBits:
		l.share = 1 // cells were only cleared, and the rest identifies the row
	default:
		l.share = l.kept / had
	}
	return l
}

// like records that row j may be known row i.
func (m *matching) like(i, j int) {
	if m.likeOf == nil {
		m.likeOf = newMatches(m.now.n)
	}
	m.likeOf[j] = int32(i)
}
