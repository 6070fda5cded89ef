package ledger

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

// SetSchema writes another schema version to a state file.
func SetSchema(t *testing.T, path string, version uint64) {
	t.Helper()
	editFile(t, path, func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(bucketRoot)).Put([]byte(keySchema), SchemaValue(version))
	})
}

// SchemaValue returns the value of a schema version.
func SchemaValue(version uint64) []byte {
	return finishSeal([]byte(keySchema), appendUvarint(newSeal(8), version))
}

// Schema is the schema version that this version of rowtap writes.
const Schema = schema

// OldestSchema is the schema version of the first release.
const OldestSchema = oldestSchema

// HoldWriting blocks write transactions until release.
func (l *Ledger) HoldWriting() (release func()) {
	l.writing <- struct{}{}
	return l.unlock
}

// NextDelivery returns the number of the zap's next new row.
func (l *Ledger) NextDelivery(ctx context.Context, zap string) (uint64, error) {
	z, _, err := l.record(ctx, zap)
	return z.next, err
}

// FlipBit flips a bit of the i-th value of the zaps in the file, modulo their number.
func FlipBit(t *testing.T, path string, i, bit int) {
	t.Helper()
	editFile(t, path, func(tx *bbolt.Tx) error {
		type value struct {
			bucket *bbolt.Bucket
			key    []byte
		}
		var values []value
		zaps := tx.Bucket([]byte(bucketZaps))
		collect := func(b *bbolt.Bucket) error {
			return b.ForEach(func(k, v []byte) error {
				if len(v) > 0 {
					values = append(values, value{b, k})
				}
				return nil
			})
		}
		err := zaps.ForEachBucket(func(zap []byte) error {
			b := zaps.Bucket(zap)
			if err := collect(b); err != nil {
				return err
			}
			return b.ForEachBucket(func(name []byte) error { return collect(b.Bucket(name)) })
		})
		if err != nil {
			return err
		}
		v := values[i%len(values)]
		b := append([]byte(nil), v.bucket.Get(v.key)...)
		bit %= 8 * len(b)
		b[bit/8] ^= 1 << (bit % 8)
		return v.bucket.Put(v.key, b)
	})
}

func editFile(t *testing.T, path string, fn func(*bbolt.Tx) error) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, boltOptions(Options{}))
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return addToRoot(writeTx{Tx: tx}, 0)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// IsFree reports whether a page of a state file is unused.
func IsFree(t *testing.T, path string, id uint64) (free bool) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, boltOptions(Options{}))
	if err != nil {
		t.Fatal(err)
	}
	err = db.View(func(tx *bbolt.Tx) error {
		info, err := tx.Page(int(id))
		free = err == nil && info.Type == "free"
		return err
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	return free
}

// SchemaOf returns the schema version of a state file.
func SchemaOf(t *testing.T, path string) (version uint64) {
	t.Helper()
	l, err := Open(Options{Path: path, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.view(t.Context(), func(tx *bbolt.Tx) (err error) { version, err = schemaOf(tx); return err }); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return version
}

// SetMigration replaces a migration during a test.
func SetMigration(t *testing.T, from uint64, migration func(*bbolt.Tx) error) {
	before := migrations[from]
	migrations[from] = func(w writeTx) error { return migration(w.Tx) }
	t.Cleanup(func() { migrations[from] = before })
}

// TextsOf returns the decompressed rows, cells, records and states of a zap.
func TextsOf(t *testing.T, l *Ledger, zap string) (texts []string) {
	t.Helper()
	err := l.view(t.Context(), func(tx *bbolt.Tx) error {
		b := bucketOf(tx, zap)
		for _, name := range []string{bucketRows, bucketCells, bucketSent} {
			err := b.Bucket([]byte(name)).ForEach(func(k, v []byte) error {
				packed, err := unseal(k, v)
				if err != nil {
					return err
				}
				raw, err := l.codec.unpack(packed)
				texts = append(texts, raw)
				return err
			})
			if err != nil {
				return err
			}
		}
		return b.Bucket([]byte(bucketState)).ForEach(func(k, v []byte) error {
			_, raw, err := l.codec.unpackChunk(k, v)
			texts = append(texts, raw)
			return err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

// SentValues returns the number of values that a zap's records are in.
func SentValues(t *testing.T, l *Ledger, zap string) (n int) {
	t.Helper()
	err := l.view(t.Context(), func(tx *bbolt.Tx) error {
		n = bucketOf(tx, zap).Bucket([]byte(bucketSent)).Stats().KeyN
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// RemoveUpload removes the records of an upload that deliveries refer to.
func RemoveUpload(ctx context.Context, l *Ledger, zap string, upload uint64) error {
	return l.edit(ctx, zap, false, func(e *edit) error { return e.remove(bucketSent, key(upload)) })
}

// ForgetUpload removes a delivery's reference to its record, but not the record.
func ForgetUpload(ctx context.Context, l *Ledger, zap string, n uint64) error {
	return l.edit(ctx, zap, false, func(e *edit) error {
		en, err := e.entry(n)
		if err == nil {
			en.upload = 0
			e.touch(n, time.Time{})
		}
		return err
	})
}

// BucketsOf returns the names of a zap's buckets.
func BucketsOf(t *testing.T, l *Ledger, zap string) (names []string) {
	t.Helper()
	err := l.view(t.Context(), func(tx *bbolt.Tx) error {
		return bucketOf(tx, zap).ForEachBucket(func(k []byte) error { names = append(names, string(k)); return nil })
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// ValidateShadow is the migration from schema 4.
func ValidateShadow(ctx context.Context, l *Ledger) error {
	return l.update(ctx, func(w writeTx) error { return errors.Join(validateShadow(w), recount(w)) })
}

// Recount counts the rows of an older release's file.
func Recount(ctx context.Context, l *Ledger) error { return l.update(ctx, recount) }

// SetHours makes the hours of a zap count rows as sent, as an older release may have counted them.
func SetHours(ctx context.Context, l *Ledger, zap string, sent map[time.Time]int64) error {
	return l.edit(ctx, zap, false, func(e *edit) error {
		e.record.hours = nil
		for at, n := range sent {
			for range n {
				e.record.count(Sent, millis(at))
			}
		}
		return nil
	})
}

// them.
func AsIfUncounted(ctx context.Context, l *Ledger, zap string) error {
	return l.edit(ctx, zap, false, func(e *edit) error {
		e.record.hours = nil
		return nil
	})
}

// LastTransaction returns the number of a ledger's last transaction.
func LastTransaction(l *Ledger) uint64 { return l.last }

// BreakDisk makes all further writes to a ledger's file fail.
func BreakDisk(l *Ledger) error { return l.file.Close() }

// StateOf returns the state of a delivery; 0 if it was finished and [Ledger.Prune] has removed it.
// A number that the zap has not used is ErrUnknown.
func (l *Ledger) StateOf(ctx context.Context, zap string, n uint64) (state State, err error) {
	err = l.view(ctx, func(tx *bbolt.Tx) error {
		state = 0
		z, _, err := readRecord(tx, zap)
		if err != nil {
			return err
		}
		if n == 0 || n >= z.next {
			return ErrUnknown
		}
		e, err := l.entryOf(tx, zap, n)
		if e != nil {
			state = e.state
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("read delivery %s/%d: %w", zap, n, err)
	}
	return state, nil
}

// Hashes returns the hashes of identities in the index that are up to date, by delivery, without
// those of deliveries that have no identity.
func Hashes(t *testing.T, l *Ledger, zap string, by Identifier) map[uint64]uint32 {
	t.Helper()
	found := map[uint64]uint32{}
	err := l.view(t.Context(), func(tx *bbolt.Tx) error {
		return eachHashes(tx, zap, func(k, _ []byte) error {
			h, ok := readHashes(indexOf(tx), k, bucketOf(tx, zap).Bucket([]byte(bucketState)).Get(k[len(zap)+1:]), by.version())
			for i := 0; ok && i < len(h.list); i += 4 {
				if hash := binary.LittleEndian.Uint32(h.list[i:]); hash != 0 {
					found[h.base+uint64(i/4)] = hash
				}
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// eachHashes calls fn for the values of a zap's chunks in the index.
func eachHashes(tx *bbolt.Tx, zap string, fn func(k, v []byte) error) error {
	prefix := indexPrefix(zap)
	c := indexOf(tx).Cursor()
	for k, v := c.Seek(indexKey(prefix, 1)); bytes.HasPrefix(k, prefix); k, v = c.Next() {
		if err := fn(bytes.Clone(k), v); err != nil {
			return err
		}
	}
	return nil
}

// HashOf returns the hash of an identity.
func HashOf(identity string) uint32 { return hashIdentity(identity) }

// EmptyIndex makes the index say that no delivery has an identity.
func EmptyIndex(ctx context.Context, l *Ledger, zap string) error {
	return l.update(ctx, func(w writeTx) error {
		return eachHashes(w.Tx, zap, func(k, v []byte) error {
			h, err := decodeHashes(k, v)
			if err != nil {
				return err
			}
			h.chunk, h.list = bytes.Clone(h.chunk), make([]byte, len(h.list))
			return indexOf(w.Tx).Put(k, encodeHashes(k, h))
		})
	})
}

// IndexIsWhole reports whether the index has a valid mark for a zap.
func IndexIsWhole(t *testing.T, l *Ledger, zap string, by Identifier) (is bool) {
	t.Helper()
	err := l.view(t.Context(), func(tx *bbolt.Tx) error {
		if index := indexOf(tx); index != nil {
			mark := indexKey(indexPrefix(zap), 0)
			is = whole(bucketOf(tx, zap), mark, index.Get(mark), by.version())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return is
}

// KeysAtOnce is the most known keys that a transaction takes.
const KeysAtOnce = keysAtOnce

// DamageIndex changes a bit of each hash that the index has of a zap.
func DamageIndex(ctx context.Context, l *Ledger, zap string) error {
	return l.update(ctx, func(w writeTx) error {
		return eachHashes(w.Tx, zap, func(k, v []byte) error {
			v = bytes.Clone(v)
			v[len(v)-1] ^= 1
			return indexOf(w.Tx).Put(k, v)
		})
	})
}

// DamageChunks changes a bit in each chunk of a zap.
func DamageChunks(ctx context.Context, l *Ledger, zap string) error {
	return l.update(ctx, func(w writeTx) error {
		b := bucketOf(w.Tx, zap).Bucket([]byte(bucketState))
		return b.ForEach(func(k, v []byte) error {
			v = bytes.Clone(v)
			v[len(v)-1] ^= 1
			return b.Put(k, v)
		})
	})
}

// PathOf returns the path of a ledger's file.
func PathOf(l *Ledger) string { return l.path }
