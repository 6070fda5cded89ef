package ledger

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"time"

	"go.etcd.io/bbolt"
)

// Stay is a time in which a zap watched one worksheet. A new stay begins whenever the zap is
// pointed to another worksheet, even one that it watched before.
type Stay struct {
	SpreadsheetID string
	GID           int64
	Named         string // the title in the zap file; "" if the file gives the gid
	Title         string // the title in the spreadsheet at the last commit; "": unknown
	First         uint64 // number of its first delivery; those of the next stay are higher
	Since         time.Time
	Start         Start
}

// Start is how a stay began.
type Start struct {
	There   int // rows that were in the worksheet and were not sent
	LastRow int // sheet row of the last of them; 0: none
	// Unread is why the worksheet of the previous stay was not read a last time; "" if it was, or
	// if there was none.
	Unread string
}

// stay is a Stay as stored; worksheet is an index into the record's worksheets.
type stay struct {
	first     uint64
	worksheet int
	since     int64
	start     Start
}

// Stay returns the stay in which a delivery was found. ok is false if that is unknown: it was found
// by a release that did not record stays, and the zap has watched several worksheets.
func (z Zap) Stay(d Delivery) (s Stay, ok bool) {
	for _, s := range slices.Backward(z.Stays) {
		if s.First <= d.Origin() {
			return s, true
		}
	}
	return Stay{}, false
}

// staysOf returns the stays in order. A record without stays has one if it has one worksheet.
func (r *record) staysOf() []Stay {
	var list []Stay
	for _, s := range r.known() {
		w := r.worksheets[s.worksheet]
		list = append(list, Stay{
			SpreadsheetID: w.spreadsheetID, GID: w.gid, Named: w.title, Title: w.shown,
			First: s.first, Since: timeOf(s.since), Start: s.start,
		})
	}
	return list
}

// known returns the recorded stays, or the only possible one.
func (r *record) known() []stay {
	if len(r.stays) == 0 && len(r.worksheets) == 1 {
		return []stay{{first: 1, since: r.worksheets[0].started}}
	}
	return r.stays
}

// recordStay records that a poll read the i-th worksheet. That begins a stay unless it was also
// read last.
func (r *record) recordStay(i int, p Poll) {
	if n := len(r.stays); n == 0 || r.stays[n-1].worksheet != i {
		r.stays = append(r.stays, stay{first: r.next, worksheet: i, since: millis(p.At)})
	}
	if p.Start != nil {
		r.stays[len(r.stays)-1].start = *p.Start
	}
}

// appendStays appends the stays, which follow a record's sum, and the hour from which on outcomes
// are counted. Records of older releases end before.
func appendStays(b []byte, z *record) []byte {
	if len(z.stays) == 0 && z.counted == 0 {
		return b
	}
	for _, w := range z.worksheets {
		b = appendString(b, w.shown)
	}
	b = appendUvarint(b, len(z.stays))
	for _, s := range z.stays {
		b = binary.AppendVarint(appendUvarint(appendUvarint(b, s.first), s.worksheet), s.since)
		b = appendString(appendUvarint(appendUvarint(b, s.start.There), s.start.LastRow), s.start.Unread)
	}
	if z.counted != 0 {
		b = binary.AppendVarint(b, z.counted)
	}
	return b
}

func (r *reader) stays(z *record) {
	if r.s == "" {
		return
	}
	for i := range z.worksheets {
		z.worksheets[i].shown = r.string()
	}
	z.stays = make([]stay, r.count())
	before := uint64(0)
	for i := range z.stays {
		s := stay{first: r.uvarint()}
		at := r.uvarint()
		s.since = r.varint()
		there, last := r.uvarint(), r.uvarint()
		s.start = Start{int(min(there, math.MaxInt32)), int(min(last, math.MaxInt32)), r.string()}
		if s.first < before || at >= uint64(len(z.worksheets)) {
			r.fail()
		}
		s.worksheet, before = int(at), s.first
		z.stays[i] = s
	}
	if r.s != "" {
		z.counted = r.varint()
	}
}

// Open counts the open deliveries of a zap with numbers from a number up to but not including
// another one: waiting, queued, failed and held ones. The other counts are 0.
func (l *Ledger) Open(ctx context.Context, zap string, from, before uint64) (Counts, error) {
	var open Counts
	err := l.view(ctx, func(tx *bbolt.Tx) error {
		open = Counts{}
		b := bucketOf(tx, zap)
		if b == nil {
			return nil
		}
		from = max(from, 1)
		c := b.Bucket([]byte(bucketState)).Cursor()
		for k, v := c.Seek(key(chunkOf(from))); k != nil; k, v = c.Next() {
			first, s, err := summaryAt(zap, k, v)
			if err != nil || first >= before {
				return err
			}
			if s.base < from || s.base+uint64(s.rows()) > before {
				ch, err := readChunk(l.codec, b, zap, first)
				if err != nil {
					return err
				}
				end := ch.base + uint64(len(ch.entries))
				ch.entries = ch.entries[min(max(from, ch.base), end)-ch.base : min(max(before, ch.base), end)-ch.base]
				s = ch.summary()
			}
			for state := Waiting; state <= lastState; state++ {
				if !state.done() {
					*open.of(state) += int64(s.counts[state])
				}
			}
		}
		return nil
	})
	if err != nil {
		return Counts{}, fmt.Errorf("count the open rows of zap %s: %w", zap, err)
	}
	return open, nil
}
