package ledger

import (
	"context"
	"fmt"
	"slices"

	"go.etcd.io/bbolt"
)

// openStates are the states of unfinished deliveries. A row with several deliveries has the first
// of these states that one of them has.
var openStates = [...]State{Waiting, Held, Failed, Queued}

// OpenRows returns the unfinished rows of a zap: the number of each row's first delivery
// ([Delivery.Origin]) and the state of the row. A row for several actions, with several deliveries,
// is waiting if one of them is, otherwise held, failed or queued, in this order. A row that is
// missing here but has a number is finished: sent, validated, skipped or discarded, and perhaps
// removed by [Ledger.Prune].
//
// It reads no rows, and starts with the newest deliveries, until it has found as many as the zap
// counts. For a zap without open rows it reads only the counts.
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

// eachChunk calls fn for the stored chunks that have a delivery in one of the states, the newest
// first, while fn returns true.
func eachChunk(b *bbolt.Bucket, zap string, states []State, fn func(first uint64, value []byte) (more bool, err error)) error {
	cursor := b.Bucket([]byte(bucketState)).Cursor()
	for k, v := cursor.Last(); k != nil; k, v = cursor.Prev() {
		first, sum, err := summaryAt(zap, k, v)
		if err != nil {
			return err
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
