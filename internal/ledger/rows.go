package ledger

import (
	"encoding/binary"

	"go.etcd.io/bbolt"
)

// numberOf returns the number of a key made by key.
func numberOf(k []byte) (uint64, error) {
	if len(k) != 8 {
		return 0, errMalformed
	}
	n := binary.BigEndian.Uint64(k)
	if n == 0 {
		return 0, errMalformed
	}
	return n, nil
}

// rows assembles deliveries of one zap within a transaction. It caches the last segment.
type rows struct {
	codec   codec
	zap     string
	bucket  *bbolt.Bucket
	first   uint64
	segment segment
}

func (l *Ledger) rowsOf(tx *bbolt.Tx, zap string) *rows {
	return &rows{codec: l.codec, zap: zap, bucket: bucketOf(tx, zap)}
}

// delivery returns the delivery of an entry.
func (r *rows) delivery(n uint64, e *entry) (Delivery, error) {
	if n < r.first || n-r.first >= uint64(len(r.segment.rows)) {
		first, s, err := segmentAt(r.codec, r.bucket.Bucket([]byte(bucketRows)), r.zap, n)
		if err == nil && len(s.rows) == 0 {
			err = damaged(r.zap, bucketRows, n, errMalformed)
		}
		if err != nil {
			return Delivery{}, err
		}
		r.first, r.segment = first, s
	}
	d := e.outcome(r.zap, n)
	d.Action, d.Shadow, d.Row, d.Header, d.Zone = r.segment.action, r.segment.shadow, r.segment.rows[n-r.first], r.segment.header, r.segment.zone
	if !e.is(flagCells) {
		return d, nil
	}
	s, err := r.codec.decodeSegment(key(n), r.bucket.Bucket([]byte(bucketCells)).Get(key(n)))
	if err == nil && len(s.rows) != 1 {
		err = errMalformed
	}
	if err != nil {
		return Delivery{}, damaged(r.zap, bucketCells, n, err)
	}
	d.AsFound = &AsFound{d.Row, d.Header}
	d.Row, d.Header, d.Zone, d.Shadow = s.rows[0], s.header, s.zone, s.shadow
	return d, nil
}

// outcome returns the delivery of an entry without what its segment has: the row, the header, the
// zone, the action and the mode.
func (e *entry) outcome(zap string, n uint64) Delivery {
	return Delivery{
		Zap: zap, Number: n, State: e.state, First: e.first, Next: e.next, Like: e.like,
		Identity: e.identity, DetectedAt: timeOf(e.detected), UpdatedAt: timeOf(e.updated),
		Attempts: int(e.attempts), RetryAt: timeOf(e.retry), InFlight: e.is(flagInFlight),
		MaybeTwice: e.is(flagMaybeTwice), Solo: e.is(flagSolo), DeletedInSheet: e.is(flagDeleted),
		Reason: e.reason, Problem: e.problem, Answer: e.answer, Edited: e.is(flagCells), Repeat: e.is(flagRepeat), Steps: e.exportSteps(),
	}
}

// segmentAt returns the segment with the row of delivery n, and the segment's first number; without
// rows if there is none.
func segmentAt(c codec, rows *bbolt.Bucket, zap string, n uint64) (first uint64, s segment, err error) {
	k, v := lastBelow(rows.Cursor(), key(n+1))
	if k == nil {
		return 0, segment{}, nil
	}
	first, err = numberOf(k)
	if err == nil {
		s, err = c.decodeSegment(k, v)
	}
	if err != nil {
		return 0, segment{}, damaged(zap, bucketRows, first, err)
	}
	if n < first || n >= first+uint64(len(s.rows)) {
		return 0, segment{}, nil
	}
	return first, s, nil
}

// lastBelow returns the last key below a key and its value; nil if there is none.
func lastBelow(c *bbolt.Cursor, below []byte) (k, v []byte) {
	if at, _ := c.Seek(below); at == nil {
		return c.Last()
	}
	return c.Prev()
}
