package detect

const (
	// sequenceBits is how much the cells that many rows kept must tell together for their order to
	// make them the same rows, if none of them tells enough by itself.
	sequenceBits = 2 * tellingBits
	// resync is how many rows of both sides may come or go between two rows of a sequence.
	resync = 8
	// traceShare is the part of its telling content that each of them has to keep: a dropdown beside
	// seven telling columns is no trace of a row.
	traceShare = 0.05
	// sequenceTrial is after how many rows a sequence that is none is given up.
	sequenceTrial = 64
)

// inOrder matches rows that agree in all columns but the ones given where these rows follow each
// other as before. A dropdown or two tell no row from others, but twenty rows of the same dropdowns
// in the same order do not come about twice: a column was recalculated, cleaned up or masked,
// though it be the one that tells most. They have to keep what makes an edit likely at all, a
// quarter of what they tell, and to be most of the rows that are left.
func (m *matching) inOrder(without []int, w weights) {
	old, now := m.left()
	most := min(len(old), len(now))
	if most < doubtFrom {
		return
	}
	var pairs [][2]int32
	var kept []float64 // of each pair
	o, n := 0, 0
	equal := func(o, n int) bool {
		return o < len(old) && n < len(now) && m.restOf(old[o], now[n], without)
	}
	for o < len(old) && n < len(now) {
		if equal(o, n) {
			if bits, all := m.told(int(old[o]), without, w); bits > all*traceShare && m.allowed(int(old[o]), int(now[n])) {
				pairs, kept = append(pairs, [2]int32{old[o], now[n]}), append(kept, bits)
			}
			o, n = o+1, n+1
			continue
		}
		if at := max(o, n); at > sequenceTrial && len(pairs)*2 < min(o, n) {
			return
		}
		a, b := 1, 1
	search:
		for s := 1; s <= resync; s++ {
			for d := range s + 1 {
				if equal(o+d, n+s-d) && (equal(o+d+1, n+s-d+1) || o+d+1 >= len(old) || n+s-d+1 >= len(now)) {
					a, b = d, s-d
					break search
				}
			}
		}
		o, n = o+a, n+b
	}
	enough := func(pairs [][2]int32, kept []float64) bool {
		told := 0.0
		for _, bits := range kept {
			told += bits
		}
		return told >= sequenceBits && len(pairs) >= doubtFrom && len(pairs)*2 >= most
	}
	r := m.replacement(pairs, without, w)
	if r.identity {
		if enough(pairs, kept) {
			m.settleReplaced(pairs, without, w)
		}
		return
	}
	if !r.masked {
		strong := 0
		for at, p := range pairs {
			if _, all := m.told(int(p[0]), without, w); kept[at] >= all*unsureShare {
				pairs[strong], kept[strong] = p, kept[at]
				strong++
			}
		}
		pairs, kept = pairs[:strong], kept[:strong]
	}
	if !enough(pairs, kept) {
		return
	}
	if r.masked {
		m.alsoReplaced(pairs, now, without)
	}
	for _, p := range pairs {
		if !m.either[p[1]] {
			m.match(int(p[0]), int(p[1]))
		}
	}
}

// restOf tells whether two rows agree in all columns but the ones given.
func (m *matching) restOf(i, j int32, without []int) bool {
	return m.sumBut(m.oldSums[i], m.old, int(i), without) == m.sumBut(m.nowSums[j], m.now, int(j), without)
}

// told returns how much a known row's cells tell without the columns given, by their plain weights,
// and with them.
func (m *matching) told(i int, without []int, w weights) (rest, all float64) {
	for k, b := range w.plain {
		if m.old.cell(i, k) != 0 {
			all += b
		}
	}
	rest = all
	for _, k := range without {
		if m.old.cell(i, k) != 0 {
			rest -= w.plain[k]
		}
	}
	return rest, all
}
