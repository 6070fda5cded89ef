package ledger

import (
	"errors"
	"fmt"

	"go.etcd.io/bbolt"
)

// schema is the version of the buckets and values described in the package's doc. A reader refuses any other.
const schema = 4

const (
	bucketRoot = "rowtap"
	keySchema  = "schema"
	keyRoot    = "root"   // a sum over all zaps
	keyBackup  = "backup" // in a backup: when it was made

	bucketZaps    = "zaps"
	keyZap        = "zap"
	bucketCursors = "cursors"
	bucketRows    = "rows"
	bucketCells   = "cells"
	bucketState   = "state"
	bucketTodo    = "todo"
	bucketRecipes = "recipes"
)

// zapBuckets are the buckets in a zap's.
func zapBuckets() []string {
	return []string{bucketCursors, bucketRows, bucketCells, bucketState, bucketTodo, bucketRecipes}
}

func writeSchema(tx *bbolt.Tx) error {
	root, err := tx.CreateBucketIfNotExists([]byte(bucketRoot))
	if err != nil {
		return err
	}
	if _, err := tx.CreateBucketIfNotExists([]byte(bucketZaps)); err != nil {
		return err
	}
	if err := root.Put([]byte(keySchema), finishSeal([]byte(keySchema), appendUvarint(newSeal(8), uint64(schema)))); err != nil {
		return err
	}
	return sumUp(tx)
}

// checkSchema tells whether the file is a ledger that this version understands.
func checkSchema(tx *bbolt.Tx) error {
	root, zaps := tx.Bucket([]byte(bucketRoot)), tx.Bucket([]byte(bucketZaps))
	switch {
	case root == nil && zaps == nil:
		return fmt.Errorf("%w: a bbolt file of another program; %s", ErrForeign, adviceForeign)
	case root == nil:
		return damaged("", bucketRoot, 0, errMissing)
	case zaps == nil:
		return damaged("", bucketZaps, 0, errMissing)
	}
	payload, err := unseal([]byte(keySchema), root.Get([]byte(keySchema)))
	if err != nil {
		return damaged("", keySchema, 0, err)
	}
	r := reader{s: string(payload)}
	version := r.uvarint()
	switch {
	case r.bad || version == 0:
		return damaged("", keySchema, 0, errMalformed)
	case version > schema:
		return fmt.Errorf("%w: its schema is %d, and this one knows %d; %s", ErrNewer, version, schema, adviceNewer)
	case version < schema:
		return fmt.Errorf("%w: its schema is %d, and this one knows %d; %s", ErrOlder, version, schema, adviceOlder)
	}
	return nil
}

// errMissing is what is not there.
var errMissing = errors.New("it is missing")

// checkZaps tells whether every zap's bucket is complete, under its own name, and as it was last written. bbolt keeps names
// without a checksum, and a zap that is not found would start anew.
func checkZaps(tx *bbolt.Tx) error {
	if err := checkSchema(tx); err != nil {
		return err
	}
	zaps := tx.Bucket([]byte(bucketZaps))
	err := zaps.ForEachBucket(func(k []byte) error {
		name, b := string(k), zaps.Bucket(k)
		for _, part := range zapBuckets() {
			if b.Bucket([]byte(part)) == nil {
				return damaged(name, part, 0, errMissing)
			}
		}
		z, _, err := readRecord(tx, name)
		if err == nil && z.sum != sumOf(b) {
			err = damaged(name, "", 0, errStale)
		}
		return err
	})
	if err != nil {
		return err
	}
	return checkRoot(tx)
}

// damaged names the value that cannot be read: its zap, its kind, and the first delivery that it concerns (0: none).
func damaged(zap, kind string, n uint64, err error) error {
	d := Damage{Zap: zap, Kind: kind, Problem: err.Error()}
	if n > 0 {
		d = damageAt(zap, kind, key(n), err)
	}
	return fmt.Errorf("%s: %w; %s", ErrCorrupt.Error(), d, adviceRestore)
}
