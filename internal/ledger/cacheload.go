package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/bbolt"
	bberrors "go.etcd.io/bbolt/errors"
)

// Load makes a cache the mirrored state at a position. each passes all values of that state to put,
// in any order; put keeps them. Meanwhile and after an error the cache has nothing of the state and
// must not be read. It returns ErrCorrupt if the values are not those of a complete state, and
// ErrNewer if a newer release wrote them. It does not overwrite a plain state file that has zaps.
func (l *Ledger) Load(ctx context.Context, to Position, each func(put func(Value) error) error) error {
	if err := l.load(ctx, to, each); err != nil {
		return fmt.Errorf("load the copy of the state into %s: %w", l.path, err)
	}
	return nil
}

func (l *Ledger) load(ctx context.Context, to Position, each func(put func(Value) error) error) error {
	if err := to.check(); err != nil {
		return err
	}
	if l.stamped.Load() == nil {
		if zaps, err := l.Zaps(ctx); err != nil {
			return err
		} else if len(zaps) > 0 {
			return errors.New("the file is not a copy but a state of its own\nnext: move it away, or make it the state on PostgreSQL: rowtap state migrate --to postgres")
		}
	}
	nothing := stamp{Position: Position{State: to.State}}
	err := l.restamp(ctx, nothing, func(w writeTx) error {
		for _, name := range []string{bucketZaps, bucketRoot, bucketIdentities} {
			if err := w.DeleteBucket([]byte(name)); err != nil && !errors.Is(err, bberrors.ErrBucketNotFound) {
				return err
			}
		}
		return writeSchema(w)
	})
	if err != nil {
		return err
	}
	var (
		batch []Value
		size  int
		now   root // of the loaded state
		found struct{ schema, root bool }
	)
	store := func(w writeTx) error {
		for _, v := range batch {
			if v.Zap == "" {
				r, err := w.storeOwn(v)
				if err != nil {
					return err
				}
				if r != nil {
					now, found.root = *r, true
				} else if string(v.Key) == keySchema {
					found.schema = true
				}
				continue
			}
			if _, err := w.store(v); err != nil {
				return err
			}
		}
		return nil
	}
	err = each(func(v Value) error {
		if v.Value == nil {
			return ctx.Err()
		}
		batch = append(batch, v)
		if size += len(v.Key) + len(v.Value); size < compactTx {
			return nil
		}
		err := l.restamp(ctx, nothing, store)
		batch, size = nil, 0
		return err
	})
	if err != nil {
		return err
	}
	return l.restamp(ctx, stamp{Position: to}, func(w writeTx) error {
		if err := store(w); err != nil {
			return err
		}
		switch {
		case !found.schema:
			return damaged("", keySchema, 0, errMissing)
		case !found.root:
			return damaged("", keyRoot, 0, errMissing)
		}
		if err := w.completeZaps(); err != nil {
			return err
		}
		if err := w.storeRoot(now); err != nil {
			return err
		}
		return checkZaps(w.Tx)
	})
}

// completeZaps creates the buckets of which no value was loaded.
func (w writeTx) completeZaps() error {
	version, err := schemaOf(w.Tx)
	if err != nil {
		return err
	}
	names, err := zapNames(w.Tx)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := completeZap(bucketOf(w.Tx, name), version); err != nil {
			return err
		}
	}
	return nil
}

func completeZap(b *bbolt.Bucket, version uint64) error {
	for _, kind := range zapBuckets(version) {
		if _, err := b.CreateBucketIfNotExists([]byte(kind)); err != nil {
			return err
		}
	}
	return nil
}

// storeOwn stores the schema or the times of summaries of a mirror, or returns its root, which is
// stored once all sums are known.
func (w writeTx) storeOwn(v Value) (*root, error) {
	switch {
	case v.Kind == bucketRoot && string(v.Key) == keyRoot:
		now, err := decodeRoot(v.Value)
		return &now, err
	case v.Kind == bucketRoot && string(v.Key) == keySchema:
		if err := w.Bucket([]byte(bucketRoot)).Put(v.Key, v.Value); err != nil {
			return nil, err
		}
		return nil, checkSchema(w.Tx)
	case v.Kind == bucketRoot && string(v.Key) == keySummaries:
		if err := w.Bucket([]byte(bucketRoot)).Put(v.Key, v.Value); err != nil {
			return nil, err
		}
		_, err := summariesOf(w.Tx)
		return nil, err
	}
	return nil, damaged("", v.Kind, 0, errMalformed)
}

// storeRoot stores the root of a mirror as that of the current transaction.
func (w writeTx) storeRoot(now root) error {
	if err := w.Bucket([]byte(bucketZaps)).SetSequence(now.commits); err != nil {
		return err
	}
	return putRoot(w, now.sum)
}

// store stores or deletes a value of a zap as a mirror has it. It returns the change of the sum
// that it belongs to: that of the root for a record, otherwise that of the zap.
func (w writeTx) store(v Value) (change uint64, err error) {
	b, err := bucketIn(w.Bucket([]byte(bucketZaps)), v.Zap)
	if err != nil {
		return 0, err
	}
	k, tallied := v.Key, func(value []byte) uint64 { return tally(v.Kind, v.Key, value) }
	switch {
	case v.Kind == keyZap:
		k, tallied = []byte(keyZap), func(value []byte) uint64 { return tally(bucketZaps, []byte(v.Zap), value) }
	case !slices.Contains(zapBuckets(schema), v.Kind) && v.Kind != bucketKeys && v.Kind != bucketRecipes:
		return 0, damaged(v.Zap, v.Kind, 0, errMalformed)
	default:
		if b, err = bucketIn(b, v.Kind); err != nil {
			return 0, err
		}
	}
	if before := b.Get(k); before != nil {
		change -= tallied(before)
	}
	if n, err := numberOf(k); err == nil && (v.Kind == bucketState || v.Kind == bucketCells) {
		if err := w.forget(v.Zap, chunkOf(n)); err != nil {
			return 0, err
		}
	}
	if v.Value == nil {
		return change, b.Delete(k)
	}
	if _, _, err := unsealUpTo(sealKeys, k, v.Value); err != nil {
		return 0, damageAt(v.Zap, v.Kind, k, err)
	}
	return change + tallied(v.Value), b.Put(k, v.Value)
}

// bucketIn returns a bucket in another one and creates it if necessary.
func bucketIn(b *bbolt.Bucket, name string) (*bbolt.Bucket, error) {
	if in := b.Bucket([]byte(name)); in != nil {
		return in, nil
	}
	return b.CreateBucket([]byte(name))
}
