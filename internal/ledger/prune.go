package ledger

import (
	"fmt"
	"time"

	"go.etcd.io/bbolt"
)

// Prune deletes deliveries that are done with (sent, skipped or discarded) and were last updated before a time, up to a
// thousand neighbours at a time and only when that is true of all of them. It returns how many, and stops once they are
// limit or more: fewer means that there are no more. The counts of a zap and its numbers are not affected.
func (l *Ledger) Prune(before time.Time, limit int) (removed int, err error) {
	zaps, err := l.Zaps()
	if err != nil {
		return 0, err
	}
	for _, zap := range zaps {
		if removed >= limit {
			break
		}
		n, err := l.pruneZap(zap, millis(before), limit-removed)
		removed += n
		if err != nil {
			return removed, fmt.Errorf("delete old deliveries of zap %s: %w", zap, err)
		}
	}
	return removed, nil
}

func (l *Ledger) pruneZap(zap string, before int64, limit int) (removed int, err error) {
	var old []uint64
	find := func(tx *bbolt.Tx) (err error) {
		old, removed, err = oldChunks(bucketOf(tx, zap), zap, before, limit)
		return err
	}
	if err := l.view(find); err != nil || len(old) == 0 { // most calls find nothing, and need not write
		return 0, err
	}
	err = l.edit(zap, false, func(e *edit) error {
		if err := find(e.bucket.Tx()); err != nil {
			return err
		}
		for _, first := range old {
			if err := e.removeChunk(first); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return removed, nil
}

// oldChunks returns the chunks that may go, and how many deliveries they have.
func oldChunks(b *bbolt.Bucket, zap string, before int64, limit int) (old []uint64, rows int, err error) {
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
		if !s.done(before) {
			continue
		}
		old = append(old, first)
		rows += s.rows()
	}
	return old, rows, nil
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
