package detect

import (
	"cmp"
	"math/bits"
	"slices"
	"sort"
)

const (
	// nearReach is how many rows around its own position in a gap a row is compared with.
	nearReach = 6
	// sharedCap bounds the known rows listed for one cell. A row is compared with no more than
	// these, including the ones at its position.
	sharedCap = 2*(2*nearReach+1) + 2*candidateCap
	// rareCell is how many known rows may share a cell for it to suggest candidates when chance
	// matches are possible.
	rareCell = 256
)

// cellIndex finds the unmatched known rows that share a cell with a row read, or are at about the
// same position. It lists only cells that both sides have.
type cellIndex struct {
	columns []cellColumn
	chance  bool // chance matches are possible
}

// cellColumn lists the cells of a shared column by value.
type cellColumn struct {
	values []uint32 // ascending
	starts []int32  // by upper bits of a value: start in values; and the end
	shift  uint8
	sizes  []int32 // by value: number of known rows that have it
	from   []int32 // by value: start in rows, which has the first sharedCap of them; and the end
	rows   []int32 // indexes in gaps.old
}

// sharedCell is a cell of a row read that known rows have too.
type sharedCell struct {
	size int32   // number of known rows
	rows []int32 // the first of them, as indexes in gaps.old
}

type span struct{ from, to int32 }

func newCellIndex(m *matching, g *gaps, chance bool) *cellIndex {
	x := &cellIndex{columns: make([]cellColumn, len(m.salts)), chance: chance}
	most := int32(m.old.n)
	if chance {
		most = rareCell
	}
	var cells []uint64 // of one column: the cell, then the row's index in gaps.old
	for k := range x.columns {
		read := newSieve(len(g.now))
		for _, j := range g.now {
			read.add(uint64(m.now.cell(int(j), k)))
		}
		cells = cells[:0]
		for o, i := range g.old {
			if h := m.old.cell(int(i), k); h != 0 && read.has(uint64(h)) {
				cells = append(cells, uint64(h)<<32|uint64(o))
			}
		}
		slices.Sort(cells)
		x.columns[k] = newCellColumn(cells, most)
	}
	return x
}

// newCellColumn lists the sorted cells that at most the given number of rows share.
func newCellColumn(cells []uint64, most int32) cellColumn {
	var c cellColumn
	for len(cells) > 0 {
		h := uint32(cells[0] >> 32)
		n := sort.Search(len(cells), func(at int) bool { return uint32(cells[at]>>32) > h })
		if int32(n) <= most {
			c.values, c.sizes, c.from = append(c.values, h), append(c.sizes, int32(n)), append(c.from, int32(len(c.rows)))
			for _, cell := range cells[:min(n, sharedCap)] {
				c.rows = append(c.rows, int32(cell))
			}
		}
		cells = cells[n:]
	}
	c.from = append(c.from, int32(len(c.rows)))
	size := bits.Len(uint(len(c.values)))
	c.shift = uint8(32 - size)
	c.starts = make([]int32, 1<<size+1)
	for _, h := range c.values {
		c.starts[h>>c.shift+1]++
	}
	for at := range c.starts[1:] {
		c.starts[at+1] += c.starts[at]
	}
	return c
}

func cellKey(k int, h uint32) uint64 { return uint64(k)<<32 | uint64(h) }

// of returns the known rows with the given cell.
func (c *cellColumn) of(h uint32) (s sharedCell, ok bool) {
	for at := c.starts[h>>c.shift]; at < c.starts[h>>c.shift+1]; at++ {
		if c.values[at] == h {
			return sharedCell{c.sizes[at], c.rows[c.from[at]:c.from[at+1]]}, true
		}
	}
	return sharedCell{}, false
}

// equalTo returns the span of v in ascending values; ok is false if there is none.
func equalTo(values []int32, v int32) (s span, ok bool) {
	from, ok := slices.BinarySearch(values, v)
	to := from + sort.Search(len(values)-from, func(n int) bool { return values[from+n] > v })
	return span{int32(from), int32(to)}, ok
}

// near calls try for the known rows in the gap of row n that are at about the same position,
// counted from both ends of the gap.
func (x *cellIndex) near(g *gaps, n int, try func(o int)) {
	if s, ok := equalTo(g.oldPrev, g.nowPrev[n]); ok {
		x.around(s, s.from+g.nowRank[n], try)
	}
	if s, ok := equalTo(g.oldNext, g.nowNext[n]); ok {
		left := int32(0) // unmatched rows from this one to the end of its gap
		for at := n; at+1 < len(g.now) && left < nearReach && g.nowNext[at+1] == g.nowNext[n]; at++ {
			left++
		}
		if left < nearReach || !x.chance {
			x.around(s, s.to-1-left, try)
		}
	}
}

func (x *cellIndex) around(s span, at int32, try func(o int)) {
	at = min(max(at, s.from), s.to-1)
	for o := max(s.from, at-nearReach); o < min(s.to, at+nearReach+1); o++ {
		try(int(o))
	}
}

// rarest returns the cells of row j that known rows share, rarest first.
func (x *cellIndex) rarest(m *matching, j int, into []sharedCell) []sharedCell {
	into = into[:0]
	for k := range x.columns {
		if h := m.now.cell(j, k); h != 0 {
			if s, ok := x.columns[k].of(h); ok {
				into = append(into, s)
			}
		}
	}
	slices.SortFunc(into, func(a, b sharedCell) int { return cmp.Compare(a.size, b.size) })
	return into
}
