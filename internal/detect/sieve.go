package detect

import "math/bits"

// sieve is a bit set that tells which hashes are surely not in a set. For a million hashes it takes
// two megabytes and lets about one in sixteen of all others pass. What it stops needs no place in a
// hash table.
type sieve struct {
	bits  []uint64
	shift uint8 // of a hash, so that it is a bit
}

// newSieve returns the sieve of an empty set that is to hold up to n hashes.
func newSieve(n int) sieve {
	size := max(bits.Len(uint(16*n)), 6)
	return sieve{bits: make([]uint64, 1<<(size-6)), shift: uint8(64 - size)}
}

func (s sieve) at(h uint64) (word *uint64, bit uint64) {
	at := h * golden >> s.shift
	return &s.bits[at>>6], 1 << (at & 63)
}

func (s sieve) add(h uint64) {
	word, bit := s.at(h)
	*word |= bit
}

func (s sieve) has(h uint64) bool {
	word, bit := s.at(h)
	return *word&bit != 0
}

// inBoth returns the rows of two sides whose sums may be on the other side too. The sums are by row.
func inBoth(old []int32, oldSums []uint64, now []int32, nowSums []uint64) (oldToo, nowToo []int32) {
	oldToo = among(old, oldSums, now, nowSums)
	return oldToo, among(now, nowSums, oldToo, oldSums)
}

// among returns the rows whose sums may be those of others.
func among(rows []int32, sums []uint64, others []int32, otherSums []uint64) []int32 {
	s := newSieve(len(others))
	for _, i := range others {
		s.add(otherSums[i])
	}
	var in []int32
	for _, i := range rows {
		if s.has(sums[i]) {
			in = append(in, i)
		}
	}
	return in
}

// indexes returns the numbers below n.
func indexes(n int) []int32 {
	all := make([]int32, n)
	for i := range all {
		all[i] = int32(i)
	}
	return all
}
