package detect

// NarrowFolds leaves so many bits of each folded hash of the reading, so that cells collide in a
// sheet of some thousand rows as often as they do in one of a million.
func (r *Reading) NarrowFolds(bits int) {
	lower := uint32(1)<<(32-bits) - 1
	for i, h := range r.folds {
		if h >= leastFold {
			r.folds[i] = max(h&^lower, leastFold) | h&formMask
		}
	}
}
