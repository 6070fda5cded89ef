package ledger

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"
)

// schema is the version of the buckets and values described in the package doc. It is incremented
// by each release that writes what the previous one cannot read, so that an older rowtap refuses
// the file instead of misreading it.
const schema = 6

// oldestSchema is the version of the first release. Everything written since then can be opened.
const oldestSchema = 4

// migrations bring a file from the schema in the key to the next one. All migrations that a file
// needs run in one transaction when it is first opened for writing. A file that is only read does
// not change, so readers understand all released forms. Migrations leave cursors alone: detection
// understands old ones. A migration that changes values of zaps must update the sums (sumUp).
var migrations = map[uint64]func(writeTx) error{
	// Deliveries older than the history became tombstones, and chunks of the bucket state, which
	// count them, changed their form. A chunk is rewritten when it changes, at the latest by the
	// next Prune: rewriting all at once could be gigabytes. Deliveries accepted by a dry run were
	// called sent; they are now validated, and their chunks are rewritten.
	4: validateShadow,
	// Sent records are stored. Before, the recipes that had made them were. Hours count rows, for a
	// month; before, they counted attempts, for a week.
	5: func(w writeTx) error {
		if err := dropRecipes(w); err != nil {
			return err
		}
		return recount(w)
	},
}

// migrate brings an open file to the current schema.
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

// migrateFrom returns the transaction that brings a file from a schema to the current one.
func migrateFrom(from uint64) func(writeTx) error {
	return func(w writeTx) error {
		for version := from; version < schema; version++ {
			if err := migrations[version](w); err != nil {
				return fmt.Errorf("migrate from schema %d to %d (the file is unchanged): %w", from, schema, err)
			}
		}
		return putSchema(w)
	}
}

const (
	bucketRoot = "rowtap"
	keySchema  = "schema"
	keyRoot    = "root"   // sum over all zaps
	keyBackup  = "backup" // in a backup: its date

	bucketZaps         = "zaps"
	keyZap             = "zap"
	bucketCursors      = "cursors"
	bucketRows         = "rows"
	bucketCells        = "cells"
	bucketState        = "state"
	bucketQueuedChunks = "todo"
	bucketSent         = "sent"
	bucketKeys         = "keys"    // only of zaps that skip repeated keys
	bucketRecipes      = "recipes" // until schema 5
)

// zapBuckets returns the buckets that every zap has in a schema.
func zapBuckets(schema uint64) []string {
	last := bucketSent
	if schema < 6 {
		last = bucketRecipes
	}
	return []string{bucketCursors, bucketRows, bucketCells, bucketState, bucketQueuedChunks, last}
}

// dropRecipes removes the recipes of schema 5 and creates the buckets for sent records. Other
// values are rewritten when they change.
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

// checkSchema returns an error unless this version of rowtap understands the file.
func checkSchema(tx *bbolt.Tx) error {
	_, err := schemaOf(tx)
	return err
}

// schemaOf returns the schema of a file that this version of rowtap understands.
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

// readSchema returns the version in the value of keySchema.
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
		return 0, fmt.Errorf("%w: its schema is %d, this rowtap supports up to %d%s", ErrNewer, version, schema, adviceNewer)
	case version < oldestSchema:
		return 0, fmt.Errorf("%w: its schema is %d, that of the first release is %d%s", ErrOlder, version, oldestSchema, adviceOlder)
	}
	return version, nil
}

// errMissing means that a value does not exist.
var errMissing = errors.New("missing")

// checkZaps checks that every zap's bucket is complete, has the right name and is as it was last
// written. bbolt stores names without a checksum, and a zap that is not found would start over.
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

// damaged describes a value that cannot be read: its zap, its kind and the first delivery concerned
// (0: none).
func damaged(zap, kind string, n uint64, err error) error {
	d := Damage{Zap: zap, Kind: kind, Problem: err.Error()}
	if n > 0 {
		d = damageAt(zap, kind, key(n), err)
	}
	return fmt.Errorf("%s: %w%s", ErrCorrupt.Error(), d, adviceRestore)
}
