package ledger

import (
	"cmp"
	"encoding/binary"
	"slices"
	"time"
)

const (
	dayHours = 24
	// hoursKept is how far back a zap's rows are counted by the hour, daysKept by the day.
	hoursKept = 7 * dayHours
	daysKept  = 30 * dayHours
)

// Hour counts a zap's rows by what came of them in one hour, or on one UTC day where that is more than a week ago. A row counts once,
// under its last outcome and when it came to that: not for what it failed for before, nor for each of its actions.
type Hour struct {
	At                          time.Time // its beginning, UTC
	Sent, Skipped, Failed, Held int64
	Validated                   int64
}

// hour is an Hour as it is stored: hours since 1970, and outcomes.
type hour struct {
	n      int64
	counts [hourCounts]int64
}

const hourCounts = 5

// hourCount returns which of an hour's counts a state is counted in; ok is false if it is no outcome.
func hourCount(s State) (i int, ok bool) {
	i = slices.Index([]State{Sent, Skipped, Failed, Held, Validated}, s)
	return i, i >= 0
}

// count counts a row's outcome at a time in milliseconds. The clock may have been set back.
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

// uncount takes back what count has counted, where that is still kept.
func (r *record) uncount(s State, at int64) {
	i, ok := hourCount(s)
	if !ok {
		return
	}
	n := at / time.Hour.Milliseconds()
	k, found := r.hour(n)
	if !found { // its hour is part of a day by now
		k, found = r.hour(n - n%dayHours)
	}
	if !found || r.hours[k].counts[i] == 0 { // earlier releases counted otherwise
		return
	}
	r.hours[k].counts[i]--
	if r.hours[k].counts == [hourCounts]int64{} {
		r.hours = slices.Delete(r.hours, k, k+1)
	}
}

// hour returns where an hour is among those kept, or belongs.
func (r *record) hour(n int64) (k int, found bool) {
	return slices.BinarySearchFunc(r.hours, n, func(h hour, n int64) int { return cmp.Compare(h.n, n) })
}

// mergeOld makes days of the hours that are more than a week before an hour, and drops days that are more than a month before it.
func (r *record) mergeOld(now int64) {
	kept := r.hours[:0]
	for _, h := range r.hours {
		if h.n <= now-hoursKept {
			h.n -= h.n % dayHours
		}
		last := len(kept) - 1
		switch {
		case h.n <= now-daysKept:
		case last >= 0 && kept[last].n == h.n:
			for i, c := range h.counts {
				kept[last].counts[i] += c
			}
		default:
			kept = append(kept, h)
		}
	}
	r.hours = kept
}

// outcomeAt returns when an entry came to the outcome that it has, in milliseconds.
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

// outcomes returns the hours as others see them.
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

// hours reads hours of so many counts each.
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
