package detect

import (
	"cmp"
	"slices"
	"time"

	"github.com/rowtap/rowtap/internal/row"
)

// A worksheet that changes faster than it can be read page by page is never read whole. What such
// torn reads prove all the same is taken from two of them, one after the other: see [DiffTorn].

// maxTornPairs bounds the pairs of an unknown row and a missing one that are compared. What is
// over waits.
const maxTornPairs = 1 << 22

// DiffTorn says what two torn reads of a worksheet, the second later than the first, prove to be
// new, and returns the rows of Found and Changes. ok is false if the reads cannot be compared.
//
// A row is found if it is complete, both reads show it, and no known row can be it:
//
//   - Its cells, and the same tidied, are not known and have not vanished within the last day. With
//     [Options].Key its key is unseen.
//   - No known row that one of the reads lacks is like it: has a quarter of it, its identity, or all
//     cells but one, however little these tell. Where four or more are lacking, which may be a
//     recalculation, the row must also stand between two rows that were neighbors, or with no
//     missing row between.
//   - It does not have half of a known row that is there, for either may be the edited one of a row
//     and its copy. A row between two neighbors stands in no other's place: only these two count.
//
// Of equal rows as many are found as the fewest of both reads, counted on one page, for what stands
// on two pages may be the same row. Known rows that wait are found ready if both reads show them
// unchanged. All else waits for a whole read: no known row leaves the cursor, and none changes.
//
// The rows of Found have the numbers that the second read had for them; the cursor has them between
// the same neighbors, under numbers that the next whole read corrects.
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
	missing       []int32    // known rows that one of them lacks, of equal ones the first
	isMissing     []bool     // by known row
	rows          []glimpsed // of the second, that may be told: in the cursor's order
	of            []int32    // by these: the known row that waits; noRow: it is not known
	taken         []int      // by row of the builder: the index in rows
	places        []int      // by row of the builder: the index in the cursor before which it is to stand if it is not known
	b             *builder
}

// findMissing finds the known rows that may be missing: they were not on a page, or of equal ones not
// all of them on one.
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

// choose takes the rows that both reads show, and that wait or are not known, in the order in which
// the cursor is to have them.
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

// takeProven takes the rows that are told: of those that are not known, the ones that no known row can
// be.
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
	pairs, taken := 0, map[int]int{} // taken: by the known row above, how many
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
			// The rows among which it stands and that are not taken are the missing ones of this
			// place, edited.
			place = min(place+r.among-taken[r.after], r.before)
			taken[r.after]++
		}
		t.taken, t.places = append(t.taken, j), append(t.places, place)
		t.b.add(j, noRow, nil)
	}
	t.b.holdFlood()
}

// between tells whether a row stands between two known rows, or the ends of the worksheet, between
// which no known row is missing.
func (t *torn) between(r glimpsed) bool {
	if r.after == notOnPage || r.before <= r.after {
		return false
	}
	return !slices.Contains(t.isMissing[r.after+1:r.before], true)
}

// mayBeEdit tells whether a row that is not known may be one of the known ones that are missing,
// edited.
func (t *torn) mayBeEdit(m *matching, j int, w weights) bool {
	c, key := t.second.c, t.b.rd.keyOf(j)
	identity := m.identitySum(m.now, j)
	for _, i := range t.missing {
		if was := c.keyOf(int(i)); was.Sum != 0 {
			if was.Fold == key.Fold {
				return true
			}
			continue // their keys tell them apart
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

// resemblesKnown tells which of the rows that are not known are like a known one: equal but for what
// tidying changes, or with half of what it tells, for they may be that one while a copy of it
// stands elsewhere. Of rows that came between two neighbors only these count: they may have been
// copied and be half typed over.
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
					continue // the row stands in no other's place
				}
				out[j] = out[j] || m.share(i, j, w).share >= editShare
			}
		}
	}
	return out
}

// result makes the cursor: all known rows, with the new ones between them.
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
	var fresh []int           // rows of the builder that are not known
	waited := map[int32]int{} // rows of the builder by known row
	for n, j := range t.taken {
		if i := t.of[j]; i == noRow {
			fresh = append(fresh, n)
		} else {
			waited[i] = n
		}
	}
	slices.SortStableFunc(fresh, func(a, b int) int { return cmp.Compare(t.places[a], t.places[b]) })
	at := make([]int, len(t.taken)) // by row of the builder: its index in the cursor
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
