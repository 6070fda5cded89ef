package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
)

// followBytes bounds what [Ledger.Follow] reads; beyond it a full load is better.
const followBytes = 64 << 20

// Follow brings a cache to another position of the same state in one transaction. each passes the
// values that have changed in between to put, as they are at that position, in any order; put keeps
// them. It returns ErrNewer if a newer release wrote them. It returns ErrStale and changes nothing
// if the sums of their zaps do not match, if the cache is not at an earlier commit, or if a full
// load is better because so much has changed.
func (l *Ledger) Follow(ctx context.Context, to Position, each func(put func(Value) error) error) error {
	if err := l.followTo(ctx, to, each); err != nil {
		return fmt.Errorf("follow the state in %s to commit %d: %w", l.path, to.Commit, err)
	}
	return nil
}

func (l *Ledger) followTo(ctx context.Context, to Position, each func(put func(Value) error) error) error {
	if err := errors.Join(ctx.Err(), to.check()); err != nil {
		return err
	}
	var values []Value
	size, root := 0, false
	err := each(func(v Value) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if size += len(v.Key) + len(v.Value); size > followBytes {
			return fmt.Errorf("%w: more than %d MB have changed", ErrStale, followBytes>>20)
		}
		root = root || v.Zap == "" && string(v.Key) == keyRoot
		values = append(values, v)
		return nil
	})
	from := l.Position()
	switch {
	case err != nil:
		return err
	case from.Epoch == "" || from.State != to.State || from.Commit > to.Commit:
		return fmt.Errorf("%w: it has commit %d of state %q", ErrStale, from.Commit, from.State)
	case from.Commit < to.Commit && !root: // each commit changes the root
		return fmt.Errorf("%w: some changes are missing", ErrStale)
	}
	if from == to && len(values) == 0 {
		return nil
	}
	return l.restamp(ctx, stamp{Position: to}, func(w writeTx) error { return w.follow(values) })
}

// follow stores changed values and compares the sums that they belong to.
func (w writeTx) follow(values []Value) error {
	now, err := readRoot(w.Tx)
	if err != nil {
		return stale(err)
	}
	want := now
	sums := map[string]uint64{} // by zap
	for _, v := range values {
		if v.Zap == "" {
			before := w.Bucket([]byte(bucketRoot)).Get([]byte(keySchema))
			r, err := w.storeOwn(v)
			switch {
			case err != nil:
				return stale(err)
			case r != nil:
				want = *r
			case string(v.Key) == keySchema && !bytes.Equal(before, v.Value):
				return fmt.Errorf("%w: the schema has changed", ErrStale)
			}
			continue
		}
		sum, known := sums[v.Zap]
		if !known {
			z, _, err := readRecord(w.Tx, v.Zap)
			if err != nil {
				return stale(err)
			}
			sum = z.sum
		}
		change, err := w.store(v)
		if err != nil {
			return stale(err)
		}
		if v.Kind == keyZap {
			now.sum += change
		} else {
			sum += change
		}
		sums[v.Zap] = sum
	}
	for zap, sum := range sums {
		if err := w.settleZap(zap, sum); err != nil {
			return stale(err)
		}
	}
	if now.sum != want.sum {
		return stale(damaged("", keyRoot, 0, errSum))
	}
	return w.storeRoot(want)
}

// stale wraps an error of values from a mirror in ErrStale, except ErrNewer.
func stale(err error) error {
	if errors.Is(err, ErrNewer) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrStale, err)
}

// settleZap completes the changes of a zap, whose record must have the given sum. A zap without a
// record must have no other values and is removed.
func (w writeTx) settleZap(zap string, sum uint64) error {
	b := bucketOf(w.Tx, zap)
	if b.Get([]byte(keyZap)) == nil {
		if sum != 0 {
			return damaged(zap, "", 0, errSum)
		}
		return w.removeZap(zap)
	}
	if _, err := b.NextSequence(); err != nil {
		return err
	}
	z, _, err := readRecord(w.Tx, zap)
	switch {
	case err != nil:
		return err
	case z.sum != sum:
		return damaged(zap, "", 0, errSum)
	}
	version, err := schemaOf(w.Tx)
	if err != nil {
		return err
	}
	return completeZap(b, version)
}
