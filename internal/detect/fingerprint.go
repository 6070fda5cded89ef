package detect

import (
	"math"

	"github.com/cespare/xxhash/v2"

	"github.com/rowtap/rowtap/internal/row"
)

// All hashes here are stored in state files: changing one needs a new format version in encode.go.

const (
	numberSalt = 0x6e756d6265720001
	boolSalt   = 0x626f6f6c65616e02

	// Reserved hashes for cells with a special meaning; no other cell has them.
	errorHash = 1 // any error: #N/A may become #REF! or Loading… without an edit
	falseHash = 2 // an unticked checkbox
	ownHashes = 3 // smallest hash of other cells
)

// mix is the finalizer of SplitMix64 (https://prng.di.unimi.it/splitmix64.c), a bijection.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// hashCell returns 32 bits of hash of a cell's kind and value; only blank cells give 0. A Number
// and a Date with the same serial hash alike, because only a second request tells the two apart.
func hashCell(c row.Cell) uint32 {
	var h uint64
	switch c.Kind {
	case row.Text:
		if c.Blank() {
			return 0
		}
		if c.ErrorText() {
			return errorHash
		}
		h = xxhash.Sum64String(c.Text)
	case row.Number, row.Date:
		h = mix(math.Float64bits(c.Num+0) + numberSalt) // + 0 turns -0 into 0
	case row.Bool:
		if c.Num == 0 {
			return falseHash
		}
		h = mix(math.Float64bits(c.Num) + boolSalt)
	case row.Blank:
		return 0
	}
	f := uint32(h ^ h>>32)
	if f < ownHashes {
		return f + ownHashes
	}
	return f
}

// hashName returns the part of a column's name in the fingerprints of its rows.
func hashName(name string) uint64 { return xxhash.Sum64String(name) }

func hashNames(names []string) []uint64 {
	hashes := make([]uint64, len(names))
	for i, name := range names {
		hashes[i] = hashName(name)
	}
	return hashes
}

// printOf returns the part of a cell in its row's fingerprint. The cell must not be blank.
func printOf(name uint64, cell uint32) uint64 {
	return mix(name + uint64(cell)*0x9e3779b97f4a7c15)
}
