package detect

import "math/bits"

// hashIndex lists rows by a sum, in sheet order. It is a hash table of row numbers alone, for sheets
// of a million rows: 10 to 16 bytes a row, where a Go map of slices takes a hundred.
type hashIndex struct {
	sums  []uint64 // by row
	rows  []int32
	slots []int32 // by hash, probed in turn: the first row of a sum, by index in rows plus one; 0: none
	next  []int32 // by index in rows: the next one of the same sum, by index plus one; 0: none
	shift uint8   // of a hash, so that it is a slot
}

// golden is 2^64 divided by the golden ratio. Sums may differ in high bits alone; the product with it
// brings all of them into the highest bits.
const golden = 0x9e3779b97f4a7c15

// newHashIndex lists rows, which are in sheet order. sums has the sum of each, by row.
func newHashIndex(sums []uint64, rows []int32) *hashIndex {
	size := bits.Len(uint(len(rows) + len(rows)/2)) // a third of the slots or more stay free
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

// slot returns the slot that a sum has, or would have.
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

// only returns the row of a sum if it is the only one; several tells that there are more.
func (c *hashIndex) only(sum uint64) (row int, several bool) {
	s := *c.slot(sum)
	if s == 0 {
		return noRow, false
	}
	return int(c.rows[s-1]), c.next[s-1] != 0
}

// free yields the rows of a sum that have no match yet. It drops matched ones at the chain's head
// for good, so that long chains of equal rows cost each row once; the last one stays, to hold the
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

// repeated returns the part of the rows that have the sum of an earlier one.
func (c *hashIndex) repeated() float64 {
	n := 0
	for _, at := range c.next {
		if at != 0 {
			n++
		}
	}
	return float64(n) / float64(max(len(c.rows), 1))
}
