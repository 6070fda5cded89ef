package detect

import "maps"

// Backfill asks a comparison for rows that were there at the start, because an operator wants them
// sent: the 1-based sheet rows From to To, both inclusive. A row fires once, so rows with a
// delivery are not returned.
type Backfill struct{ From, To int }

// PassedOver counts the rows in the range of a [Backfill] that were not returned, by reason.
type PassedOver struct {
	Delivered int // have a delivery: sent, queued, waiting, skipped, failed, held or discarded
	Waiting   int // incomplete: they fire once they are complete
	SameKey   int // another row with the same key has fired, or is further up
}

// backfilling is the state of a backfill during a comparison. The zero value finds nothing.
type backfilling struct {
	asked      *Backfill
	passedOver PassedOver
	keys       map[uint64]bool // keys that have fired or belong to a row further up
}

// begin collects the keys that have fired. oldOf is the known row of each row read.
func (f *backfilling) begin(b *builder, oldOf []int32) {
	if f.asked = b.rd.opts.Backfill; f.asked == nil || b.rd.keys == nil {
		return
	}
	f.keys = map[uint64]bool{}
	if b.rd.opts.Repeats == RepeatsSkip {
		maps.Copy(f.keys, b.rd.opts.SentKeys)
		return
	}
	fired := func(key uint64) {
		if key != 0 {
			f.keys[key] = true
		}
	}
	for j, i := range oldOf {
		if i >= 0 && b.old.Rows[i].Delivery != 0 {
			fired(b.rd.keyOf(j).Sum)
		}
	}
	if !b.keyed() { // the cursor's keys are of other columns, or hashed differently
		return
	}
	for _, key := range b.old.Keys {
		if key.Delivery != 0 {
			fired(key.Sum)
		}
	}
	for i, s := range b.old.Rows {
		if s.Delivery != 0 {
			fired(b.old.keyOf(i).Sum)
		}
	}
}

// finds reports whether the backfill returns a known row, read as row j. Call it in sheet order.
func (f *backfilling) finds(b *builder, j int, s Seen, key uint64) bool {
	if f.asked == nil {
		return false
	}
	twin := key != 0 && f.keys[key]
	if f.keys != nil && key != 0 {
		f.keys[key] = true
	}
	switch number := b.rd.number(j); {
	case number < f.asked.From || number > f.asked.To:
	case s.Delivery != 0:
		f.passedOver.Delivered++
	case s.Waits || b.rd.lacks(j) != "":
		f.passedOver.Waiting++
	case twin:
		f.passedOver.SameKey++
	default:
		return true
	}
	return false
}
