package ledger

import (
	"bytes"

	"go.etcd.io/bbolt"
)

// writeTx is a write transaction. Zaps, their values and the schema are changed only by its
// methods, which record what a mirror must have. What they do not record belongs to the file alone:
// the root, a backup's date, a copy's stamp.
type writeTx struct {
	*bbolt.Tx
	set *writeSet // nil: nothing is recorded
}

// writeSet is what a transaction has changed, one operation per key, the last one.
type writeSet struct {
	values []Value
	at     map[place]int // index into values
}

// place is the location of a value.
type place struct{ zap, kind, key string }

func (s *writeSet) note(v Value) {
	if s == nil {
		return
	}
	if v.Kind == keyZap {
		v.Key = nil
	}
	p := place{v.Zap, v.Kind, string(v.Key)}
	if i, ok := s.at[p]; ok {
		s.values[i].Value = v.Value
		return
	}
	if s.at == nil {
		s.at = map[place]int{}
	}
	s.at[p] = len(s.values)
	s.values = append(s.values, v)
}

// put stores a value in bucket b, which has values of a kind of a zap, or of the file if zap is "".
// With a zap's record, which each decision writes, it increments the zap's sequence.
func (w writeTx) put(b *bbolt.Bucket, zap, kind string, key, value []byte) error {
	if kind == keyZap {
		if _, err := b.NextSequence(); err != nil {
			return err
		}
	}
	if w.set != nil && !bytes.Equal(b.Get(key), value) {
		w.set.note(Value{zap, kind, key, value})
	}
	return b.Put(key, value)
}

// remove deletes an existing value from bucket b.
func (w writeTx) remove(b *bbolt.Bucket, zap, kind string, key []byte) error {
	w.set.note(Value{zap, kind, key, nil})
	return b.Delete(key)
}

// createZap creates a zap's bucket with a bucket for each kind. A mirror does not know the zap
// until it has a record.
func (w writeTx) createZap(zap string) (*bbolt.Bucket, error) {
	b, err := w.Bucket([]byte(bucketZaps)).CreateBucket([]byte(zap))
	if err != nil {
		return nil, err
	}
	for _, name := range zapBuckets(schema) {
		if _, err := b.CreateBucket([]byte(name)); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// removeZap deletes a zap and everything stored for it.
func (w writeTx) removeZap(zap string) error {
	if err := w.forgetZap(zap); err != nil {
		return err
	}
	if w.set != nil {
		err := valuesOf(w.Tx, zap, func(v Value) error {
			v.Value = nil
			w.set.note(v)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return w.Bucket([]byte(bucketZaps)).DeleteBucket([]byte(zap))
}

// removeKind deletes one of a zap's buckets.
func (w writeTx) removeKind(zap, kind string) error {
	b := bucketOf(w.Tx, zap)
	if w.set != nil {
		err := b.Bucket([]byte(kind)).ForEach(func(key, _ []byte) error {
			w.set.note(Value{zap, kind, key, nil})
			return nil
		})
		if err != nil {
			return err
		}
	}
	return b.DeleteBucket([]byte(kind))
}
