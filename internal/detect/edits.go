package detect

import (
	"cmp"
	"slices"
)

const (
	// tellingBits is the information, in bits, that identifies a row.
	tellingBits = 12
	// manyRows is the number of rows from which a change of the same columns counts as a
	// recalculation, wherever the rows are now.
	manyRows = 8
	// suspectRows bounds the sample of rows that shows which columns changed.
	suspectRows = 256
	// suspectColumns bounds the single columns of a wide sheet that are tried; the others are left
	// to similar.
	suspectColumns = 24
	// chainCap bounds the known rows tried for one row that share a sum.
	chainCap = 16
	// chanceShare is the largest share of rows that may repeat another row's cells for these cells
	// to identify rows when chance matches are possible.
	chanceShare = 1.0 / 64
)

// editsAfter calls edits. After a sheet was empty for two reads, the edits only count if they bring
// half of the known rows back, and there are enough of these to rule out chance.
func (m *matching) editsAfter(c Cursor) {
	if !c.Doubt.Emptied {
		m.edits(c.Rows)
		return
	}
	if len(c.Rows) < doubtFrom {
		return
	}
	oldOf, nowOf := slices.Clone(m.oldOf), slices.Clone(m.nowOf)
	m.edits(c.Rows)
	if m.gone()*2 > len(c.Rows) {
		m.oldOf, m.nowOf, m.likeOf = oldOf, nowOf, nil
	}
}

// edits matches the remaining rows that were edited, and records in likeOf which rows may be edits.
func (m *matching) edits(marks []Seen) {
	old, now := m.unmatched()
	if len(now) == 0 {
		return
	}
	if len(old) > 0 {
		m.identified(old, now)
		old, now = m.unmatched()
	}
	if len(old) > 0 && len(now) > 0 {
		m.keptShare = m.valuesKept(old, now)
		if m.volatile(old, now) {
			old, now = m.unmatched()
			m.keptShare = m.valuesKept(old, now)
		}
	}
	chance := manyPairs(old, now)
	if len(old) > 0 && len(now) > 0 {
		w := m.weights()
		m.replacedColumns = m.findReplacedColumns()
		for _, without := range m.suspects(old, now, w.bits) {
			m.allBut(without, w, false)
			m.inOrder(without, w)
		}
		if without := m.recalculated(); len(without) > 0 {
			m.allBut(without, w, true)
			w = w.without(without)
		}
		if chance && m.unconfirmed && m.gone()*2 >= m.old.n {
			return // doubted however the rest compares: see improbable
		}
		m.similar(w, marks)
		m.mayBeVolatile()
		m.matchUnfired(marks)
	}
	m.contested(marks)
	m.holdWithoutFolds()
	m.holdIfRenamed()
}

// weights returns the weights of the shared columns, from the side with more rows.
func (m *matching) weights() weights {
	if m.now.n > m.old.n {
		return weigh(m.now, m.required)
	}
	return weigh(m.old, m.required)
}

// recalculated returns the columns that changed in many matched rows and in half of the edited
// ones. They do not identify rows.
func (m *matching) recalculated() []int {
	least, edited, changed := manyRows, 0, make([]int, len(m.salts))
	if old, now := m.unmatched(); manyPairs(old, now) {
		least = max(least, int(chanceShare*float64(min(len(old), len(now)))))
	}
	for j, i := range m.oldOf {
		if i < 0 || m.oldSums[i] == m.nowSums[j] {
			continue
		}
		edited++
		for k := range changed {
			if m.old.cell(int(i), k) != m.now.cell(j, k) {
				changed[k]++
			}
		}
	}
	var columns []int
	for k, n := range changed {
		if n >= least && n*2 >= edited {
			columns = append(columns, k)
		}
	}
	return columns
}

// suspects returns the sets of columns whose change may explain the remaining rows: first those
// that seem to have been recalculated together, then each column alone, the most often changed
// first.
func (m *matching) suspects(old, now []int32, bits []float64) [][]int {
	n := min(len(old), len(now), suspectRows)
	differ := make([]int, len(m.salts)) // by column: how many of n cells differ
	for s := range n {
		i, j := int(old[s*len(old)/n]), int(now[s*len(now)/n])
		for k := range differ {
			if m.old.cell(i, k) != m.now.cell(j, k) {
				differ[k]++
			}
		}
	}
	most := mostly(differ, n)
	if len(most) == len(differ) {
		// The rows are not where they were: pair them by the column with the most information among
		// those that kept their values.
		var paired int
		differ, paired = m.differing(old, now, n, bits)
		most = mostly(differ, paired)
	}
	var sets [][]int
	if len(most) > 1 && n >= manyRows {
		sets = append(sets, most)
	}
	if len(m.replacedColumns) > 1 && n >= manyReplaced && (len(sets) == 0 || !slices.Equal(m.replacedColumns, most)) {
		sets = append(sets, m.replacedColumns)
	}
	single := make([]int, len(differ))
	for k := range single {
		single[k] = k
	}
	slices.SortStableFunc(single, func(a, b int) int { return cmp.Compare(differ[b], differ[a]) })
	for _, k := range single[:min(len(single), suspectColumns)] {
		sets = append(sets, []int{k})
	}
	return sets
}

// findReplacedColumns returns the columns in which most values are new, wherever their rows are.
func (m *matching) findReplacedColumns() []int {
	var columns []int
	for k, kept := range m.keptShare {
		if kept >= 0 && kept < 0.5 {
			columns = append(columns, k)
		}
	}
	return columns
}

// mostly returns the columns in which more than half of n cells differ.
func mostly(differ []int, n int) []int {
	var most []int
	for k, d := range differ {
		if d*2 > n {
			most = append(most, k)
		}
	}
	return most
}

// differing pairs n known rows with rows read by the column with the most information among those
// that kept most of their values. It returns the number of pairs, and by column how many of them
// differ.
func (m *matching) differing(old, now []int32, n int, bits []float64) (differ []int, pairs int) {
	differ = make([]int, len(m.salts))
	var best map[uint32]int32
	by := -1
	for k := range m.salts {
		if by >= 0 && bits[k] <= bits[by] {
			continue
		}
		partner := make(map[uint32]int32, n)
		for s := range n {
			if h := m.old.cell(int(old[s*len(old)/n]), k); h != 0 {
				partner[h] = noRow
			}
		}
		kept := 0
		for _, j := range now {
			h := m.now.cell(int(j), k)
			if partner[h] == noRow { // 0 if no known row has it
				partner[h] = j
				kept++
			}
		}
		if kept*2 > n {
			best, by = partner, k
		}
	}
	if by < 0 {
		return differ, 0
	}
	for s := range n {
		i := int(old[s*len(old)/n])
		j, ok := best[m.old.cell(i, by)]
		if !ok || j == noRow {
			continue
		}
		pairs++
		for k := range differ {
			if m.old.cell(i, k) != m.now.cell(int(j), k) {
				differ[k]++
			}
		}
	}
	return differ, pairs
}

// allBut matches rows in the same gap that are equal except in the given columns, if the other
// cells identify the row. The gap does not matter if most of the remaining rows match this way, or
// if recalculated says that these columns were recalculated.
//
// When chance matches are possible, a row must also be near its old position.
func (m *matching) allBut(without []int, w weights, recalculated bool) {
	old, now := m.unmatched()
	was, is := make([]uint64, len(old)), make([]uint64, len(now)) // by index in gaps
	telling := make([]int32, 0, len(old))
	for o, i := range old {
		if m.tells(int(i), without, w) {
			was[o] = m.sumBut(m.oldSums[i], m.old, int(i), without)
			telling = append(telling, int32(o))
		}
	}
	for n, j := range now {
		is[n] = m.sumBut(m.nowSums[j], m.now, int(j), without)
	}
	telling, alike := inBoth(telling, was, indexes(len(now)), is)
	by, chance := newHashIndex(was, telling), manyPairs(old, now)
	alike = slices.DeleteFunc(alike, func(n int32) bool { i, _ := by.only(is[n]); return i < 0 })
	if len(alike) == 0 || chance && by.repeated() > chanceShare {
		return
	}
	g := newGaps(m)
	g.rank()
	taken := newMatches(len(g.old)) // by known row: the row read
	// The second pass ignores gaps: if a column was recalculated and the sheet sorted by it, no
	// neighbours are left.
	explained := 0
	var rest []int // the other columns
	for k := range m.salts {
		if !slices.Contains(without, k) {
			rest = append(rest, k)
		}
	}
	for _, anywhere := range []bool{false, true} {
		for _, n := range alike {
			j := g.now[n]
			if m.oldOf[j] != noRow {
				continue
			}
			steps := 0
			if _, more := by.only(is[n]); more && len(without) > 1 {
				continue // correlated columns add up to many bits, but identify no row
			}
			for o := range by.free(is[n], taken) {
				here := g.same(o, int(n))
				if chance {
					here = here && g.apart(o, int(n)) <= nearReach
				}
				if (here || anywhere && (!chance || m.exactly(int(g.old[o]), int(j), rest))) && m.allowed(int(g.old[o]), int(j)) {
					taken[o] = n
					explained++
					break
				}
				if steps++; steps == chainCap {
					break
				}
			}
		}
		if anywhere && !recalculated && (explained < manyRows || explained*2 < min(len(g.old), len(g.now))) {
			break
		}
		var pairs [][2]int32
		for o, n := range taken {
			if n >= 0 && m.nowOf[g.old[o]] == noRow {
				pairs = append(pairs, [2]int32{g.old[o], g.now[n]})
			}
		}
		if m.replacement(pairs, without, w).identity {
			m.resolveReplaced(pairs, nil, without, w)
			continue
		}
		for _, p := range pairs {
			if m.mayBeReplaced[p[0]] {
				m.markAmbiguous(int(p[0]), int(p[1])) // as may the row in its place
				continue
			}
			m.match(int(p[0]), int(p[1]))
		}
	}
}

func (m *matching) sumBut(sum uint64, s side, i int, without []int) uint64 {
	for _, k := range without {
		if h := s.cell(i, k); h != 0 {
			sum -= printOf(m.salts[k], h)
		}
	}
	return sum
}

// tells reports whether the cells of a known row identify it without the given columns. If one of
// these is required, other required columns count no more than any other column.
func (m *matching) tells(i int, without []int, w weights) bool {
	told, bits := 0.0, w.bits
	if slices.ContainsFunc(without, func(k int) bool { return w.required[k] }) {
		bits = w.plain
	}
	for k, b := range bits {
		if m.old.cell(i, k) != 0 && !slices.Contains(without, k) {
			told += b
		}
	}
	return told >= tellingBits
}
