package detect

import "slices"

// findReturned finds unmatched rows that equal a vanished row, or equal one except for tidying.
func (b *builder) findReturned(m *matching) {
	oldest := b.now.Add(-goneFor).Unix()
	by, folds := make(map[uint64][]int, len(b.old.Gone)), make(map[uint64]int, len(b.old.Gone))
	for g, gone := range b.old.Gone {
		if gone.At > oldest {
			by[gone.Sum] = append(by[gone.Sum], g)
			if same := by[gone.Sum]; !gone.Copy { // prefer the row itself to copies of it
				for n := len(same) - 1; n > 0 && b.old.Gone[same[n-1]].Copy; n-- {
					same[n-1], same[n] = same[n], same[n-1]
				}
			}
			if gone.Fold != 0 {
				folds[gone.Fold] = g
			}
		}
	}
	b.returned, b.maybeReturned = map[int32]Gone{}, map[int32]Gone{}
	returned, stands := make(map[int]bool), make(map[uint64]bool)
	var known map[uint64]bool // fingerprints of the rows at the last read; nil: not computed yet
	salts := hashNames(b.rd.columns)
	names := [][]uint64{salts} // hashed names that the columns have had
	if !slices.Equal(b.old.Columns, b.rd.columns) {
		last := slices.Clone(salts)
		for k, now := range m.columns[1] {
			last[now] = hashName(b.old.Columns[m.columns[0][k]])
		}
		names = append(names, last)
	}
	if b.rd.former != nil { // names from an earlier release
		names = append(names, hashNames(b.rd.former))
	}
	for j, i := range m.oldOf {
		if i != noRow || len(by) == 0 {
			continue
		}
		var key readKey
		if b.keyed() && !b.rd.opts.apart() {
			key = b.rd.keyOf(j)
		}
		var sums, alike []uint64
		if key.Sum != 0 {
			sums, alike = []uint64{key.Sum, key.Old}, []uint64{goneSum(uint64(key.Fold), salts, b.rd.foldsOf(j))}
		} else {
			for _, salts := range names {
				sums, alike = append(sums, goneSum(0, salts, b.rd.hashes(j))), append(alike, goneSum(0, salts, b.rd.foldsOf(j)))
			}
		}
		for at, sum := range sums {
			list := by[sum]
			if len(list) == 0 || m.oldOf[j] != noRow {
				continue
			}
			g := list[0]
			if was := b.old.Gone[g].Fold; key.Sum == 0 && was != 0 && was != alike[at] {
				continue // exact hashes collide
			}
			if gone := b.old.Gone[g]; gone.Copy && !stands[sum] {
				if known == nil {
					known = b.old.sums(b.rd.opts)
				}
				if !known[gone.Sum] {
					// A copy comes back next to its original; alone, it is the original with an
					// edit undone.
					continue
				}
			}
			stands[sum] = true
			b.returned[int32(j)], returned[g], by[sum], m.oldOf[j] = b.old.Gone[g], true, list[1:], isBack
		}
		for _, fold := range alike {
			if g, ok := folds[fold]; ok && m.oldOf[j] == noRow && !returned[g] {
				b.maybeReturned[int32(j)] = b.old.Gone[g]
			}
		}
	}
	b.gone = nil
	for g, gone := range b.old.Gone {
		if gone.At > oldest && !returned[g] {
			b.gone = append(b.gone, gone)
		}
	}
}

// sums returns the sums under which the rows of a cursor would be remembered if they vanished.
func (c Cursor) sums(o Options) map[uint64]bool {
	salts, sums := hashNames(c.Columns), make(map[uint64]bool, len(c.Rows))
	for i := range c.Rows {
		sums[goneSum(c.goneKey(i, o).Sum, salts, c.row(i))] = true
	}
	return sums
}

// goneKey returns the key under which a row is remembered if it vanishes; zero: its content.
func (c Cursor) goneKey(i int, o Options) RowKey {
	if o.apart() {
		return RowKey{}
	}
	return c.keyOf(i)
}

// keyGone reports whether a row with a key vanished within the last day (RepeatsSend).
func (b *builder) keyGone(key uint64) bool {
	if b.goneKeys == nil {
		b.goneKeys = make(map[uint64]bool, len(b.gone))
		for _, g := range b.gone {
			b.goneKeys[g.Sum] = true
		}
	}
	return b.goneKeys[key]
}

// rememberGone adds the known rows without a match to the vanished ones.
func (b *builder) rememberGone(m *matching) {
	salts := hashNames(b.old.Columns)
	for k, old := range m.columns[0] {
		salts[old] = hashName(b.rd.columns[m.columns[1][k]]) // the current name
	}
	gone := withoutMatch(m.nowOf)
	b.gone = b.gone[max(0, min(len(b.gone), len(b.gone)+len(gone)-maxGone)):]
	b.gone = slices.Grow(slices.Clone(b.gone), min(len(gone), maxGone))
	deliveries := 0
	for _, i := range gone {
		if d := b.old.Rows[i].Delivery; d != 0 && d != Unknown {
			deliveries++
		}
	}
	b.changes = slices.Grow(b.changes, deliveries)
	for n, i := range gone {
		i := int(i)
		s, key := b.old.Rows[i], b.old.keyOf(i)
		if b.keyed() {
			b.link(key.Sum, s.Delivery)
		}
		if s.Delivery != 0 && s.Delivery != Unknown {
			b.changes = append(b.changes, Change{Delivery: s.Delivery, Kind: Deleted, Row: int(s.Number)})
		}
		if n < len(gone)-maxGone {
			continue
		}
		key = b.old.goneKey(i, b.rd.opts)
		b.gone = append(b.gone, Gone{
			Sum: goneSum(key.Sum, salts, b.old.row(i)), Fold: goneSum(uint64(key.Fold), salts, b.old.folds(i)), At: b.now.Unix(),
			Waits: s.Waits, Copy: s.Copy, Delivery: s.Delivery,
		})
		if key := b.old.keyOf(i); key.Sum != 0 && b.rd.opts.Repeats == RepeatsSend {
			b.gone = append(b.gone, Gone{Sum: key.Sum, At: b.now.Unix(), Delivery: s.Delivery}) // see keyGone
		}
	}
}

// goneSum returns the sum under which a vanished row is remembered: its key, else its fingerprint
// over all compared columns.
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
