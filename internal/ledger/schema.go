package ledger

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"
)

// schema is the version of the buckets and values described in the package's doc. It goes up with each release that writes what
// the one before cannot read, so that an older rowtap refuses the file instead of misreading it.
const schema = 6

// oldestSchema is that of the first release. What it wrote, and all that came after, opens.
const oldestSchema = 4

// migrations bring a file from the schema that is the key to the next one. All that a file needs are one transaction, at its first
// opening for writing; a file that is only read stays as it is, so every reader understands all released forms too. A migration
// leaves cursors alone: what they say of rows is detection's, which reads the old ones for good. One that changes values
// of zaps brings the sums up to date (sumUp).
var migrations = map[uint64]func(writeTx) error{
	// Deliveries past the history became tombstones, and chunks of the bucket state, which count them, got another form. Each is
	// rewritten when something of it changes, and at the latest by the next Prune: all at once could be gigabytes.
	// What a dry run had accepted was sent; it is validated, and the chunks that have such rows are rewritten.
	4: validateShadow,
	// The records that are sent are kept. Before, the texts were that had made them.
	5: dropRecipes,
}

// migrate brings an open file up to the schema in force.
func (l *Ledger) migrate(ctx context.Context) error {
	from, err := l.version(ctx)
	if err != nil || from == schema {
		return err
	}
	return l.update(ctx, migrateFrom(from))
}

// version returns the schema of an open file.
func (l *Ledger) version(ctx context.Context) (version uint64, err error) {
	err = l.view(ctx, func(tx *bbolt.Tx) (err error) {
		version, err = schemaOf(tx)
		return err
	})
	return version, err
}

// migrateFrom returns the transaction that brings a file from a schema up to the one in force.
func migrateFrom(from uint64) func(writeTx) error {
	return func(w writeTx) error {
		for version := from; version < schema; version++ {
			if err := migrations[version](w); err != nil {
				return fmt.Errorf("bring it from schema %d to %d: %w; the file is as it was", from, schema, err)
			}
		}
		return putSchema(w)
	}
}

const (
	bucketRoot = "rowtap"
	keySchema  = "schema"
	keyRoot    = "root"   // a sum over all zaps
	keyBackup  = "backup" // in a backup: when it was made

	bucketZaps         = "zaps"
	keyZap             = "zap"
	bucketCursors      = "cursors"
	bucketRows         = "rows"
	bucketCells        = "cells"
	bucketState        = "state"
	bucketQueuedChunks = "todo"
	bucketSent         = "sent"
	bucketRecipes      = "recipes" // until schema 5
)

// zapBuckets are the buckets in a zap's, of a schema.
func zapBuckets(schema uint64) []string {
	last := bucketSent
	if schema < 6 {
		last = bucketRecipes
	}
	return []string{bucketCursors, bucketRows, bucketCells, bucketState, bucketQueuedChunks, last}
}

// dropRecipes removes the texts by which records were made, and makes room for the records. The other values stay as they are: each is
// rewritten when something of it changes.
func dropRecipes(w writeTx) error {
	names, err := zapNames(w.Tx)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := w.removeKind(name, bucketRecipes); err != nil {
			return err
		}
		if _, err := bucketOf(w.Tx, name).CreateBucket([]byte(bucketSent)); err != nil {
			return err
		}
	}
	return sumUp(w)
}

func writeSchema(w writeTx) error {
	for _, name := range []string{bucketRoot, bucketZaps} {
		if _, err := w.CreateBucketIfNotExists([]byte(name)); err != nil {
			return err
		}
	}
	if err := putSchema(w); err != nil {
		return err
	}
	return sumUp(w)
}

func putSchema(w writeTx) error {
	k := []byte(keySchema)
	return w.put(w.Bucket([]byte(bucketRoot)), "", bucketRoot, k, finishSeal(k, appendUvarint(newSeal(8), uint64(schema))))
}

// checkSchema tells whether the file is a ledger that this version understands.
func checkSchema(tx *bbolt.Tx) error {
	_, err := schemaOf(tx)
	return err
}

// schemaOf returns the version of a file that this version of rowtap understands.
func schemaOf(tx *bbolt.Tx) (version uint64, err error) {
	root, zaps := tx.Bucket([]byte(bucketRoot)), tx.Bucket([]byte(bucketZaps))
	switch {
	case root == nil:
		return 0, damaged("", bucketRoot, 0, errMissing)
	case zaps == nil:
		return 0, damaged("", bucketZaps, 0, errMissing)
	}
	return readSchema(root.Get([]byte(keySchema)))
}

// readSchema returns the version in the value that says it.
func readSchema(value []byte) (version uint64, err error) {
	payload, err := unseal([]byte(keySchema), value)
	if err != nil {
		return 0, damaged("", keySchema, 0, err)
	}
	r := reader{s: string(payload)}
	version = r.uvarint()
	switch {
	case r.bad || version == 0:
		return 0, damaged("", keySchema, 0, errMalformed)
	case version > schema:
		return 0, fmt.Errorf("%w: its schema is %d, and this one knows %d; %s", ErrNewer, version, schema, adviceNewer)
	case version < oldestSchema:
		return 0, fmt.Errorf("%w: its schema is %d, and the first release's is %d; %s", ErrOlder, version, oldestSchema, adviceOlder)
	}
	return version, nil
}

// errMissing is what is not there.
var errMissing = errors.New("it is missing")

// checkZaps tells whether every zap's bucket is complete, under its own name, and as it was last written. bbolt keeps names
// without a checksum, and a zap that is not found would start anew.
func checkZaps(tx *bbolt.Tx) error {
	version, err := schemaOf(tx)
	if err != nil {
		return err
	}
	zaps := tx.Bucket([]byte(bucketZaps))
	err = zaps.ForEachBucket(func(k []byte) error {
		name, b := string(k), zaps.Bucket(k)
		for _, part := range zapBuckets(version) {
			if b.Bucket([]byte(part)) == nil {
				return damaged(name, part, 0, errMissing)
			}
		}
		z, _, err := readRecord(tx, name)
		if err == nil && z.sum != sumOf(b) {
			err = damaged(name, "", 0, errSum)
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
