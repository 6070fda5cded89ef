package detect

import "math"

const (
	// sequenceBits is how much the cells that many rows kept must tell together for their order to
	// make them the same rows, if none of them tells enough by itself.
	sequenceBits = 2 * tellingBits
	// resync is how many rows of both sides may come or go between two rows of a sequence.
	resync = 64
	// resyncBits is how much the rows that follow must tell for each doubling of that number: of many
	// places some are alike by chance.
	resyncBits = 3
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
	old, now := m.unmatched()
	most := min(len(old), len(now))
	if most < doubtFrom {
		return
	}
	var pairs [][2]int32
	var kept []float64 // of each pair
	q := sequence{m: m, without: without, w: w}
	q.old, q.now = restSums{m.old, m.oldSums, old, nil}, restSums{m.now, m.nowSums, now, nil}
	o, n := 0, 0
	for o < len(old) && n < len(now) {
		if q.equal(o, n) {
			if bits, all := m.bitsOf(int(old[o]), without, w); bits > all*traceShare && m.allowed(int(old[o]), int(now[n])) {
				pairs, kept = append(pairs, [2]int32{old[o], now[n]}), append(kept, bits)
			}
			o, n = o+1, n+1
			continue
		}
		if at := max(o, n); at > sequenceTrial && len(pairs)*2 < min(o, n) {
			return
		}
		a, b := q.next(o, n)
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
			m.resolveReplaced(pairs, old, without, w)
		}
		return
	}
	if !r.masked {
		strong := 0
		for at, p := range pairs {
			if _, all := m.bitsOf(int(p[0]), without, w); kept[at] >= all*unsureShare {
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
		for _, p := range m.unmasked(pairs, without) {
			m.markAmbiguous(int(p[0]), int(p[1]))
		}
		m.nearReplaced(pairs, old, now, without)
	}
	for _, p := range pairs {
		if !m.ambiguous[p[1]] {
			m.match(int(p[0]), int(p[1]))
		}
	}
}

// sequence compares the order of the rows that are left on both sides, without some columns.
type sequence struct {
	m        *matching
	old, now restSums
	without  []int
	w        weights
}

// restSums are fingerprints of rows without some columns, as far as they were asked for.
type restSums struct {
	side side
	all  []uint64 // with these columns, by row
	rows []int32
	sums []uint64 // by index in rows
}

// rest returns the fingerprint of the row at an index in rows.
func (q *sequence) rest(r *restSums, at int) uint64 {
	for len(r.sums) <= at {
		i := r.rows[len(r.sums)]
		r.sums = append(r.sums, q.m.sumBut(r.all[i], r.side, int(i), q.without))
	}
	return r.sums[at]
}

func (q *sequence) equal(o, n int) bool { return q.rest(&q.old, o) == q.rest(&q.now, n) }

// next returns how many rows of both sides come before the nearest place at which they follow each
// other again; one of each if there is none.
func (q *sequence) next(o, n int) (old, now int) {
	for s := 1; s <= min(resync, len(q.old.rows)-o+len(q.now.rows)-n); s++ {
		bits := resyncBits * math.Log2(float64(s+1))
		for d := range s + 1 {
			if q.follow(o+d, n+s-d, bits) {
				return d, s - d
			}
		}
	}
	return 1, 1
}

// follow tells whether rows from these on agree until they tell so much together, two of them at
// least, or both sides end.
func (q *sequence) follow(o, n int, bits float64) bool {
	for at := 0; at < 2 || bits > 0; at++ {
		if o == len(q.old.rows) && n == len(q.now.rows) {
			return at > 0
		}
		if o >= len(q.old.rows) || n >= len(q.now.rows) || !q.equal(o, n) {
			return false
		}
		rest, _ := q.m.bitsOf(int(q.old.rows[o]), q.without, q.w)
		bits -= rest
		o, n = o+1, n+1
	}
	return true
}

// restEqual tells whether two rows agree in all columns but the ones given.
func (m *matching) restEqual(i, j int32, without []int) bool {
	return m.sumBut(m.oldSums[i], m.old, int(i), without) == m.sumBut(m.nowSums[j], m.now, int(j), without)
}

// told returns how much a known row's cells tell without the columns given, by their plain weights,
// and with them.
func (m *matching) bitsOf(i int, without []int, w weights) (rest, all float64) {
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
