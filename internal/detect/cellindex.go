package detect

import (
	"cmp"
	"slices"
)

// nearReach is how far around its own place in a gap a row is compared with known rows.
const nearReach = 6

// cellIndex finds the known rows without a match that share a cell with a row read, or stand at a like place.
type cellIndex struct {
	sorted []indexed
	starts map[uint64]span
	byPrev map[int32]span // rows of a gap, by the known row before it and after it: spans of gaps.old
	byNext map[int32]span
}

type indexed struct {
	key uint64
	o   int32 // index in gaps.old
}

type span struct{ from, to int32 }

func newCellIndex(m *matching, g *gaps) *cellIndex {
	x := &cellIndex{byPrev: map[int32]span{}, byNext: map[int32]span{}}
	x.sorted = make([]indexed, 0, len(g.old)*len(m.salts))
	for o, i := range g.old {
		for k := range m.salts {
			if h := m.old.cell(int(i), k); h != 0 {
				x.sorted = append(x.sorted, indexed{cellKey(k, h), int32(o)})
			}
		}
		x.byPrev[g.oldPrev[o]] = grow(x.byPrev[g.oldPrev[o]], int32(o))
		x.byNext[g.oldNext[o]] = grow(x.byNext[g.oldNext[o]], int32(o))
	}
	slices.SortFunc(x.sorted, func(a, b indexed) int { return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.o, b.o)) })
	x.starts = make(map[uint64]span, len(x.sorted))
	for from := 0; from < len(x.sorted); {
		to := from + 1
		for to < len(x.sorted) && x.sorted[to].key == x.sorted[from].key {
			to++
		}
		x.starts[x.sorted[from].key] = span{int32(from), int32(to)}
		from = to
	}
	return x
}

func cellKey(k int, h uint32) uint64 { return uint64(k)<<32 | uint64(h) }

func grow(s span, o int32) span {
	if s.to == 0 {
		s.from = o
	}
	s.to = o + 1
	return s
}

// near tries the known rows of a row's gap that stand about where it does, counted from the gap's start and end.
func (x *cellIndex) near(g *gaps, n int, try func(o int)) {
	if s, ok := x.byPrev[g.nowPrev[n]]; ok {
		x.around(s, s.from+g.nowRank[n], try)
	}
	if s, ok := x.byNext[g.nowNext[n]]; ok {
		left := int32(0) // rows without a match from this one to the end of its gap
		for at := n; at+1 < len(g.now) && left < nearReach && g.nowNext[at+1] == g.nowNext[n]; at++ {
			left++
		}
		x.around(s, s.to-1-left, try)
	}
}

func (x *cellIndex) around(s span, at int32, try func(o int)) {
	at = min(max(at, s.from), s.to-1)
	for o := max(s.from, at-nearReach); o < min(s.to, at+nearReach+1); o++ {
		try(int(o))
	}
}

// rarest returns the columns whose cell the row read shares with a known row, rarest cell first.
func (x *cellIndex) rarest(m *matching, j int, into []int) []int {
	into = into[:0]
	for k := range m.salts {
		if h := m.now.cell(j, k); h != 0 && x.starts[cellKey(k, h)].to > 0 {
			into = append(into, k)
		}
	}
	size := func(k int) int32 { s := x.starts[cellKey(k, m.now.cell(j, k))]; return s.to - s.from }
	slices.SortFunc(into, func(a, b int) int { return cmp.Compare(size(a), size(b)) })
	return into
}

// rows returns the known rows, by index in gaps.old, that share the row's cell of column k.
func (x *cellIndex) rows(m *matching, j, k int) func(yield func(int, int32) bool) {
	s := x.starts[cellKey(k, m.now.cell(j, k))]
	return func(yield func(int, int32) bool) {
		for i, e := range x.sorted[s.from:s.to] {
			if !yield(i, e.o) {
				return
			}
		}
	}
}
