package ledger

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"go.etcd.io/bbolt"
)

// Query selects deliveries to list.
type Query struct {
	Zap   string // "": all
	State State  // 0: any
	Row   int    // sheet row; 0: any
	// Since and Until select deliveries that were last updated at Since or later, and before Until;
	// zero: no bound.
	Since, Until time.Time
	// Identity is that of the user, complete, in any letter case; "": any. Deliveries that were not
	// sent have the identity that Identify makes, and none without it. [Ledger.IndexIdentities]
	// makes this fast.
	Identity string
	Identify func(zap string) Identifier
	// Error is a part of an error's text ([Problem.Text]), or of the reason why a row waits, is held
	// or skipped, in any letter case; "": any.
	Error  string
	Before string // ID of a delivery: list only those after it
	Limit  int    // 0: no limit
}

// Deliveries returns the deliveries that [Ledger.Each] lists.
func (l *Ledger) Deliveries(ctx context.Context, q Query) ([]Delivery, error) {
	var out []Delivery
	err := l.Each(ctx, q, func(d Delivery) error {
		out = append(out, d)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// readAhead is about how many deliveries [Ledger.Each] holds at a time, for all zaps together.
const readAhead = 1000

// Each calls fn for deliveries, the last detected first, those of one poll in reverse sheet order.
// A listing continued with Before misses and repeats nothing, even if the clock changed. Each reads
// in short transactions: every delivery is consistent, but two may be of different times. It keeps
// no delivery, so its memory does not grow with the history.
//
// It returns ErrBadID if Before is not the ID of a delivery of the query, and ErrUnknown if that
// delivery is gone and the query is for all zaps, both before fn is called. An error of fn ends it
// and is returned unchanged.
func (l *Ledger) Each(ctx context.Context, q Query, fn func(Delivery) error) error {
	streams, err := l.streams(ctx, q)
	if err == nil && q.Identity != "" && len(streams) > 1 {
		streams, err = l.withMatches(ctx, streams)
	}
	if err != nil {
		return fmt.Errorf("list deliveries: %w", err)
	}
	ahead := readAhead
	if len(streams) > 1 {
		ahead = max(readAhead/len(streams), readAhead/20) // re-reading a chunk costs decoding it
	}
	for n := 0; q.Limit <= 0 || n < q.Limit; n++ {
		want := ahead
		if q.Limit > 0 {
			want = min(ahead, q.Limit-n)
		}
		var newest *stream
		for _, s := range streams {
			ok, err := s.fill(ctx, want)
			if err != nil {
				return fmt.Errorf("list deliveries of zap %s: %w", s.zap, err)
			}
			if ok && (newest == nil || s.ready[0].commit > newest.ready[0].commit) {
				newest = s
			}
		}
		if newest == nil {
			break
		}
		d := newest.ready[0].Delivery
		newest.ready = newest.ready[1:]
		if err := fn(d); err != nil {
			return err
		}
	}
	return nil
}

// Delivery returns a delivery; ok is false if there is none with that number, or no longer.
func (l *Ledger) Delivery(ctx context.Context, zap string, n uint64) (d Delivery, ok bool, err error) {
	err = l.view(ctx, func(tx *bbolt.Tx) error {
		e, err := l.entryOf(tx, zap, n)
		if err != nil || e == nil {
			return err
		}
		ok = true
		d, err = l.rowsOf(tx, zap).delivery(n, e)
		return err
	})
	if err != nil {
		return Delivery{}, false, fmt.Errorf("read delivery %s/%d: %w", zap, n, err)
	}
	return d, ok, nil
}

// entryOf returns the entry of a delivery, nil if there is none.
func (l *Ledger) entryOf(tx *bbolt.Tx, zap string, n uint64) (*entry, error) {
	b := bucketOf(tx, zap)
	if b == nil || n == 0 {
		return nil, nil
	}
	c, err := readChunk(l.codec, b, zap, chunkOf(n))
	return c.entry(n), err
}

// stream lists the deliveries of one zap, newest first.
type stream struct {
	l     *Ledger
	zap   string
	query Query
	below uint64 // only smaller numbers are left to list; 0: none
	until uint64 // only deliveries of this commit or earlier ones
	ready []listed

	by     Identifier // with Query.Identity
	hash   uint32     // of Query.Identity
	wanted string     // Query.Identity as compared
	error  string     // Query.Error in lower case

	identity string    // in lower case, part of the identity to search for; "": any
	through  time.Time // detection time of the last delivery looked at
}

// listed is a delivery and its position in a listing of several zaps.
type listed struct {
	Delivery
	commit uint64
}

// streams returns a stream for each zap of a query, positioned after q.Before.
func (l *Ledger) streams(ctx context.Context, q Query) ([]*stream, error) {
	zaps := []string{q.Zap}
	if q.Zap == "" {
		var err error
		if zaps, err = l.Zaps(ctx); err != nil {
			return nil, err
		}
	}
	streams := make([]*stream, len(zaps))
	for i, zap := range zaps {
		s := &stream{l: l, zap: zap, query: q, below: math.MaxUint64, until: math.MaxUint64, wanted: foldIdentity(q.Identity), hash: hashIdentity(q.Identity), error: strings.ToLower(q.Error)}
		if q.Identity != "" && q.Identify != nil {
			s.by = q.Identify(zap)
		}
		streams[i] = s
	}
	if q.Before == "" {
		return streams, nil
	}
	zap, n, err := ParseID(q.Before)
	if err != nil {
		return nil, err
	}
	if q.Zap != "" {
		if zap != q.Zap {
			return nil, fmt.Errorf("%[1]s is %[3]w of zap %[2]s", q.Before, q.Zap, ErrBadID)
		}
		streams[0].below = n
		return streams, nil
	}
	var commit uint64
	err = l.view(ctx, func(tx *bbolt.Tx) error {
		e, err := l.entryOf(tx, zap, n)
		if err == nil && e == nil {
			err = fmt.Errorf("delivery %s: %w", q.Before, ErrUnknown)
		}
		if err == nil {
			commit = e.commit
		}
		return err
	})
	for _, s := range streams {
		s.until = commit
		if s.zap == zap {
			s.below = n
		}
	}
	return streams, err
}

// fill reads until a delivery is ready, and makes at most want deliveries ready; ok is false at the
// end.
func (s *stream) fill(ctx context.Context, want int) (ok bool, err error) {
	for len(s.ready) == 0 && s.below > 1 {
		if err := s.read(ctx, want); err != nil {
			return false, err
		}
	}
	return len(s.ready) > 0, nil
}

func (s *stream) read(ctx context.Context, want int) error {
	return s.l.view(ctx, func(tx *bbolt.Tx) error { return s.fillFrom(tx, want) })
}

// fillFrom reads the newest chunk that is left and may have a match.
func (s *stream) fillFrom(tx *bbolt.Tx, want int) error {
	b := bucketOf(tx, s.zap)
	if b == nil || s.by.Hidden {
		s.below = 0
		return nil
	}
	var index *bbolt.Bucket
	if s.hash != 0 {
		index = indexOf(tx)
	}
	first, matches, err := s.nextChunk(b, index)
	if err != nil || first == 0 {
		s.below = 0
		return err
	}
	ch, err := readChunk(s.l.codec, b, s.zap, first)
	if err == nil && ch == nil {
		err = damaged(s.zap, bucketState, first, errMissing)
	}
	if err != nil {
		return err
	}
	rows := s.l.rowsOf(tx, s.zap)
	for i := len(ch.entries) - 1; i >= 0 && len(s.ready) < want; i-- {
		n, e := ch.base+uint64(i), &ch.entries[i]
		if n >= s.below || e.tombstone() {
			continue
		}
		s.below, s.through = n, timeOf(e.detected)
		if _, may := slices.BinarySearch(matches, n); matches != nil && !may || !s.of(e) {
			continue
		}
		d, err := rows.delivery(n, e)
		if err != nil {
			return err
		}
		if s.query.Row != 0 && d.Row.Number != s.query.Row || s.query.Identity != "" && foldIdentity(s.by.of(d)) != s.wanted {
			continue
		}
		s.ready = append(s.ready, listed{d, e.commit})
	}
	if len(s.ready) < want {
		s.below = first
	}
	return nil
}

// nextChunk returns the newest chunk that is left and may have a match, 0 if there is none. matches,
// unless nil, has the numbers of all deliveries that may match.
func (s *stream) nextChunk(b, index *bbolt.Bucket) (first uint64, matches []uint64, err error) {
	prefix := indexPrefix(s.zap)
	if index != nil {
		mark := indexKey(prefix, 0)
		if whole(b, mark, index.Get(mark), s.by.version()) {
			if first, matches, ok := s.nextIndexed(index, prefix); ok {
				return first, matches, nil
			}
		}
	}
	cursor := b.Bucket([]byte(bucketState)).Cursor()
	for k, v := lastBelow(cursor, key(s.below)); k != nil; k, v = cursor.Prev() {
		if first, err = numberOf(k); err != nil {
			return 0, nil, damaged(s.zap, bucketState, 0, err)
		}
		if known, ok := readHashes(index, indexKey(prefix, first), v, s.by.version()); ok {
			if matches = known.find(s.hash); len(matches) == 0 {
				continue
			}
			return first, matches, nil
		}
		if s.query.State != 0 || !s.query.Since.IsZero() {
			sum, err := readSummary(k, v)
			if err != nil {
				return 0, nil, damaged(s.zap, bucketState, first, err)
			}
			if s.query.State != 0 && (s.query.State > lastState || sum.counts[s.query.State] == 0) || timeOf(sum.updated).Before(s.query.Since) {
				continue
			}
		}
		return first, nil, nil
	}
	return 0, nil, nil
}

// nextIndexed is nextChunk for a zap whose index has all chunks; ok is false if the index is damaged.
func (s *stream) nextIndexed(index *bbolt.Bucket, prefix []byte) (first uint64, matches []uint64, ok bool) {
	cursor := index.Cursor()
	for k, v := lastBelow(cursor, indexKey(prefix, s.below)); bytes.HasPrefix(k, prefix); k, v = cursor.Prev() {
		first := binary.BigEndian.Uint64(k[len(prefix):])
		if first == 0 {
			break
		}
		h, err := decodeHashes(k, v)
		if err != nil {
			return 0, nil, false
		}
		if matches = h.find(s.hash); len(matches) > 0 {
			return first, matches, true
		}
	}
	return 0, nil, true
}

// withMatches drops the streams that have no match according to the index, in one transaction: most
// zaps have no delivery of a user. The streams are in the order of their zaps.
func (l *Ledger) withMatches(ctx context.Context, streams []*stream) (left []*stream, err error) {
	err = l.view(ctx, func(tx *bbolt.Tx) error {
		left = nil
		zaps, index := tx.Bucket([]byte(bucketZaps)), indexOf(tx)
		if index == nil {
			left = streams
			return nil
		}
		cursor := index.Cursor()
		k, v := cursor.First()
		for _, s := range streams {
			if err := ctx.Err(); err != nil {
				return err
			}
			b := zaps.Bucket([]byte(s.zap))
			if b == nil || s.by.Hidden {
				continue
			}
			prefix := indexPrefix(s.zap)
			if !bytes.HasPrefix(k, prefix) {
				k, v = cursor.Seek(prefix)
			}
			none := bytes.HasPrefix(k, prefix) && whole(b, k, v, s.by.version())
			for none {
				if k, v = cursor.Next(); !bytes.HasPrefix(k, prefix) {
					break
				}
				h, err := decodeHashes(k, v)
				none = err == nil && len(h.find(s.hash)) == 0
			}
			if !none {
				left = append(left, s)
			}
		}
		return nil
	})
	return left, err
}
