package detect

import (
	"cmp"
	"slices"
	"sort"
)

// nearReach is how far around its own place in a gap a row is compared with known rows.
const nearReach = 6

// cellIndex finds the known rows without a match that share a cell with a row read, or stand at a
// like place.
type cellIndex struct {
	keys []uint64 // the cells that there are, each once, ascending
	from []int32  // by key: where its rows begin; the end of the last one follows
	rows []int32  // indexes in gaps.old
	by   *chains  // indexes of keys
}

type span struct{ from, to int32 }

func newCellIndex(m *matching, g *gaps) *cellIndex {
	type cell struct {
		key uint64
		o   int32 // index in gaps.old
	}
	cells := make([]cell, 0, len(g.old)*len(m.salts))
	for o, i := range g.old {
		for k := range m.salts {
			if h := m.old.cell(int(i), k); h != 0 {
				cells = append(cells, cell{cellKey(k, h), int32(o)})
			}
		}
	}
	slices.SortFunc(cells, func(a, b cell) int { return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.o, b.o)) })
	different := 0
	for at, c := range cells {
		if at == 0 || c.key != cells[at-1].key {
			different++
		}
	}
	x := &cellIndex{
		keys: make([]uint64, 0, different), from: make([]int32, 0, different+1),
		rows: make([]int32, len(cells)),
	}
	for at, c := range cells {
		if at == 0 || c.key != cells[at-1].key {
			x.keys, x.from = append(x.keys, c.key), append(x.from, int32(at))
		}
		x.rows[at] = c.o
	}
	x.from = append(x.from, int32(len(cells)))
	all := make([]int32, different)
	for k := range all {
		all[k] = int32(k)
	}
	x.by = newChains(x.keys, all)
	return x
}

func cellKey(k int, h uint32) uint64 { return uint64(k)<<32 | uint64(h) }

// of returns where in rows those are that have a row read's cell of column k.
func (x *cellIndex) of(m *matching, j, k int) span {
	h := m.now.cell(j, k)
	if h == 0 {
		return span{}
	}
	at, _ := x.by.only(cellKey(k, h))
	if at < 0 {
		return span{}
	}
	return span{x.from[at], x.from[at+1]}
}

// equalTo returns where in ascending values one of them stands; ok is false if it does not.
func equalTo(values []int32, v int32) (s span, ok bool) {
	from, ok := slices.BinarySearch(values, v)
	to := from + sort.Search(len(values)-from, func(n int) bool { return values[from+n] > v })
	return span{int32(from), int32(to)}, ok
}

// near tries the known rows of a row's gap that stand about where it does, counted from the gap's
// start and end.
func (x *cellIndex) near(g *gaps, n int, try func(o int)) {
	if s, ok := equalTo(g.oldPrev, g.nowPrev[n]); ok {
		x.around(s, s.from+g.nowRank[n], try)
	}
	if s, ok := equalTo(g.oldNext, g.nowNext[n]); ok {
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
	var room [64]int32
	sizes := append(room[:0], make([]int32, len(m.salts))...)
	for k := range sizes {
		s := x.of(m, j, k)
		if sizes[k] = s.to - s.from; sizes[k] > 0 {
			into = append(into, k)
		}
	}
	slices.SortFunc(into, func(a, b int) int { return cmp.Compare(sizes[a], sizes[b]) })
	return into
}

// sharing returns the known rows, by index in gaps.old, that share the row's cell of column k.
func (x *cellIndex) sharing(m *matching, j, k int) []int32 {
	s := x.of(m, j, k)
	return x.rows[s.from:s.to]
}
