package ledger

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"github.com/rowtap/rowtap/internal/row"
)

// lateness is by how much a finished delivery may outlast the history. Deliveries share values,
// which are rewritten when one of them is late: with half a day, twice a day at most.
const lateness = 12 * time.Hour

// Prune removes all that is kept of deliveries which are finished (sent, skipped or discarded) and
// were last updated before a time: at once where that is true of a thousand neighbours, else within
// 12 hours, so a caller that calls it more often than that keeps each for a day longer than the
// history at most. It takes their rows, identities, errors, responses, steps and the records that were
// sent. Waiting, queued, held and failed ones stay, whatever their neighbours are, and so do the counts of a zap and its numbers.
//
// The bytes of what is removed stay in free pages of the file until they are used again, or the
// file is compacted ([Ledger.CompactTo], rowtap state compact); and in backups.
//
// It goes through values of limit deliveries or somewhat more, and returns of how many: fewer than
// limit means that nothing more is to be done now.
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
	if err := l.view(ctx, find); err != nil || len(late) == 0 { // most calls find nothing, and need not write
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

// late tells whether Prune has to do something about a chunk: all of it can go, or a part is late.
// Of the form of schema 4 it is not known how old its oldest row is; rewriting it tells.
func (s summary) late(before int64) bool {
	switch {
	case s.done(before):
		return true
	case s.form < sealTombs:
		return true
	}
	return s.oldest != 0 && s.oldest < before-lateness.Milliseconds()
}

// lateChunks returns the chunks of a zap that are late, up to limit rows or somewhat more, and how many rows they have.
func lateChunks(b *bbolt.Bucket, zap string, before int64, limit int) (late []uint64, rows int, err error) {
	if b == nil {
		return nil, 0, nil
	}
	c := b.Bucket([]byte(bucketState)).Cursor()
	for k, v := c.First(); k != nil && rows < limit; k, v = c.Next() {
		first, err := numberOf(k)
		if err != nil {
			return nil, 0, damaged(zap, bucketState, 0, err)
		}
		s, err := readSummary(k, v)
		if err != nil {
			return nil, 0, damaged(zap, bucketState, first, err)
		}
		if s.late(before) {
			late = append(late, first)
			rows += s.rows()
		}
	}
	return late, rows, nil
}

// prune makes tombstones of a chunk's deliveries that are past the history, and drops those at its
// beginning. A chunk without anything else goes.
func (e *edit) prune(first uint64, before int64) error {
	c, err := e.chunk(first)
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
		e.leave(n, en)
		*en = entry{}
	}
	c.dirty = true
	kept := slices.IndexFunc(c.entries, func(en entry) bool { return !en.tombstone() })
	if kept < 0 {
		e.chunks[first] = nil
		return e.removeChunk(first)
	}
	c.base, c.entries = c.base+uint64(kept), c.entries[kept:]
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

// removeChunk deletes what is kept of a chunk's deliveries.
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
