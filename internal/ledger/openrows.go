package ledger

import (
	"context"
	"fmt"
	"slices"

	"go.etcd.io/bbolt"
)

// openStates are the states of deliveries that are not finished, the most open first: what a row is
// said to be that has several.
var openStates = [...]State{Waiting, Held, Failed, Queued}

// OpenRows returns the rows of a zap that are not finished: the number of each row's first delivery
// ([Delivery.Origin]) and the state of that row. A row for several actions, which has several
// deliveries, is waiting if one of them is, else held, else failed, else queued. A row that is
// missing here and whose number was given is finished: sent, skipped or discarded, perhaps so long
// ago that [Ledger.Prune] has removed it ([Ledger.StateOf] tells).
//
// It reads no rows, and stops once it has found as many as the zap counts, the newest first. A zap
// without open rows costs one look at its counts.
func (l *Ledger) OpenRows(ctx context.Context, zap string) (map[uint64]State, error) {
	var open map[uint64]State
	err := l.view(ctx, func(tx *bbolt.Tx) error {
		open = nil
		z, known, err := readRecord(tx, zap)
		if err != nil || !known {
			return err
		}
		left := 0
		for _, s := range openStates {
			left += int(*z.counts.of(s))
		}
		if left == 0 {
			return nil
		}
		open = make(map[uint64]State, left)
		return eachChunk(bucketOf(tx, zap), zap, openStates[:], func(first uint64, value []byte) (bool, error) {
			if err := ctx.Err(); err != nil {
				return false, err
			}
			sum, raw, err := l.codec.unpackChunk(key(first), value)
			if err == nil {
				err = eachState(sum, raw, func(_ uint64, state State, row uint64) {
					rank := slices.Index(openStates[:], state)
					if rank < 0 {
						return
					}
					left--
					if known, ok := open[row]; !ok || rank < slices.Index(openStates[:], known) {
						open[row] = state
					}
				})
			}
			if err != nil {
				return false, damaged(zap, bucketState, first, err)
			}
			return left > 0, nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("find the open rows of zap %s: %w", zap, err)
	}
	return open, nil
}

// eachChunk calls fn for the stored chunks that have a delivery in one of some states, the newest
// first, while it returns true.
func eachChunk(b *bbolt.Bucket, zap string, states []State, fn func(first uint64, value []byte) (more bool, err error)) error {
	cursor := b.Bucket([]byte(bucketState)).Cursor()
	for k, v := cursor.Last(); k != nil; k, v = cursor.Prev() {
		first, err := numberOf(k)
		if err != nil {
			return damaged(zap, bucketState, 0, err)
		}
		sum, err := readSummary(k, v)
		if err == nil && chunkOf(sum.base) != first {
			err = errMalformed
		}
		if err != nil {
			return damaged(zap, bucketState, first, err)
		}
		if !sum.has(states) {
			continue
		}
		if more, err := fn(first, v); err != nil || !more {
			return err
		}
	}
	return nil
}
