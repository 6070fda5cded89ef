package detect

// gaps holds the unmatched rows with their nearest matched neighbours, each given as a known row.
type gaps struct {
	old, now []int32 // unmatched rows, in sheet order
	// Known row just before and after each row of old and now; -1 and the number of known rows
	// stand for the edges of the sheet.
	oldPrev, oldNext, nowPrev, nowNext []int32
	// Position of each row in its run of unmatched rows; set by rank.
	oldRank, nowRank []int32
	// By matched known row, plus one, with the edge of the sheet first: the next matched row in the
	// order of the other side. They show which gaps the other side has. Set by order.
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

// rank computes the position of each row in its run of unmatched rows.
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

// order computes which gaps exist on both sides, for scattered.
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

// scattered reports whether the gap of known row o or of row n, as indexes in old and now, does not
// exist on the other side: its neighbours were sorted or moved apart, so the position means
// nothing.
func (g *gaps) scattered(o, n int) bool {
	return g.nowFollows[g.oldPrev[o]+1] != g.oldNext[o] || g.oldFollows[g.nowPrev[n]+1] != g.nowNext[n]
}

// neighbours returns, for each of the rows left, the known rows matched with the nearest matched
// rows before and after it. of returns what each of n rows is matched with: a known row, noRow or
// isBack; the last two are skipped.
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

// same reports whether two rows, as indexes in old and now, share a neighbour.
func (g *gaps) same(o, n int) bool {
	return g.oldPrev[o] == g.nowPrev[n] || g.oldNext[o] == g.nowNext[n]
}

// apart returns the distance between the positions of two rows in their gaps.
func (g *gaps) apart(o, n int) int32 {
	d := g.oldRank[o] - g.nowRank[n]
	return max(d, -d)
}
