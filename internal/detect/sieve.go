package detect

import "math/bits"

// sieve is a Bloom filter with one hash function: it rules out most hashes that are not in a set,
// so that they need no place in a hash table. For a million hashes it takes two megabytes and lets
// about one in sixteen others pass.
type sieve struct {
	bits  []uint64
	shift uint8 // right shift of a hash that gives its bit
}

// newSieve returns an empty sieve for up to n hashes.
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

// inBoth returns the rows of each side whose sums may also occur on the other side. The sums are by
// row.
func inBoth(old []int32, oldSums []uint64, now []int32, nowSums []uint64) (oldToo, nowToo []int32) {
	oldToo = among(old, oldSums, now, nowSums)
	return oldToo, among(now, nowSums, oldToo, oldSums)
}

// among returns the rows whose sums may be among those of others.
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

// indexes returns 0 to n-1.
func indexes(n int) []int32 {
	all := make([]int32, n)
	for i := range all {
		all[i] = int32(i)
	}
	return all
}
