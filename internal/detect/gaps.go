package detect

// gaps places the rows that have no match between their nearest matched neighbours, by the known
// row that these are.
type gaps struct {
	old, now []int32 // the rows, in sheet order
	// Known row just before and just after, as seen from each row of old and of now; -1 and the
	// number of known rows stand for the edges of the sheet.
	oldPrev, oldNext, nowPrev, nowNext []int32
	// Place of each row among its neighbours without a match, once it is asked for.
	oldRank, nowRank []int32
	// By known row that has a match, plus one, and the edge of the sheet first: which one follows
	// in the other order. So they tell which gaps there are on the other side too.
	oldFollows, nowFollows []int32
}

func newGaps(m *matching) *gaps {
	g := &gaps{}
	g.old, g.now = m.unmatched()
	self := func(i int) int32 {
		if m.nowOf[i] == noRow {
			return noRow
		}
		return int32(i)
	}
	g.oldPrev, g.oldNext = neighbours(g.old, m.old.n, self, m.old.n)
	g.nowPrev, g.nowNext = neighbours(g.now, m.now.n, func(j int) int32 { return m.oldOf[j] }, m.old.n)
	return g
}

// rank finds out each row's place among its neighbours without a match.
func (g *gaps) rank() {
	g.oldRank, g.nowRank = ranks(g.old), ranks(g.now)
}

func ranks(left []int32) []int32 {
	rank := make([]int32, len(left))
	for k, i := range left {
		if k > 0 && left[k-1] == i-1 {
			rank[k] = rank[k-1] + 1
		}
	}
	return rank
}

// order finds out which gaps are on both sides, for neighboursScattered.
func (g *gaps) order(m *matching) {
	g.oldFollows, g.nowFollows = newMatches(m.old.n+1), newMatches(m.old.n+1)
	before := int32(noRow)
	for i, j := range m.nowOf {
		if j >= 0 {
			g.oldFollows[before+1] = int32(i)
			before = int32(i)
		}
	}
	g.oldFollows[before+1] = int32(m.old.n)
	before = noRow
	for _, i := range m.oldOf {
		if i >= 0 {
			g.nowFollows[before+1] = i
			before = i
		}
	}
	g.nowFollows[before+1] = int32(m.old.n)
}

// scattered tells whether the place of one of two rows, by index in old and now, is there
// on its own side alone: what was around it has been sorted or moved apart, so that where it stands
// says nothing.
func (g *gaps) scattered(o, n int) bool {
	return g.nowFollows[g.oldPrev[o]+1] != g.oldNext[o] || g.oldFollows[g.nowPrev[n]+1] != g.nowNext[n]
}

// neighbours returns for each of the rows left what the nearest ones before and after it are
// matched with. of tells what each of n rows is matched with: a known row, noRow, or isBack, which
// is no neighbour.
func neighbours(left []int32, n int, of func(int) int32, end int) (prev, next []int32) {
	prev, next = make([]int32, len(left)), make([]int32, len(left))
	for k, i := range left {
		if k > 0 && left[k-1] == i-1 {
			prev[k] = prev[k-1]
			continue
		}
		at := int(i) - 1
		for at >= 0 && of(at) < 0 {
			at--
		}
		prev[k] = -1
		if at >= 0 {
			prev[k] = of(at)
		}
	}
	for k := len(left) - 1; k >= 0; k-- {
		i := left[k]
		if k+1 < len(left) && left[k+1] == i+1 {
			next[k] = next[k+1]
			continue
		}
		at := int(i) + 1
		for at < n && of(at) < 0 {
			at++
		}
		next[k] = int32(end)
		if at < n {
			next[k] = of(at)
		}
	}
	return prev, next
}

// same tells whether two rows, by index in old and now, have a neighbour in common.
func (g *gaps) same(o, n int) bool {
	return g.oldPrev[o] == g.nowPrev[n] || g.oldNext[o] == g.nowNext[n]
}

// apart returns how far two rows' places in their gaps differ.
func (g *gaps) apart(o, n int) int32 {
	d := g.oldRank[o] - g.nowRank[n]
	return max(d, -d)
}
