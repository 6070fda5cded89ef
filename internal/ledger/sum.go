package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cespare/xxhash/v2"
	"go.etcd.io/bbolt"
)

// A checksum tells that a value is intact, not that it exists or is the latest one. A disk that
// loses a write, or a page that leads to an old one, leaves values that are intact but wrong. So
// each zap's record has a sum over the zap's other values, and the file's root has one over the
// records, with the number of the transaction that wrote it. The sums are updated with the values,
// and compared when the file is opened.

// errSum means that values do not match their sum.
var errSum = errors.New("some values are missing or outdated")

// tally is what a value adds to a sum: a hash of its location and checksum.
func tally(bucket string, key, value []byte) uint64 {
	var d xxhash.Digest
	d.Reset()
	_, _ = d.WriteString(bucket)
	_, _ = d.Write(key)
	_, _ = d.Write(value[:min(len(value), sealHead)])
	return d.Sum64()
}

// put stores a value of the zap.
func (e *edit) put(bucket string, key, value []byte) error {
	b := e.sub(bucket)
	if old := b.Get(key); old != nil {
		e.record.sum -= tally(bucket, key, old)
	}
	e.record.sum += tally(bucket, key, value)
	return e.tx.put(b, e.name, bucket, key, value)
}

// remove deletes a value of the zap, if it exists.
func (e *edit) remove(bucket string, key []byte) error {
	b := e.sub(bucket)
	old := b.Get(key)
	if old == nil {
		return nil
	}
	e.record.sum -= tally(bucket, key, old)
	return e.tx.remove(b, e.name, bucket, key)
}

// sumOf returns the sum over a zap's values.
func sumOf(zap *bbolt.Bucket) (sum uint64) {
	all := zap.Cursor()
	for name, v := all.First(); name != nil; name, v = all.Next() {
		if v != nil { // the zap's record
			continue
		}
		c := zap.Bucket(name).Cursor()
		for k, v := c.First(); k != nil; k, v = c.Next() {
			sum += tally(string(name), k, v)
		}
	}
	return sum
}

// putRecord stores a zap's record.
func putRecord(w writeTx, zap string, z *record) error {
	b := bucketOf(w.Tx, zap)
	delta := -recordTally(b, zap)
	if err := w.put(b, zap, keyZap, []byte(keyZap), encodeRecord(zap, z)); err != nil {
		return err
	}
	return addToRoot(w, delta+recordTally(b, zap))
}

// removeZap deletes a zap and everything stored for it.
func removeZap(w writeTx, zap string) error {
	delta := -recordTally(bucketOf(w.Tx, zap), zap)
	if err := w.removeZap(zap); err != nil {
		return err
	}
	return addToRoot(w, delta)
}

// recordTally is what a zap's record adds to the sum of the root; 0 if there is none.
func recordTally(b *bbolt.Bucket, zap string) uint64 {
	value := b.Get([]byte(keyZap))
	if value == nil {
		return 0
	}
	return tally(bucketZaps, []byte(zap), value)
}

// root is the content of the file's root.
type root struct {
	sum         uint64 // over the zaps' records
	transaction uint64 // that wrote it
	commits     uint64 // number of the last commit
}

func readRoot(tx *bbolt.Tx) (root, error) {
	return decodeRoot(tx.Bucket([]byte(bucketRoot)).Get([]byte(keyRoot)))
}

func decodeRoot(value []byte) (root, error) {
	payload, err := unseal([]byte(keyRoot), value)
	if err != nil {
		return root{}, damaged("", keyRoot, 0, err)
	}
	r := reader{s: string(payload)}
	now := root{sum: r.uint64(), transaction: r.uvarint(), commits: r.uvarint()}
	if err := r.done(); err != nil {
		return root{}, damaged("", keyRoot, 0, err)
	}
	return now, nil
}

func encodeRoot(r root) []byte {
	b := binary.LittleEndian.AppendUint64(newSeal(32), r.sum)
	return finishSeal([]byte(keyRoot), appendUvarint(appendUvarint(b, r.transaction), r.commits))
}

func putRoot(w writeTx, sum uint64) error {
	now := root{sum: sum, transaction: uint64(w.ID()), commits: w.Bucket([]byte(bucketZaps)).Sequence()}
	return w.Bucket([]byte(bucketRoot)).Put([]byte(keyRoot), encodeRoot(now))
}

// addToRoot changes the sum of the root and records the current transaction. Every write
// transaction ends with it.
func addToRoot(w writeTx, delta uint64) error {
	now, err := readRoot(w.Tx)
	if err != nil {
		return err
	}
	return putRoot(w, now.sum+delta)
}

// sumUp computes the sums of a file that has none.
func sumUp(w writeTx) error {
	names, err := zapNames(w.Tx)
	if err != nil {
		return err
	}
	var sum uint64
	for _, name := range names {
		z, _, err := readRecord(w.Tx, name)
		if err != nil {
			return err
		}
		b := bucketOf(w.Tx, name)
		z.sum = sumOf(b)
		if err := w.put(b, name, keyZap, []byte(keyZap), encodeRecord(name, &z)); err != nil {
			return err
		}
		sum += recordTally(b, name)
	}
	return putRoot(w, sum)
}

// checkRoot checks that the root is of the last transaction and matches the zaps.
func checkRoot(tx *bbolt.Tx) error {
	now, err := readRoot(tx)
	if err != nil {
		return err
	}
	zaps := tx.Bucket([]byte(bucketZaps))
	if now.transaction != uint64(tx.ID()) {
		return damaged("", keyRoot, 0, fmt.Errorf("written by transaction %d, but the last one was %d", now.transaction, tx.ID()))
	}
	var sum uint64
	err = zaps.ForEachBucket(func(k []byte) error {
		sum += recordTally(zaps.Bucket(k), string(k))
		return nil
	})
	if err == nil && (sum != now.sum || now.commits != zaps.Sequence()) {
		err = damaged("", bucketZaps, 0, errSum)
	}
	return err
}
