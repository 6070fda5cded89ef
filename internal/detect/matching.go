package detect

import (
	"slices"
	"strconv"
	"strings"
)

// matching records which known row is which row read. Both sides are indexes in sheet order.
type matching struct {
	old, now        side
	salts           []uint64 // hashes of the shared columns' names
	required        []bool   // by shared column: in Options.Require
	fixed           []bool   // by shared column: in Options.Require or Options.Key
	identity        []int    // the shared columns of Options.Require if all are shared, else empty
	columns         [2][]int // all shared columns of both sides, including volatile ones
	oldSums         []uint64 // fingerprints over the shared columns
	nowSums         []uint64
	oldOf           []int32          // by row read: its known row; noRow or isBack if none
	nowOf           []int32          // by known row: its row read; noRow if none
	likeOf          []int32          // by row read: the known row it may be; noRow or nil: none
	keptShare       []float64        // by shared column: see valuesKept
	changed         []int            // shared columns that may be volatile; see volatile
	fractions       []bool           // by column read: nearly all cells are fractions
	replacedColumns []int            // shared columns in which most remaining values are new
	ambiguous       map[int32]bool   // rows read that may be a known row or another typed over it
	mayBeReplaced   map[int32]bool   // the known rows of the ambiguous ones
	sameIdentity    map[int32]int32  // by row read: the known row with its identity but little else
	matched         map[uint64]int32 // matched rows read by folded fingerprint; nil: not computed
	unconfirmed     bool             // the previous read did not miss as many rows
	maybeRenamed    bool             // an unshared column may have been renamed; see renamed
	opts            Options
	// keysAllow reports whether known row i and row read j can be the same, judging by keys; nil:
	// always.
	keysAllow func(i, j int) bool
}

// side is one of the two lists of rows, restricted to the columns that both have.
type side struct {
	cells  []uint32 // as compared: exact hashes, or folded ones after [matching.fold]
	exact  []uint32
	folds  []uint32 // nil if unknown
	width  int      // cells per row
	shared []int    // indexes of the shared columns within a row
	n      int      // number of rows
}

func (s side) cell(i, k int) uint32 { return s.cells[i*s.width+s.shared[k]] }

func (s side) row(i int) []uint32 { return s.cells[i*s.width : (i+1)*s.width] }

// newMatching returns a matching of a cursor and a read, without any matches.
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
			m.identity = nil // a required column is missing, ignored or new
			break
		}
	}
	folded := c.Folds != nil
	m.oldSums, m.nowSums = m.exactSums(m.old, folded), m.exactSums(m.now, folded)
	return m
}

// sharedColumns returns the indexes in both lists of the names that both contain.
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

// Values for a row without a match.
const (
	noRow  = -1
	isBack = -2 // matched with a vanished row
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

// exactSums returns the rows' fingerprints over the shared columns, of exact and folded hashes if
// both sides have them: with 32 bits alone, some of a hundred thousand cells collide.
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

// unmatched returns the unmatched rows of both sides, in sheet order.
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

// exact matches equal rows anywhere. Among equal rows, neighbours decide first, then the order.
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

// matchEqual matches two rows if both exist, are unmatched, and are equal.
func (m *matching) matchEqual(i, j int) {
	if i >= 0 && i < m.old.n && m.nowOf[i] < 0 && m.oldOf[j] < 0 && m.oldSums[i] == m.nowSums[j] && m.allowed(i, j) {
		m.match(i, j)
	}
}

// silent reports whether the only content of a row read is in columns that the last read did not
// have.
func (m *matching) silent(j int) bool {
	for k := range m.now.shared {
		if m.now.cell(j, k) != 0 {
			return false
		}
	}
	return true
}

// differ reports whether two rows differ in a shared column, even if only by tidying, and whether
// in one that is not volatile.
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

// differences names the columns in which a row read differs from a known one, or returns "". For
// columns that may change on their own it adds what to do.
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
		return ": " + names[0] + " differs; if it changes on its own, add ignore: [" + names[0] + "]"
	case n == 1:
		return ": " + names[0] + " differs"
	case n <= most:
		s := ": " + strings.Join(names[:n-1], ", ") + " and " + names[n-1] + " differ"
		if changed {
			s += "; if they change on their own, add ignore: [" + strings.Join(names, ", ") + "]"
		}
		return s
	default:
		return ": " + strings.Join(names[:most], ", ") + " and " + strconv.Itoa(n-most) + " more columns differ"
	}
}

// original returns the matched row read, by index, of which unmatched row j is a copy, or noRow.
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

// gone returns the number of known rows without a match.
func (m *matching) gone() int {
	n := 0
	for _, j := range m.nowOf {
		if j < 0 {
			n++
		}
	}
	return n
}
