package ledger

import (
	"fmt"

	"go.etcd.io/bbolt"
)

// Check reads every value of the file and returns what is wrong with it: values that do not match their checksum, deliveries
// without a row, counts that do not add up. The structure of the file was checked by [Open].
func (l *Ledger) Check() []error {
	zaps, err := l.Zaps()
	if err != nil {
		return []error{err}
	}
	var wrong []error
	for _, zap := range zaps {
		err := l.view(func(tx *bbolt.Tx) error {
			wrong = append(wrong, l.checkZap(tx, zap)...)
			return nil
		})
		if err != nil {
			wrong = append(wrong, fmt.Errorf("check zap %s: %w", zap, err))
		}
	}
	return wrong
}

func (l *Ledger) checkZap(tx *bbolt.Tx, zap string) (wrong []error) {
	r, ok, err := readRecord(tx, zap)
	if err != nil {
		return []error{err}
	}
	if !ok { // removed since it was listed
		return nil
	}
	b := bucketOf(tx, zap)
	each := func(bucket string, fn func(k, v []byte) error) {
		c := b.Bucket([]byte(bucket)).Cursor()
		for k, v := c.First(); k != nil; k, v = c.Next() {
			if err := fn(k, v); err != nil {
				wrong = append(wrong, damaged(zap, fmt.Sprintf("%s/%x", bucket, k), err))
			}
		}
	}
	each(bucketCursors, func(k, v []byte) error {
		_, err := unseal(k, v)
		return err
	})
	for _, bucket := range []string{bucketRows, bucketCells} {
		each(bucket, func(k, v []byte) error {
			_, err := l.codec.decodeSegment(k, v)
			return err
		})
	}
	each(bucketTodo, func(k, v []byte) error {
		_, err := unseal(k, v)
		return err
	})
	var counts Counts
	todo := b.Bucket([]byte(bucketTodo))
	each(bucketState, func(k, v []byte) error {
		ch, err := l.codec.decodeChunk(k, v)
		if err != nil {
			return err
		}
		rows := l.rowsOf(tx, zap)
		for i := range ch.entries {
			*counts.of(ch.entries[i].state)++
			if _, err := rows.delivery(ch.base+uint64(i), &ch.entries[i]); err != nil {
				return err
			}
		}
		if listed := todo.Get(k) != nil; listed != ch.queuedBefore {
			return fmt.Errorf("listed as queued: %t, but is: %t", listed, ch.queuedBefore)
		}
		return nil
	})
	for _, s := range []State{Waiting, Queued, Failed, Held} { // of the others, some were deleted
		if got, want := *r.counts.of(s), *counts.of(s); got != want {
			wrong = append(wrong, damaged(zap, keyZap, fmt.Errorf("%d rows are %s, but its count says %d", want, s, got)))
		}
	}
	return wrong
}
