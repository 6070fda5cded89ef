package detect

import "slices"

// comeBack finds the rows without a match that are rows which had vanished.
func (b *builder) comeBack(m *matching) {
	oldest := b.now.Add(-goneFor).Unix()
	by := make(map[uint64][]int, len(b.old.Gone))
	for g, gone := range b.old.Gone {
		if gone.At > oldest {
			by[gone.Sum] = append(by[gone.Sum], g)
		}
	}
	b.back = map[int32]Gone{}
	returned := make(map[int]bool)
	salts, before := hashNames(b.rd.columns), hashNames(b.rd.former)
	for j, i := range m.oldOf {
		if i != noRow || len(by) == 0 {
			continue
		}
		var key uint64
		if b.keyed() {
			key = b.rd.keyOf(j)
		}
		sum := goneSum(key, salts, b.rd.hashes(j))
		if len(by[sum]) == 0 && b.rd.former != nil { // vanished before this release gave its columns other names
			sum = goneSum(key, before, b.rd.hashes(j))
		}
		if list := by[sum]; len(list) > 0 {
			b.back[int32(j)] = b.old.Gone[list[0]]
			returned[list[0]] = true
			by[sum] = list[1:]
			m.oldOf[j] = isBack
		}
	}
	b.gone = nil
	for g, gone := range b.old.Gone {
		if gone.At > oldest && !returned[g] {
			b.gone = append(b.gone, gone)
		}
	}
}

// remember adds the known rows that are not there any more to the vanished ones.
func (b *builder) remember(m *matching) {
	salts := hashNames(b.old.Columns)
	for i, j := range m.nowOf {
		if j >= 0 {
			continue
		}
		s := b.old.Rows[i]
		b.changed = true
		b.gone = append(b.gone, Gone{Sum: goneSum(b.old.keyOf(i), salts, b.old.row(i)), At: b.now.Unix(), Mark: s.Mark, Delivery: s.Delivery})
		if s.Delivery != 0 {
			b.changes = append(b.changes, Change{Delivery: s.Delivery, Kind: Deleted, Row: int(s.Number)})
		}
	}
	b.gone = slices.Clone(b.gone[max(0, len(b.gone)-goneMax):])
}

// goneSum returns what a vanished row is known by: its key, else the fingerprint over all compared columns.
func goneSum(key uint64, salts []uint64, cells []uint32) uint64 {
	if key != 0 {
		return key
	}
	var sum uint64
	for k, h := range cells {
		if h != 0 {
			sum += printOf(salts[k], h)
		}
	}
	return sum
}
