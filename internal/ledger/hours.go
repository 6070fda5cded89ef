package ledger

import (
	"cmp"
	"encoding/binary"
	"slices"
	"time"
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
