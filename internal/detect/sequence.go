package detect

import "math"

const (
	// sequenceBits is the information, in bits, that the kept cells of a sequence must carry
	// together if the rows alone are not identified.
	sequenceBits = 2 * tellingBits
	// resync is the number of rows that may have been added and deleted between two rows of a
	// sequence.
	resync = 64
	// resyncBits is the information that the rows after such a gap must carry for each doubling of
	// its size: the more places are tried, the more match by chance.
	resyncBits = 3
	// traceShare is the share of its information that each row must keep: a dropdown next to seven
	// columns with more information does not identify a row.
	traceShare = 0.05
	// sequenceTrial is the number of rows after which an attempt without matches is abandoned.
	sequenceTrial = 64
)

// inOrder matches rows that are equal except in the given columns and follow each other as before.
// One dropdown does not identify a row, but twenty rows with the same dropdowns in the same order
// are no coincidence: a column was recalculated, cleaned up or masked, even if it is the one with
// the most information. Each row must keep unsureShare of its information, or traceShare if masked,
// and most of the remaining rows must match.
func (m *matching) inOrder(without []int, w weights) {
	old, now := m.unmatched()
	most := min(len(old), len(now))
	if most < doubtFrom {
		return
	}
	var pairs [][2]int32
	var kept []float64 // by pair: bits kept
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

// sequence compares the order of the remaining rows on both sides, without some columns.
type sequence struct {
	m        *matching
	old, now restSums
	without  []int
	w        weights
}

// restSums are fingerprints of rows without some columns, computed on demand.
type restSums struct {
	side side
	all  []uint64 // by row: fingerprint with all columns
	rows []int32
	sums []uint64 // by index in rows
}

// rest returns the fingerprint of the row at index at of rows.
func (q *sequence) rest(r *restSums, at int) uint64 {
	for len(r.sums) <= at {
		i := r.rows[len(r.sums)]
		r.sums = append(r.sums, q.m.sumBut(r.all[i], r.side, int(i), q.without))
	}
	return r.sums[at]
}

func (q *sequence) equal(o, n int) bool { return q.rest(&q.old, o) == q.rest(&q.now, n) }

// next returns the number of rows to skip on each side to reach the nearest place where both sides
// match again, or one each if there is none.
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

// follow reports whether at least two rows from here match, up to the given information in total,
// or to the end of both sides.
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

// restEqual reports whether two rows are equal except in the given columns.
func (m *matching) restEqual(i, j int32, without []int) bool {
	return m.sumBut(m.oldSums[i], m.old, int(i), without) == m.sumBut(m.nowSums[j], m.now, int(j), without)
}

// bitsOf returns the information in a known row without the given columns, and in the whole row, by
// plain weights.
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
