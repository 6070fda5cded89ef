package ledger

import (
	"cmp"
	"encoding/binary"
	"slices"
	"time"
)

// hoursKept is how far back a zap's outcomes are counted by the hour.
const hoursKept = 7 * 24

// Hour counts what came of a zap's rows in one hour. A row that fails, is replayed and sent counts under both.
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

// count counts an outcome at a time in milliseconds. The clock may have been set back.
func (r *record) count(s State, at int64) {
	i, ok := hourCount(s)
	if !ok {
		return
	}
	n := at / time.Hour.Milliseconds()
	before := func(h hour, n int64) int { return cmp.Compare(h.n, n) }
	k, found := slices.BinarySearchFunc(r.hours, n, before)
	if !found {
		old, _ := slices.BinarySearchFunc(r.hours, n-hoursKept+1, before)
		r.hours = slices.Insert(r.hours, k, hour{n: n})[old:]
		k -= old
	}
	r.hours[k].counts[i]++
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
