package ledger

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"github.com/rowtap/rowtap/internal/row"
)

// lateness is how long a finished delivery may outlast the history. Deliveries share values, which
// are rewritten when one of them is late: with half a day, at most twice a day.
const lateness = 12 * time.Hour

// Prune removes the deliveries that are finished (sent, validated, skipped or discarded) and were
// last updated before a time: at once if that holds for all deliveries of a chunk of 1,000,
// otherwise within 12 hours. So a caller that calls it more often than that keeps a delivery at
// most a day longer than the history. It removes rows, identities, errors, responses, steps and
// sent records. Waiting, queued, held and failed deliveries stay, whatever their neighbors are, and
// so do the counts of a zap and the numbers.
//
// The removed bytes stay in free pages of the file until those are reused or the file is compacted
// ([Ledger.CompactTo], rowtap state compact), and in backups.
//
// It processes values with about limit deliveries in total and returns their number; less than
// limit means that nothing is left to do now.
func (l *Ledger) Prune(ctx context.Context, before time.Time, limit int) (done int, err error) {
	zaps, err := l.Zaps(ctx)
	if err != nil {
		return 0, err
	}
	for _, zap := range zaps {
		if done >= limit {
			break
		}
		n, err := l.pruneZap(ctx, zap, millis(before), limit-done)
		done += n
		if err != nil {
			return done, fmt.Errorf("delete old deliveries of zap %s: %w", zap, err)
		}
	}
	return done, nil
}

func (l *Ledger) pruneZap(ctx context.Context, zap string, before int64, limit int) (rows int, err error) {
	var late []uint64
	find := func(tx *bbolt.Tx) (err error) {
		late, rows, err = lateChunks(bucketOf(tx, zap), zap, before, limit)
		return err
	}
	if err := l.view(ctx, find); err != nil || len(late) == 0 { // most calls find nothing
		return 0, err
	}
	err = l.edit(ctx, zap, false, func(e *edit) error {
		if err := find(e.tx.Tx); err != nil {
			return err
		}
		for _, first := range late {
			if err := e.prune(first, before); err != nil {
				return err
			}
		}
		return e.removeLeft()
	})
	if err != nil {
		return 0, err
	}
	return rows, nil
}

// late reports whether Prune must rewrite or remove a chunk. Chunks of schema 4 do not say how old
// their oldest row is; they are rewritten.
func (s summary) late(before int64) bool {
	switch {
	case s.done(before):
		return true
	case s.form < sealTombs:
		return true
	}
	return s.oldest != 0 && s.oldest < before-lateness.Milliseconds()
}

// lateChunks returns the late chunks of a zap, with at least limit rows if there are as many, and
// the number of their rows.
func lateChunks(b *bbolt.Bucket, zap string, before int64, limit int) (late []uint64, rows int, err error) {
	if b == nil {
		return nil, 0, nil
	}
	c := b.Bucket([]byte(bucketState)).Cursor()
	for k, v := c.First(); k != nil && rows < limit; k, v = c.Next() {
		first, s, err := summaryAt(zap, k, v)
		if err != nil {
			return nil, 0, err
		}
		if s.late(before) {
			late = append(late, first)
			rows += s.rows()
		}
	}
	return late, rows, nil
}

// prune makes a chunk's deliveries that are older than the history tombstones, and drops leading
// tombstones. A chunk with nothing else is removed.
func (e *edit) prune(first uint64, before int64) error {
	c, err := e.chunk(first)
	if err == nil {
		err = e.tx.forget(e.name, first)
	}
	if err != nil {
		return err
	}
	for i := range c.entries {
		en, n := &c.entries[i], c.base+uint64(i)
		if !en.state.done() || en.updated >= before {
			continue
		}
		if err := e.remove(bucketCells, key(n)); err != nil {
			return err
		}
		if err := e.forget(n, en); err != nil {
			return err
		}
		e.leave(n, en)
		*en = entry{}
	}
	c.dirty = true
	live := slices.IndexFunc(c.entries, func(en entry) bool { return !en.tombstone() })
	if live < 0 {
		e.chunks[first] = nil
		return e.removeChunk(first)
	}
	c.base, c.entries = c.base+uint64(live), c.entries[live:]
	return e.blankRows(first, c)
}

// blankRows removes the rows of a chunk's tombstones.
func (e *edit) blankRows(first uint64, c *chunk) error {
	stored := map[uint64]segment{}
	cursor := e.sub(bucketRows).Cursor()
	for k, v := cursor.Seek(key(first)); k != nil; k, v = cursor.Next() {
		n, err := numberOf(k)
		if err == nil && n >= first+chunkRows {
			break
		}
		var s segment
		if err == nil {
			s, err = e.codec.decodeSegment(k, v)
		}
		if err != nil {
			return damaged(e.name, bucketRows, n, err)
		}
		stored[n] = s
	}
	for n, s := range stored {
		live, changed := false, false
		for i := range s.rows {
			switch r := &s.rows[i]; {
			case c.entry(n+uint64(i)) != nil:
				live = true
			case r.Number != 0 || len(r.Cells) > 0:
				*r, changed = row.Row{}, true
			}
		}
		var err error
		switch {
		case !live:
			err = e.remove(bucketRows, key(n))
		case changed:
			var value []byte
			if value, err = e.codec.encodeSegment(key(n), s); err == nil {
				err = e.put(bucketRows, key(n), value)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// removeChunk deletes all values of a chunk's deliveries.
func (e *edit) removeChunk(first uint64) error {
	if err := e.remove(bucketState, key(first)); err != nil {
		return err
	}
	end := string(key(first + chunkRows))
	for _, name := range []string{bucketRows, bucketCells} {
		c := e.sub(name).Cursor()
		var keys [][]byte
		for k, _ := c.Seek(key(first)); k != nil && string(k) < end; k, _ = c.Next() {
			keys = append(keys, k)
		}
		for _, k := range keys {
			if err := e.remove(name, k); err != nil {
				return err
			}
		}
	}
	return nil
}
