package detect

import "slices"

// byKey matches rows of the same key, and from then on forbids pairs that keys tell apart.
func (m *matching) byKey(c Cursor, rd *reading) {
	chain := newChains(c.RowKeys, rowsOf(c.RowKeys))
	// Of several rows of one key those of the same content are the same, then those in the same order.
	for _, equal := range []bool{true, false} {
		for j, key := range rd.keys {
			if key == 0 || m.oldOf[j] >= 0 {
				continue
			}
			steps := 0
			for i := range chain.free(key, m.nowOf) {
				if !equal || m.oldSums[i] == m.nowSums[j] {
					m.match(i, j)
					break
				}
				if steps++; steps == chainCap {
					break
				}
			}
		}
	}
	m.may = func(i, j int) bool {
		key := rd.keys[j]
		if key == 0 {
			return true // its key was cleared, or never was
		}
		_, seen := slices.BinarySearch(c.Keys, key)
		return c.keyOf(i) == 0 && !seen // its key was filled in
	}
}
