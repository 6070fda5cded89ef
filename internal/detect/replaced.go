package detect

import "slices"

// manyReplaced is how many rows whose identity was replaced are held: one or a few are new.
const manyReplaced = 4

// replacement says what the new cells of some rows tell, in the columns in which these rows differ
// from known ones.
type replacement struct {
	identity bool // a column that identifies tells as much as before, in many rows
	masked   bool // none tells as much as before
}

// replacement compares the cells of pairs of rows in the columns without which they agree.
func (m *matching) replacement(pairs [][2]int32, without []int, w weights) replacement {
	identifies := func(k int) bool { return m.required[k] }
	if !slices.Contains(m.fixed, true) {
		// Nothing says which columns identify: those that tell most, if the others tell less
		// together.
		told, rest := 0.0, 0.0
		for k, b := range w.bits {
			if slices.Contains(without, k) {
				told += b
			} else {
				rest += b
			}
		}
		identifies = func(k int) bool { return w.bits[k] >= w.telling && told > rest }
	}
	r := replacement{masked: true}
	for _, k := range without {
		if !slices.Contains(m.others, k) {
			return replacement{} // rows that are not where they were differ in it, too
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
		r.identity = r.identity || identifies(k) && len(was) >= manyReplaced
	}
	return r
}

// settleReplaced takes pairs of rows of which the identities were replaced, the columns given: a row
// that keeps most of what it tells is the same, of others nobody can say whether they were edited or
// others were typed in their place.
func (m *matching) settleReplaced(pairs [][2]int32, without []int, w weights) {
	_, now := m.left()
	for _, p := range pairs {
		i, j := int(p[0]), int(p[1])
		var changed []int
		for k := range m.salts {
			if m.old.cell(i, k) != m.now.cell(j, k) {
				changed = append(changed, k)
			}
		}
		if kept, all := m.told(i, changed, w); kept > all*editShare {
			m.match(i, j)
			continue
		}
		m.mayBeEither(i, j)
	}
	m.alsoReplaced(pairs, now, without)
}

// alsoReplaced looks at the rows of those left that have no partner in pairs. One close to a row of
// a pair may as well be the known row of that pair, if it agrees with it in the other columns: a row
// was added beside it. So may all of a run of such rows, up to [sequenceTrial].
func (m *matching) alsoReplaced(pairs [][2]int32, now []int32, without []int) {
	known := make(map[int32]int32, len(pairs)) // by row read
	for _, p := range pairs {
		known[p[1]] = p[0]
	}
	reach := min(len(now)-len(pairs), resync)
	for at, j := range now {
		if _, paired := known[j]; paired {
			continue
		}
		for _, step := range []int{-1, 1} {
			for b := at + step; b >= 0 && b < len(now) && max(b-at, at-b) <= sequenceTrial; b += step {
				near := now[b]
				i, paired := known[near]
				if !paired || !m.restOf(i, j, without) || !m.allowed(int(i), int(j)) {
					if max(b-at, at-b) >= reach {
						break
					}
					continue
				}
				if m.oldOf[near] == noRow {
					m.mayBeEither(int(i), int(near))
				}
				if !m.either[j] {
					m.mayBeEither(int(i), int(j))
				}
			}
		}
	}
}

// mayBeEither notes that a row read may be a known row or another one typed in its place, and that
// nothing else decides it.
func (m *matching) mayBeEither(i, j int) {
	m.like(i, j)
	if m.either == nil {
		m.either = make(map[int32]bool)
	}
	m.either[int32(j)] = true
}

// untold notes that a row without a match may be any known one that has none and stood in its
// place. Without folded hashes of the known rows, as an earlier release left them, it may be that
// one tidied.
func (m *matching) untold() {
	if m.old.folds != nil || m.old.n == 0 {
		return
	}
	g := newGaps(m)
	if len(g.old) == 0 || len(g.now) == 0 {
		return
	}
	g.order(m)
	after := map[int32]int32{}
	anywhere := int32(noRow) // a known row whose place is not there any more
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
