package detect

import (
	"slices"
	"strconv"
	"strings"
)

// matching says which known row is which row of a read. Both sides are indexes in sheet order.
type matching struct {
	old, now        side
	salts           []uint64 // hashes of the shared columns' names
	required        []bool   // by shared column: it is one of Options.Require
	fixed           []bool   // by shared column: it is one of Options.Require or Options.Key
	identity        []int    // the shared columns of Options.Require if all of them are shared; else empty
	columns         [2][]int // all shared columns of the two sides, volatile ones too
	oldSums         []uint64 // fingerprints over the shared columns
	nowSums         []uint64
	oldOf           []int32          // by row read: the known row that it is; noRow or isBack
	nowOf           []int32          // by known row: the row read that it is; noRow: none
	likeOf          []int32          // by row read: the known row that it may be; noRow: none; nil: none for any
	keptShare       []float64        // by shared column: see valuesKept
	changed         []int            // shared columns that may be volatile: see [matching.volatile]
	fractions       []bool           // by column read: it holds fractions
	replacedColumns []int            // shared columns whose values are mostly others, of the rows that edits begins with
	ambiguous       map[int32]bool   // rows read that may be the known row as well as another one typed in its place
	mayBeReplaced   map[int32]bool   // the known rows that these may be
	sameIdentity    map[int32]int32  // by row read: the known row of its identity, of which it has little else
	matched         map[uint64]int32 // rows read that have a match, by fingerprint of their folded cells; nil: not asked for yet
	unconfirmed     bool             // a read of which half of the known rows are gone is not believed: none before agrees
	maybeRenamed    bool             // a column that is not shared may be there under another name: see renamed
	opts            Options
	// keysAllow tells which pairs keys do not tell apart; nil: all.
	keysAllow func(i, j int) bool
}

// side is one of the two lists of rows, seen through the columns that both have.
type side struct {
	cells  []uint32 // as they are compared: exact hashes, and once [matching.fold] is through, folded ones
	exact  []uint32
	folds  []uint32 // nil: unknown
	width  int      // cells of a row
	shared []int    // indexes within a row of the shared columns
	n      int      // rows
}

func (s side) cell(i, k int) uint32 { return s.cells[i*s.width+s.shared[k]] }

func (s side) row(i int) []uint32 { return s.cells[i*s.width : (i+1)*s.width] }

// newMatching returns the empty matching of what is known and what was read.
func newMatching(c Cursor, rd *reading) *matching {
	m := &matching{
		old:       side{cells: c.Cells, exact: c.Cells, folds: c.Folds, width: len(c.Columns), n: len(c.Rows)},
		now:       side{cells: rd.cells, exact: rd.cells, folds: rd.folds, width: len(rd.columns), n: len(rd.rows)},
		oldOf:     newMatches(len(rd.rows)),
		nowOf:     newMatches(len(c.Rows)),
		opts:      rd.opts,
		fractions: rd.fractions,
	}
	m.old.shared, m.now.shared = sharedColumns(c.Columns, rd.columns)
	m.renamed()
	for _, k := range m.now.shared {
		m.salts = append(m.salts, hashName(rd.columns[k]))
	}
	m.columns = [2][]int{m.old.shared, m.now.shared}
	m.required, m.fixed = make([]bool, len(m.salts)), make([]bool, len(m.salts))
	for k, now := range m.now.shared {
		m.fixed[k] = slices.Contains(rd.require, rd.at[now]) || slices.Contains(rd.key, rd.at[now])
		if slices.Contains(rd.require, rd.at[now]) {
			m.required[k] = true
			m.identity = append(m.identity, k)
		}
	}
	for _, col := range rd.require {
		if !slices.ContainsFunc(m.identity, func(k int) bool { return rd.at[m.now.shared[k]] == col }) {
			m.identity = nil // it is not there, ignored, or new
			break
		}
	}
	folded := c.Folds != nil
	m.oldSums, m.nowSums = m.exactSums(m.old, folded), m.exactSums(m.now, folded)
	return m
}

// sharedColumns returns the indexes, in both lists, of the names that both hold.
func sharedColumns(old, now []string) (inOld, inNow []int) {
	where := make(map[string]int, len(old))
	for i, name := range old {
		where[name] = i
	}
	for k, name := range now {
		if i, ok := where[name]; ok {
			inOld, inNow = append(inOld, i), append(inNow, k)
		}
	}
	return inOld, inNow
}

// What a row without a match has in place of one.
const (
	noRow  = -1
	isBack = -2 // it is a row that had vanished
)

func newMatches(n int) []int32 {
	of := make([]int32, n)
	for i := range of {
		of[i] = noRow
	}
	return of
}

// sums returns the rows' fingerprints over the shared columns.
func (m *matching) sums(s side) []uint64 {
	out := make([]uint64, s.n)
	for i := range out {
		cells := s.cells[i*s.width : (i+1)*s.width]
		var sum uint64
		for k, at := range s.shared {
			if h := cells[at]; h != 0 {
				sum += printOf(m.salts[k], h)
			}
		}
		out[i] = sum
	}
	return out
}

// exactSums returns the rows' fingerprints over the shared columns, of exact and folded hashes
// where both sides have them: the 32 bits of one alone are the same for some of a hundred thousand
// cells.
func (m *matching) exactSums(s side, folded bool) []uint64 {
	if !folded {
		return m.sums(s)
	}
	out := make([]uint64, s.n)
	for i := range out {
		at := i * s.width
		var sum uint64
		for k, col := range s.shared {
			if h := s.exact[at+col]; h != 0 {
				sum += mix(m.salts[k] + (uint64(s.folds[at+col])<<32|uint64(h))*0x9e3779b97f4a7c15)
			}
		}
		out[i] = sum
	}
	return out
}

func (m *matching) match(i, j int) {
	m.oldOf[j], m.nowOf[i] = int32(i), int32(j)
}

func (m *matching) allowed(i, j int) bool {
	return (m.keysAllow == nil || m.keysAllow(i, j)) && !m.notHalfTyped(i, j)
}

// unmatched returns the rows of both sides that have no match yet, in sheet order.
func (m *matching) unmatched() (old, now []int32) {
	return withoutMatch(m.nowOf), withoutMatch(m.oldOf)
}

func withoutMatch(of []int32) []int32 {
	n := 0
	for _, o := range of {
		if o == noRow {
			n++
		}
	}
	left := make([]int32, 0, n)
	for i, o := range of {
		if o == noRow {
			left = append(left, int32(i))
		}
	}
	return left
}

// strip matches the common head and the common tail.
func (m *matching) strip() {
	o, n := m.oldSums, m.nowSums
	head := 0
	for head < min(len(o), len(n)) && o[head] == n[head] {
		m.match(head, head)
		head++
	}
	for i, j := len(o)-1, len(n)-1; i >= head && j >= head && o[i] == n[j]; i, j = i-1, j-1 {
		m.match(i, j)
	}
}

// exact matches equal rows wherever they stand. Which of several equal rows is which follows their
// neighbours, then their order.
func (m *matching) exact() {
	old, now := m.unmatched()
	old, now = inBoth(old, m.oldSums, now, m.nowSums)
	if len(old) == 0 || len(now) == 0 {
		return
	}
	groups, read := newHashIndex(m.oldSums, old), newHashIndex(m.nowSums, now)
	repeated := false
	for _, j := range now {
		i, several := groups.only(m.nowSums[j])
		if i >= 0 && !several {
			_, several = read.only(m.nowSums[j])
		}
		switch {
		case i < 0:
		case several:
			repeated = true
		case m.allowed(i, int(j)):
			m.match(i, int(j))
		}
	}
	if !repeated {
		return
	}
	for _, j := range now {
		i := -1
		if j > 0 {
			i = int(m.oldOf[j-1])
		}
		if j == 0 || i >= 0 {
			m.matchEqual(i+1, int(j))
		}
	}
	for _, j := range slices.Backward(now) {
		i := m.old.n
		if int(j) < m.now.n-1 {
			i = int(m.oldOf[j+1])
		}
		m.matchEqual(i-1, int(j))
	}
	for _, j := range now {
		if m.oldOf[j] >= 0 {
			continue
		}
		steps := 0
		for i := range groups.free(m.nowSums[j], m.nowOf) {
			if m.allowed(i, int(j)) {
				m.match(i, int(j))
				break
			}
			if steps++; steps == chainCap {
				break
			}
		}
	}
}

// matchEqual matches two rows if both are there, free and equal.
func (m *matching) matchEqual(i, j int) {
	if i >= 0 && i < m.old.n && m.nowOf[i] < 0 && m.oldOf[j] < 0 && m.oldSums[i] == m.nowSums[j] && m.allowed(i, j) {
		m.match(i, j)
	}
}

// silent tells whether a row read says nothing but in columns that were not there at the last read.
func (m *matching) silent(j int) bool {
	for k := range m.now.shared {
		if m.now.cell(j, k) != 0 {
			return false
		}
	}
	return true
}

// differ tells whether two rows differ in a shared column, be it in what tidying changes alone, and
// whether they do so in one that is not volatile.
func (m *matching) differ(i, j int) (differ, look bool) {
	other := func(old, now int) bool { return m.old.exact[i*m.old.width+old] != m.now.exact[j*m.now.width+now] }
	for k := range m.salts {
		if other(m.old.shared[k], m.now.shared[k]) {
			return true, true
		}
	}
	if len(m.columns[0]) > len(m.salts) {
		for k, old := range m.columns[0] {
			if other(old, m.columns[1][k]) {
				return true, false
			}
		}
	}
	return false, false
}

// differences says which columns tell a row read from a known one; "" if none does. Of columns that
// may change by themselves it says what to do.
func (m *matching) differences(i, j int, rd *reading) string {
	const most = 3
	var names []string
	lone, changed := noRow, true
	for k, at := range m.now.shared {
		if m.old.cell(i, k) != m.now.cell(j, k) {
			names, lone = append(names, rd.columns[at]), k
			changed = changed && slices.Contains(m.changed, k)
		}
	}
	switch n := len(names); {
	case n == 0:
		return ""
	case n == 1 && !m.fixed[lone]:
		return ": " + names[0] + " differs; if it changes by itself, add ignore: [" + names[0] + "]"
	case n == 1:
		return ": " + names[0] + " differs"
	case n <= most:
		s := ": " + strings.Join(names[:n-1], ", ") + " and " + names[n-1] + " differ"
		if changed {
			s += "; if they change by themselves, add ignore: [" + strings.Join(names, ", ") + "]"
		}
		return s
	default:
		return ": " + strings.Join(names[:most], ", ") + " and " + strconv.Itoa(n-most) + " more columns differ"
	}
}

// original returns the row read, by index, that a row without a match is a copy of: it was there
// before, and has the same cells. noRow: there is none.
func (m *matching) original(j int) int {
	if m.matched == nil {
		m.matched = make(map[uint64]int32, len(m.nowOf))
		for j, i := range m.oldOf {
			if i >= 0 {
				m.matched[m.foldSum(j)] = int32(j)
			}
		}
	}
	if at, ok := m.matched[m.foldSum(j)]; ok {
		return int(at)
	}
	return noRow
}

// foldSum returns the fingerprint of a row's folded cells.
func (m *matching) foldSum(j int) uint64 {
	var sum uint64
	for k, at := range m.columns[1] {
		if h := m.now.folds[j*m.now.width+at]; h != 0 {
			sum += printOf(uint64(k), h)
		}
	}
	return sum
}

// gone counts the known rows that have no match.
func (m *matching) gone() int {
	n := 0
	for _, j := range m.nowOf {
		if j < 0 {
			n++
		}
	}
	return n
}
