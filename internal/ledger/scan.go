package ledger

import (
	"context"
	"fmt"
	"slices"

	"go.etcd.io/bbolt"
)

// Scan calls fn for the deliveries of a zap in one of the states, in order of their numbers: those
// with the given numbers, or all if numbers is nil. A number that the zap has not used is
// ErrUnknown; pruned ones are skipped. Scan keeps no delivery and reads in short transactions, so
// its memory does not grow and others may write: every delivery is as of the time when it was read.
// An error of fn ends it.
func (l *Ledger) Scan(ctx context.Context, zap string, states []State, numbers []uint64, fn func(Delivery) error) error {
	wanted, err := l.wanted(ctx, zap, numbers)
	if err != nil {
		return fmt.Errorf("read the deliveries of zap %s: %w", zap, err)
	}
	for from := uint64(1); from != 0; {
		var found []Delivery
		err := l.view(ctx, func(tx *bbolt.Tx) (err error) {
			found, from, err = l.scanChunk(tx, zap, states, wanted, from)
			return err
		})
		if err != nil {
			return fmt.Errorf("read the deliveries of zap %s: %w", zap, err)
		}
		for _, d := range found {
			if err := fn(d); err != nil {
				return err
			}
		}
	}
	return nil
}

// wanted returns numbers by the first number of their chunk, sorted; nil for all.
func (l *Ledger) wanted(ctx context.Context, zap string, numbers []uint64) (map[uint64][]uint64, error) {
	if numbers == nil {
		return nil, nil
	}
	z, _, err := l.record(ctx, zap)
	if err != nil {
		return nil, err
	}
	wanted := map[uint64][]uint64{}
	for _, n := range numbers {
		if n == 0 || n >= z.next {
			return nil, fmt.Errorf("delivery %s/%d: %w", zap, n, ErrUnknown)
		}
		wanted[chunkOf(n)] = append(wanted[chunkOf(n)], n)
	}
	for _, numbers := range wanted {
		slices.Sort(numbers)
	}
	return wanted, nil
}

// scanChunk returns the wanted deliveries of the next chunk from a number on, and the number to
// continue from, 0 at the end.
func (l *Ledger) scanChunk(tx *bbolt.Tx, zap string, states []State, wanted map[uint64][]uint64, from uint64) (found []Delivery, next uint64, err error) {
	b := bucketOf(tx, zap)
	if b == nil {
		return nil, 0, nil
	}
	c := b.Bucket([]byte(bucketState)).Cursor()
	for k, v := c.Seek(key(from)); k != nil; k, v = c.Next() {
		first, err := numberOf(k)
		if err != nil {
			return nil, 0, damaged(zap, bucketState, 0, err)
		}
		numbers := wanted[first]
		if wanted != nil && len(numbers) == 0 {
			continue
		}
		s, err := readSummary(k, v)
		if err != nil {
			return nil, 0, damaged(zap, bucketState, first, err)
		}
		if !s.has(states) {
			continue
		}
		ch, err := readChunk(l.codec, b, zap, first)
		if err != nil {
			return nil, 0, err
		}
		rows := l.rowsOf(tx, zap)
		for i := range ch.entries {
			e, n := &ch.entries[i], ch.base+uint64(i)
			if !slices.Contains(states, e.state) {
				continue
			}
			if _, asked := slices.BinarySearch(numbers, n); wanted != nil && !asked {
				continue
			}
			d, err := rows.delivery(n, e)
			if err != nil {
				return nil, 0, err
			}
			found = append(found, d)
		}
		return found, first + chunkRows, nil
	}
	return nil, 0, nil
}

// ScanOutcomes calls fn for the deliveries of a zap in a state, the newest chunk first, without their
// rows, headers, zones and actions. fn must not call the ledger.
func (l *Ledger) ScanOutcomes(ctx context.Context, zap string, state State, fn func(Delivery)) error {
	err := l.view(ctx, func(tx *bbolt.Tx) error {
		b := bucketOf(tx, zap)
		if b == nil {
			return nil
		}
		return eachChunk(b, zap, []State{state}, func(first uint64, _ []byte) (bool, error) {
			if err := ctx.Err(); err != nil {
				return false, err
			}
			ch, err := readChunk(l.codec, b, zap, first)
			if err != nil {
				return false, err
			}
			for i := range ch.entries {
				if e := &ch.entries[i]; e.state == state {
					fn(e.outcome(zap, ch.base+uint64(i)))
				}
			}
			return true, nil
		})
	})
	if err != nil {
		return fmt.Errorf("go through the %s deliveries of zap %s: %w", state, zap, err)
	}
	return nil
}

// has reports whether one of a chunk's deliveries is in one of the states.
func (s summary) has(states []State) bool {
	return slices.ContainsFunc(states, func(state State) bool { return s.counts[state] > 0 })
}

// SentSince calls fn for the sent deliveries of a zap from a number on, the newest first, without
// their rows, headers and zones. It returns the highest number from there on that [Ledger.Prune]
// has removed, which may have been a sent one; 0 if there is none. fn must not call the ledger.
func (l *Ledger) SentSince(ctx context.Context, zap string, from uint64, fn func(Delivery)) (gone uint64, err error) {
	from = max(from, 1)
	err = l.view(ctx, func(tx *bbolt.Tx) error {
		z, known, err := readRecord(tx, zap)
		if err != nil || !known {
			return err
		}
		b := bucketOf(tx, zap)
		heads := heads{codec: l.codec, zap: zap, bucket: b}
		below := z.next // everything from here on was examined
		cursor := b.Bucket([]byte(bucketState)).Cursor()
		for k, v := cursor.Last(); k != nil && below > from; k, v = cursor.Prev() {
			if err := ctx.Err(); err != nil {
				return err
			}
			first, s, err := summaryAt(zap, k, v)
			if err != nil {
				return err
			}
			if s.base+uint64(s.rows()) < below {
				gone = max(gone, below-1)
			}
			if below = s.base; s.counts[Sent] == 0 && (s.counts[0] == 0 || gone > 0) {
				continue
			}
			ch, err := readChunk(l.codec, b, zap, first)
			if err != nil {
				return err
			}
			for i := len(ch.entries) - 1; i >= 0; i-- {
				e, n := &ch.entries[i], ch.base+uint64(i)
				switch {
				case n < from:
				case e.tombstone():
					gone = max(gone, n)
				case e.state == Sent:
					action, _, err := heads.of(n, e)
					if err != nil {
						return err
					}
					fn(Delivery{
						Zap: zap, Number: n, State: e.state, Action: action, First: e.first, Next: e.next, Like: e.like, Identity: e.identity,
						DetectedAt: timeOf(e.detected), UpdatedAt: timeOf(e.updated),
					})
				}
			}
		}
		if below > from {
			gone = max(gone, below-1)
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("go through what zap %s has sent: %w", zap, err)
	}
	return gone, nil
}

// heads reads the heads of segments, without the rows. It caches the last one.
type heads struct {
	codec      codec
	zap        string
	bucket     *bbolt.Bucket
	first, end uint64 // numbers in that segment, end excluded
	action     string
	shadow     bool
}

// of returns a delivery's action and whether it was found in shadow mode.
func (h *heads) of(n uint64, e *entry) (action string, shadow bool, err error) {
	if n < h.first || n >= h.end {
		k, v := lastBelow(h.bucket.Bucket([]byte(bucketRows)).Cursor(), key(n+1))
		first, err := numberOf(k)
		if err != nil {
			return "", false, damaged(h.zap, bucketRows, n, errMissing)
		}
		s, rows, err := h.read(k, v)
		if err == nil && n >= first+uint64(rows) {
			err = errMissing
		}
		if err != nil {
			return "", false, damaged(h.zap, bucketRows, first, err)
		}
		h.first, h.end, h.action, h.shadow = first, first+uint64(rows), s.action, s.shadow
	}
	if !e.is(flagCells) {
		return h.action, h.shadow, nil
	}
	s, _, err := h.read(key(n), h.bucket.Bucket([]byte(bucketCells)).Get(key(n)))
	if err != nil {
		return "", false, damaged(h.zap, bucketCells, n, err)
	}
	return h.action, s.shadow, nil
}

func (h *heads) read(key, value []byte) (s segment, rows int, err error) {
	raw, err := h.codec.unsealed(key, value)
	if err != nil {
		return segment{}, 0, err
	}
	r := reader{s: raw}
	if s, rows = r.segmentHead(); r.bad {
		err = errMalformed
	}
	return s, rows, err
}
