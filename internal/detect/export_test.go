package detect

// NarrowFolds keeps the given number of bits of each folded hash, so that cells of a sheet with
// thousands of rows collide as often as in one with a million.
func (r *Reading) NarrowFolds(bits int) {
	lower := uint32(1)<<(32-bits) - 1
	for i, h := range r.folds {
		if h >= leastFold {
			r.folds[i] = max(h&^lower, leastFold) | h&formMask
		}
	}
}
