package detect

import (
	"cmp"
	"slices"
)

// manyReplaced is the number of rows with replaced identities from which they are held; fewer count
// as corrections.
const manyReplaced = 4

// replacement compares the new cells of some rows with the old ones, in the columns that changed.
type replacement struct {
	identity bool // an identifying column carries as much as before, in many rows
	masked   bool // no column carries as much as before
}

// replacement compares the cells of pairs of rows in the columns without, in which they differ.
func (m *matching) replacement(pairs [][2]int32, without []int, w weights) replacement {
	naming := m.identifying(without, w)
	r := replacement{masked: true}
	for _, k := range without {
		if !slices.Contains(m.replacedColumns, k) {
			return replacement{} // rows are not where they were and differ in this column too
		}
		var was, is []uint32
		for _, p := range pairs {
			if old, now := m.old.cell(int(p[0]), k), m.now.cell(int(p[1]), k); old != 0 && now != 0 {
				was, is = append(was, old), append(is, now)
			}
		}
		slices.Sort(was)
		slices.Sort(is)
		before, _ := entropy(was, 1)
		after, _ := entropy(is, 1)
		if before == 0 || after*2 < before {
			continue
		}
		r.masked = false
		r.identity = r.identity || naming(k) && len(was) >= manyReplaced
	}
	return r
}

// identifying returns a function that reports whether a replaced column identifies rows.
func (m *matching) identifying(without []int, w weights) func(k int) bool {
	if slices.Contains(m.fixed, true) {
		return func(k int) bool { return m.required[k] }
	}
	// Without required or key columns, the ones with the most information identify rows if the
	// others together carry less.
	told, rest := 0.0, 0.0
	for k, b := range w.bits {
		if slices.Contains(without, k) {
			told += b
		} else {
			rest += b
		}
	}
	return func(k int) bool { return w.bits[k] >= w.telling && told > rest }
}

// unmasked returns the pairs of masked rows in which the row read has a unique value in an
// identifying column. It may be another row, typed in the place of a deleted one.
func (m *matching) unmasked(pairs [][2]int32, without []int) [][2]int32 {
	var own [][2]int32
	naming := m.identifying(without, weigh(m.old, m.required)) // weights before masking
	for _, k := range without {
		if !naming(k) {
			continue
		}
		times := make(map[uint32]int)
		for _, p := range pairs {
			times[m.now.cell(int(p[1]), k)]++
		}
		for _, p := range pairs {
			if h := m.now.cell(int(p[1]), k); h != 0 && times[h] == 1 {
				own = append(own, p)
			}
		}
	}
	return own
}

// resolveReplaced handles pairs of rows whose identity was replaced, in the columns without. A row
// that keeps most of its information is the same. The others may have been edited, or others were
// typed in their place.
func (m *matching) resolveReplaced(pairs [][2]int32, old []int32, without []int, w weights) {
	_, now := m.unmatched()
	for _, p := range pairs {
		i, j := int(p[0]), int(p[1])
		var changed []int
		for k := range m.salts {
			if m.old.cell(i, k) != m.now.cell(j, k) {
				changed = append(changed, k)
			}
		}
		if kept, all := m.bitsOf(i, changed, w); kept > all*editShare {
			m.match(i, j)
			continue
		}
		m.markAmbiguous(i, j)
	}
	m.nearReplaced(pairs, old, now, without)
}

// nearReplaced handles the rows of now without a partner in pairs, which are in the order of the
// known rows. Each may still be a known row nearby with equal cells in the other columns: rows were
// added and deleted, and nothing shows which is which. The distance depends on how many rows of now
// and old have no partner; a run of equal rows is covered up to [sequenceTrial].
func (m *matching) nearReplaced(pairs [][2]int32, old, now []int32, without []int) {
	if len(now) == len(pairs) {
		return
	}
	// Known rows without a partner, each at the place of the last row before it that has one.
	type missing struct {
		place int
		row   int32
	}
	var alone []missing
	partner := newMatches(len(now)) // by index in now
	place := 0
	for _, p := range pairs {
		for ; len(old) > 0 && old[0] != p[0]; old = old[1:] {
			alone = append(alone, missing{place, old[0]})
		}
		old = old[min(len(old), 1):]
		place, _ = slices.BinarySearch(now, p[1])
		partner[place] = p[0]
	}
	for _, i := range old {
		alone = append(alone, missing{place, i})
	}
	reach := min(len(now)-len(pairs)+len(alone), resync)
	for at, j := range now {
		if partner[at] != noRow {
			continue
		}
		may := func(i int32) bool { return m.restEqual(i, j, without) && m.allowed(int(i), int(j)) }
		from, _ := slices.BinarySearchFunc(alone, at-reach, func(a missing, place int) int {
			return cmp.Compare(a.place, place)
		})
		for _, a := range alone[from:] {
			if a.place > at+reach || m.ambiguous[j] {
				break
			}
			if may(a.row) {
				m.markAmbiguous(int(a.row), int(j))
			}
		}
		for _, step := range []int{-1, 1} {
			for b := at + step; b >= 0 && b < len(now) && max(b-at, at-b) <= sequenceTrial; b += step {
				near, i := now[b], partner[b]
				if i == noRow || !may(i) {
					if max(b-at, at-b) >= reach {
						break
					}
					continue
				}
				m.markAmbiguous(int(i), int(near))
				if !m.ambiguous[j] {
					m.markAmbiguous(int(i), int(j))
				}
			}
		}
	}
}

// markAmbiguous records that row j may be known row i or another one typed in its place. No later
// step changes this.
func (m *matching) markAmbiguous(i, j int) {
	m.like(i, j)
	if m.ambiguous == nil {
		m.ambiguous, m.mayBeReplaced = make(map[int32]bool), make(map[int32]bool)
	}
	m.ambiguous[int32(j)], m.mayBeReplaced[int32(i)] = true, true
}

// holdWithoutFolds records, for a cursor without folded hashes, that an unmatched row may be any
// unmatched known row in the same place, tidied.
func (m *matching) holdWithoutFolds() {
	if m.old.folds != nil || m.old.n == 0 {
		return
	}
	g := newGaps(m)
	if len(g.old) == 0 || len(g.now) == 0 {
		return
	}
	g.order(m)
	after := map[int32]int32{}
	anywhere := int32(noRow) // a known row whose gap no longer exists
	for o, i := range g.old {
		after[g.oldPrev[o]] = i
		if g.nowFollows[g.oldPrev[o]+1] != g.oldNext[o] {
			anywhere = i
		}
	}
	for n, j := range g.now {
		if m.likeOf != nil && m.likeOf[j] >= 0 {
			continue
		}
		i, ok := after[g.nowPrev[n]]
		switch {
		case ok:
		case anywhere != noRow:
			i = anywhere
		case g.oldFollows[g.nowPrev[n]+1] != g.nowNext[n]:
			i = g.old[0]
		default:
			continue
		}
		m.like(int(i), int(j))
	}
}
