package detect

import "math/bits"

// hashIndex finds rows by a sum, in sheet order. It is a hash table of row numbers for sheets of a
// million rows: 10 to 16 bytes a row, where a Go map of slices needs a hundred.
type hashIndex struct {
	sums  []uint64 // by row
	rows  []int32
	slots []int32 // by hash, probed linearly: a sum's first index in rows, plus one; 0: free
	next  []int32 // by index in rows: the next row with the same sum, plus one; 0: none
	shift uint8   // right shift of a hash that gives its slot
}

// golden is 2^64 divided by the golden ratio. Multiplying by it spreads all bits of a sum into the
// highest ones, even if sums differ only in high bits.
const golden = 0x9e3779b97f4a7c15

// newHashIndex returns the index of rows, which are in sheet order. sums holds the sum of each row.
func newHashIndex(sums []uint64, rows []int32) *hashIndex {
	size := bits.Len(uint(len(rows) + len(rows)/2)) // at least a third of the slots stay free
	c := &hashIndex{
		sums: sums, rows: rows, shift: uint8(64 - size),
		slots: make([]int32, 1<<size), next: make([]int32, len(rows)),
	}
	for at := len(rows) - 1; at >= 0; at-- {
		s := c.slot(sums[rows[at]])
		c.next[at] = *s
		*s = int32(at + 1)
	}
	return c
}

// slot returns the slot that a sum has or would get.
func (c *hashIndex) slot(sum uint64) *int32 {
	at := int(sum * golden >> c.shift)
	for {
		s := &c.slots[at]
		if *s == 0 || c.sums[c.rows[*s-1]] == sum {
			return s
		}
		if at++; at == len(c.slots) {
			at = 0
		}
	}
}

// only returns the first row with a sum, or noRow; several means that there are more.
func (c *hashIndex) only(sum uint64) (row int, several bool) {
	s := *c.slot(sum)
	if s == 0 {
		return noRow, false
	}
	return int(c.rows[s-1]), c.next[s-1] != 0
}

// free yields the unmatched rows with a sum. It permanently drops matched rows at the head of the
// chain, so that a long chain of equal rows costs each row once; the last one stays, to hold the
// slot.
func (c *hashIndex) free(sum uint64, matched []int32) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		s := c.slot(sum)
		if *s == 0 {
			return
		}
		for matched[c.rows[*s-1]] >= 0 && c.next[*s-1] != 0 {
			*s = c.next[*s-1]
		}
		for at := *s; at != 0; at = c.next[at-1] {
			if i := int(c.rows[at-1]); matched[i] < 0 && !yield(i) {
				return
			}
		}
	}
}

// repeated returns the share of rows that have the same sum as an earlier one.
func (c *hashIndex) repeated() float64 {
	n := 0
	for _, at := range c.next {
		if at != 0 {
			n++
		}
	}
	return float64(n) / float64(max(len(c.rows), 1))
}
