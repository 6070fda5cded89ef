package detect

// Backfill asks a comparison to find rows that were there at the start, too, because an operator wants them sent: those from one
// 1-based sheet row to another, both included. A row fires once in its life, so one that has a delivery is passed over.
type Backfill struct{ From, To int }

// PassedOver counts the rows in the range of a [Backfill] that it did not find.
type PassedOver struct {
	Delivered int // they have a delivery: sent, queued, waiting, skipped, failed, held or given up
	Waiting   int // not complete: they fire by themselves once they are
	SameKey   int // another row of their key has fired, or stands above
}

// backfilling is a backfill under way. The zero value finds nothing.
type backfilling struct {
	asked      *Backfill
	passedOver PassedOver
	keys       map[uint64]bool // that have fired, or stand in a row above
}

// begin takes down the keys that have fired. oldOf has the known row of each row read.
func (f *backfilling) begin(b *builder, oldOf []int32) {
	if f.asked = b.rd.opts.Backfill; f.asked == nil || b.rd.keys == nil {
		return
	}
	f.keys = map[uint64]bool{}
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
	if !b.keyed() { // what is known is by other keys, or other hashes of them
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

// finds tells whether a known row, read as row j, is found by the backfill. Rows come in sheet order.
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
