package ledger

import (
	"cmp"
	"encoding/binary"
	"maps"
	"math"
	"slices"
	"time"

	"go.etcd.io/bbolt"
)

const (
	dayHours = 24
	// A zap's rows are counted by the hour for hoursKept hours, then by the day until daysKept. So
	// the last 7 days are complete by the hour, and the last 30 by the day: the first hour or day
	// begins before them, and an hour is for the time that a request takes.
	hoursKept = 7*dayHours + 2
	daysKept  = 31*dayHours + 2
)

// Hour counts a zap's rows by outcome in one hour, or on one UTC day if that is more than a week
// ago. A row counts once, with its last outcome and at the time of that outcome, not once per
// attempt or action.
type Hour struct {
	At                          time.Time // start of the hour or day, UTC
	Sent, Skipped, Failed, Held int64
	Validated                   int64
}

// hour is an Hour as stored: hours since 1970, and counts by outcome.
type hour struct {
	n      int64
	counts [hourCounts]int64
}

const hourCounts = 5

// hourCount returns the index of a state in the counts of an hour; ok is false if it is not an
// outcome.
func hourCount(s State) (i int, ok bool) {
	i = slices.Index([]State{Sent, Skipped, Failed, Held, Validated}, s)
	return i, i >= 0
}

// count counts an outcome at a time in milliseconds. The clock may have been set back.
func (r *record) count(s State, at int64) {
	i, ok := hourCount(s)
	if !ok {
		return
	}
	n := at / time.Hour.Milliseconds()
	k, found := r.hour(n)
	if !found {
		r.hours = slices.Insert(r.hours, k, hour{n: n})
		r.mergeOld(n)
		k, _ = r.hour(n)
	}
	r.hours[k].counts[i]++
}

// uncount reverts count, if its hour is still kept.
func (r *record) uncount(s State, at int64) {
	i, ok := hourCount(s)
	if !ok {
		return
	}
	n := at / time.Hour.Milliseconds()
	k, found := r.hour(n)
	if !found { // the hour may have been merged into a day
		k, found = r.hour(n - n%dayHours)
	}
	if !found || r.hours[k].counts[i] == 0 { // earlier releases counted differently
		return
	}
	r.hours[k].counts[i]--
	if r.hours[k].counts == [hourCounts]int64{} {
		r.hours = slices.Delete(r.hours, k, k+1)
	}
}

// hour returns the index of an hour, or where to insert it.
func (r *record) hour(n int64) (k int, found bool) {
	return slices.BinarySearchFunc(r.hours, n, func(h hour, n int64) int { return cmp.Compare(h.n, n) })
}

// mergeOld merges hours that are more than a week before now into days, and drops days that are
// more than 31 days before it.
func (r *record) mergeOld(now int64) {
	merged := r.hours[:0]
	for _, h := range r.hours {
		if h.n <= now-hoursKept {
			h.n -= h.n % dayHours
		}
		last := len(merged) - 1
		switch {
		case h.n <= now-daysKept:
		case last >= 0 && merged[last].n == h.n:
			for i, c := range h.counts {
				merged[last].counts[i] += c
			}
		default:
			merged = append(merged, h)
		}
	}
	r.hours = merged
	if r.counted <= now-daysKept {
		r.counted = 0
	}
}

// recount makes the hours of a file of an older release count rows. It cannot count rows that Prune
// has removed: the hours of their zaps stay as they are until a time on at which nothing was old
// enough for that, as the oldest finished row of the file shows. Damaged values are skipped; Check
// reports them.
func recount(w writeTx) error {
	codec, err := newCodec()
	if err != nil {
		return err
	}
	defer codec.close()
	names, err := zapNames(w.Tx)
	if err != nil {
		return err
	}
	zaps, oldest := make([]recounted, len(names)), int64(math.MaxInt64)
	for i, name := range names {
		z, _, err := readRecord(w.Tx, name)
		if err != nil {
			return err
		}
		if n := len(z.hours); n > 0 {
			oldest = min(oldest, (z.hours[n-1].n+1)*time.Hour.Milliseconds())
		}
		zaps[i] = recountZap(codec, bucketOf(w.Tx, name), name, z)
		oldest = min(oldest, zaps[i].oldest)
	}
	for i, name := range names {
		z := &zaps[i]
		if z.deliveries < z.next-1 && oldest != math.MaxInt64 {
			z.counted = (oldest+lateness.Milliseconds())/time.Hour.Milliseconds() + 1
		}
		for _, h := range z.hours {
			if h.n < z.counted {
				z.byRows[h.n] = &h
			}
		}
		z.hours = nil
		for _, n := range slices.Sorted(maps.Keys(z.byRows)) {
			z.hours = append(z.hours, *z.byRows[n])
		}
		if n := len(z.hours); n > 0 {
			z.mergeOld(z.hours[n-1].n)
		}
		if err := putRecord(w, name, &z.record); err != nil {
			return err
		}
	}
	return nil
}

// recounted is a zap's record, with its deliveries counted.
type recounted struct {
	record
	byRows     map[int64]*hour
	deliveries uint64
	oldest     int64 // earliest update of a finished delivery in milliseconds
}

func recountZap(c codec, b *bbolt.Bucket, zap string, r record) recounted {
	z := recounted{record: r, byRows: map[int64]*hour{}, oldest: math.MaxInt64}
	cursor := b.Bucket([]byte(bucketState)).Cursor()
	for k, _ := cursor.First(); k != nil; k, _ = cursor.Next() {
		first, err := numberOf(k)
		if err != nil {
			continue
		}
		ch, err := readChunk(c, b, zap, first)
		if err != nil {
			continue
		}
		for i := range ch.entries {
			e := &ch.entries[i]
			if e.tombstone() {
				continue
			}
			z.deliveries++
			if e.state.done() {
				z.oldest = min(z.oldest, e.updated)
			}
			if outcome, ok := hourCount(e.state); ok && e.next == 0 {
				n := e.outcomeAt() / time.Hour.Milliseconds()
				if z.byRows[n] == nil {
					z.byRows[n] = &hour{n: n}
				}
				z.byRows[n].counts[outcome]++
			}
		}
	}
	return z
}

// outcomeAt returns when an entry got its current outcome, in milliseconds.
func (e *entry) outcomeAt() int64 {
	for _, s := range slices.Backward(e.steps) {
		if s.state == e.state {
			return s.at
		}
	}
	if e.state == Held {
		return e.detected
	}
	return e.updated
}

// outcomes returns the hours in exported form.
func (r *record) outcomes() []Hour {
	var out []Hour
	for _, h := range r.hours {
		c := h.counts
		out = append(out, Hour{At: time.Unix(h.n*3600, 0).UTC(), Sent: c[0], Skipped: c[1], Failed: c[2], Held: c[3], Validated: c[4]})
	}
	return out
}

func appendHours(b []byte, hours []hour) []byte {
	b = appendUvarint(b, len(hours))
	before := int64(0)
	for _, h := range hours {
		b = binary.AppendVarint(b, h.n-before)
		for _, c := range h.counts {
			b = binary.AppendVarint(b, c)
		}
		before = h.n
	}
	return b
}

// hours reads hours with the given number of counts each.
func (r *reader) hours(counts int) []hour {
	hours := make([]hour, r.count())
	before := int64(0)
	for i := range hours {
		hours[i].n = before + r.varint()
		for k := range counts {
			hours[i].counts[k] = r.varint()
		}
		if i > 0 && hours[i].n <= before {
			r.fail()
		}
		before = hours[i].n
	}
	return hours
}
