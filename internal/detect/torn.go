package detect

import (
	"cmp"
	"slices"
	"time"

	"github.com/rowtap/rowtap/internal/row"
)

// A worksheet that changes faster than its pages can be read is never read in full. [DiffTorn]
// takes what two consecutive torn reads prove.

// maxTornPairs bounds the pairs of an unknown and a missing row that are compared. Further rows
// wait.
const maxTornPairs = 1 << 22

// DiffTorn returns the rows that two torn reads of a worksheet, one after the other, prove to be
// new, and the rows of Found and Changes. ok is false if the reads cannot be compared.
//
// A row is found if it is complete, both reads show it, and no known row can be it:
//
//   - No known row, and none that vanished within the last day, is equal or equal except for
//     tidying. With [Options].Key, its key is unseen.
//   - No known row missing from one of the reads resembles it: has a quarter of its information,
//     its identity, or all cells but one, however little information these carry. If four or more
//     are missing, which may be a recalculation, the row must also be between two former
//     neighbours, or with no missing row between.
//   - It has less than half in common with any known row that is present, because either may be the
//     edited one of a row and its copy. A row between two former neighbours takes no other row's
//     place, so only these two count.
//
// Of equal rows, as many are found as both reads show on a single page: rows on two pages may be
// the same row. Waiting rows that both reads show unchanged become ready. Everything else waits for
// a full read: no known row leaves the cursor or changes in it.
//
// The rows in Found have the numbers of the second read. In the cursor they are between the same
// neighbours, with numbers that the next full read corrects.
func DiffTorn(first, second *Glimpse, now time.Time) (result Result, rows []row.Row, ok bool) {
	c := second.c
	if len(first.c.Rows) != len(c.Rows) || first.c.Next != c.Next || !first.believed() || !second.believed() {
		return Result{Cursor: c, Unchanged: true}, nil, false
	}
	t := torn{first: first, second: second}
	t.findMissing()
	rd := t.choose()
	t.b = newBuilder(c, rd, now)
	t.takeProven(newMatching(c, rd))
	result = t.result()
	told := map[int]bool{}
	for _, f := range result.Found {
		told[f.Row] = true
	}
	for _, ch := range result.Changes {
		told[ch.Row] = true
	}
	for _, r := range t.rows {
		if told[r.Number] {
			rows = append(rows, r.Row)
		}
	}
	return result, rows, true
}

// torn is the comparison of two torn reads.
type torn struct {
	first, second *Glimpse
	missing       []int32    // known rows that one of the reads lacks; of equal ones, the first
	isMissing     []bool     // by known row
	rows          []glimpsed // rows of the second read that may be proven, in cursor order
	of            []int32    // by these: the waiting known row, or noRow for an unknown row
	taken         []int      // by row of the builder: index in rows
	// places holds, by row of the builder, the index in the cursor before which an unknown row
	// goes.
	places []int
	b      *builder
}

// findMissing finds the known rows that may be missing: they were on no page, or not all of several
// equal ones were on one page.
func (t *torn) findMissing() {
	g := t.second
	t.isMissing = make([]bool, len(g.count))
	for i, n := range g.count {
		if n > min(t.first.onePage[i], g.onePage[i]) {
			t.missing, t.isMissing[i] = append(t.missing, int32(i)), true
		}
	}
	for i, sum := range g.known.sums {
		f, _ := g.known.only(sum)
		t.isMissing[i] = t.isMissing[f]
	}
}

// choose collects the rows that both reads show and that are unknown or wait, in cursor order.
func (t *torn) choose() *reading {
	g := t.second
	type choice struct {
		glimpsed
		at int
		of int32
	}
	var all []choice
	for sum, s := range g.unknown {
		if before := t.first.unknown[sum]; before != nil {
			for _, r := range s.rows[:min(before.onePage, len(s.rows))] {
				all = append(all, choice{r, g.place(r), noRow})
			}
		}
	}
	for i, r := range g.waiting {
		if _, both := t.first.waiting[i]; both {
			all = append(all, choice{r, i, int32(i)})
		}
	}
	slices.SortFunc(all, func(a, b choice) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.of, b.of), cmp.Compare(a.seq, b.seq))
	})
	numbers := make(map[int]bool, len(all))
	var rows []row.Row
	for _, c := range all {
		if !numbers[c.Number] { // rows of two pages may have the same number
			numbers[c.Number] = true
			rows, t.rows, t.of = append(rows, c.Row), append(t.rows, c.glimpsed), append(t.of, c.of)
		}
	}
	rd, _ := g.compared(rows)
	return rd
}

// takeProven adds the rows that are proven: waiting ones, and unknown ones that cannot be a known
// row.
func (t *torn) takeProven(m *matching) {
	c, rd := t.second.c, t.b.rd
	t.b.findReturned(m)
	m.old.cells, m.now.cells = m.old.folds, m.now.folds
	out := t.resemblesKnown(m)
	w := m.weights()
	keys := map[uint64]int{}
	for j := range rd.rows {
		keys[rd.keyOf(j).Sum]++
	}
	pairs, taken := 0, map[int]int{} // taken: number of rows by the known row above
	for j := range rd.rows {
		if i := t.of[j]; i >= 0 {
			t.taken, t.places = append(t.taken, j), append(t.places, int(i))
			t.b.carry(j, c.Rows[i], c.keyOf(int(i)), Moved, false, false)
			continue
		}
		key := rd.keyOf(j)
		_, seen := c.seen(key)
		_, maybe := t.b.maybeReturned[int32(j)]
		switch {
		case rd.lack[j] != 0, slices.Contains(rd.hashes(j), errorHash), m.oldOf[j] == isBack, maybe, out[j]:
			continue
		case rd.keys != nil && (seen || keys[key.Sum] > 1):
			continue
		case len(t.missing) >= doubtFrom && !t.between(t.rows[j]):
			continue
		}
		if pairs += len(t.missing); pairs > maxTornPairs || t.mayBeEdit(m, j, w) {
			continue
		}
		r := t.rows[j]
		place := t.second.place(r)
		if r.after != notOnPage && r.after < r.before {
			// The unknown rows around it that are not taken are missing known rows of this place,
			// edited.
			place = min(place+r.among-taken[r.after], r.before)
			taken[r.after]++
		}
		t.taken, t.places = append(t.taken, j), append(t.places, place)
		t.b.add(j, noRow, nil)
	}
	t.b.holdFlood()
}

// between reports whether a row is between two known rows, or the ends of the worksheet, with no
// missing row between them.
func (t *torn) between(r glimpsed) bool {
	if r.after == notOnPage || r.before <= r.after {
		return false
	}
	return !slices.Contains(t.isMissing[r.after+1:r.before], true)
}

// mayBeEdit reports whether an unknown row may be a missing known row, edited.
func (t *torn) mayBeEdit(m *matching, j int, w weights) bool {
	c, key := t.second.c, t.b.rd.keyOf(j)
	identity := m.identitySum(m.now, j)
	for _, i := range t.missing {
		if was := c.keyOf(int(i)); was.Sum != 0 {
			if was.Fold == key.Fold {
				return true
			}
			continue // their keys differ
		}
		if l := m.share(int(i), j, w); l.share >= unsureShare || l.allButIdentity || l.allButOne {
			return true
		}
		if len(m.identity) > 0 && m.identitySum(m.old, int(i)) == identity {
			return true
		}
	}
	return false
}

// resemblesKnown reports which unknown rows are equal to a known one except for tidying, or have
// half of its information: they may be that row, with a copy of it elsewhere. For a row inserted
// between two neighbours only these two count, because it may be a copy of one of them, partly
// typed over.
func (t *torn) resemblesKnown(m *matching) []bool {
	out := make([]bool, m.now.n)
	bySum, byCell := map[uint64][]int{}, map[uint64][]int{}
	w := m.weights()
	keyed := t.b.rd.keys != nil
	for j := range out {
		sum := m.formlessSum(m.now, j)
		bySum[sum] = append(bySum[sum], j)
		for k, bits := range w.bits {
			if h := m.now.cell(j, k); bits >= tellingBits/2 && !keyed {
				at := cellKey(k, h)
				byCell[at] = append(byCell[at], j)
			}
		}
	}
	if len(bySum) == 0 {
		return out
	}
	for i := range m.old.n {
		for _, j := range bySum[m.formlessSum(m.old, i)] {
			out[j] = true
		}
		for k := range w.bits {
			h := m.old.cell(i, k)
			if h == 0 {
				continue
			}
			for _, j := range byCell[cellKey(k, h)] {
				r := t.rows[j]
				if inserted := r.before == r.after+1; inserted && i != r.after && i != r.before {
					continue // the row takes no other's place
				}
				out[j] = out[j] || m.share(i, j, w).share >= editShare
			}
		}
	}
	return out
}

// result returns the result. Its cursor has all known rows, with the new ones between them.
func (t *torn) result() Result {
	b, c := t.b, t.second.c
	b.number()
	r := Result{Found: b.found, Changes: b.changes, Recheck: b.recheck, Cursor: c, Unchanged: len(b.changes) == 0}
	for n, j := range t.taken {
		r.Unchanged = r.Unchanged && t.of[j] != noRow && b.rows[n] == c.Rows[t.of[j]]
	}
	if r.Unchanged {
		return r
	}
	more := len(c.Rows) + len(t.taken)
	now := &r.Cursor
	now.Rows = make([]Seen, 0, more)
	now.Cells, now.Folds = make([]uint32, 0, more*len(c.Columns)), make([]uint32, 0, more*len(c.Columns))
	now.RowKeys = nil
	now.Next, now.Keys = b.next, b.keysNow()
	keep := func(s Seen, cells, folds []uint32, key RowKey) (at int) {
		at = len(now.Rows)
		if at > 0 {
			s.Number = max(s.Number, now.Rows[at-1].Number+1)
		}
		now.Rows, now.Cells, now.Folds = append(now.Rows, s), append(now.Cells, cells...), append(now.Folds, folds...)
		if b.rd.keys != nil {
			now.RowKeys = append(now.RowKeys, key)
		}
		return at
	}
	var fresh []int           // rows of the builder that are unknown
	waited := map[int32]int{} // by known row: the row of the builder
	for n, j := range t.taken {
		if i := t.of[j]; i == noRow {
			fresh = append(fresh, n)
		} else {
			waited[i] = n
		}
	}
	slices.SortStableFunc(fresh, func(a, b int) int { return cmp.Compare(t.places[a], t.places[b]) })
	at := make([]int, len(t.taken)) // by row of the builder: index in the cursor
	for i := 0; i <= len(c.Rows); i++ {
		for ; len(fresh) > 0 && t.places[fresh[0]] == i; fresh = fresh[1:] {
			n := fresh[0]
			j := t.taken[n]
			at[n] = keep(b.rows[n], b.rd.hashes(j), b.rd.foldsOf(j), b.rd.keyOf(j).RowKey)
		}
		if i == len(c.Rows) {
			break
		}
		s := c.Rows[i]
		n, ready := waited[int32(i)]
		if ready {
			s = b.rows[n]
		}
		if index := keep(s, c.row(i), c.folds(i), c.keyOf(i)); ready {
			at[n] = index
		}
	}
	for k := range r.Found {
		r.Found[k].at = at[b.foundAt[k]] + 1
	}
	return r
}
