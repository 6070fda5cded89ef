package ledger

import (
	"bytes"
	"context"
	"fmt"

	"go.etcd.io/bbolt"
)

// maxRecipes bounds how many versions of a zap's recipe are kept.
const maxRecipes = 64

// KeepRecipe keeps the text by which a zap's records are made, and returns its version, from 1 on, by which an [Outcome] names it.
// The text that was kept last keeps its version, and nothing is written. Of more than 64 versions the oldest go, and [Ledger.Prune]
// removes those that no delivery names any more. It returns ErrUnknown if the ledger does not know the zap.
func (l *Ledger) KeepRecipe(ctx context.Context, zap string, text []byte) (version uint64, err error) {
	same := false
	find := func(tx *bbolt.Tx) error {
		b := bucketOf(tx, zap)
		if b == nil {
			return nil // edit says so
		}
		newest, kept, err := newestRecipe(l.codec, b, zap)
		version, same = newest, newest > 0 && bytes.Equal(kept, text)
		return err
	}
	if err = l.view(ctx, find); err == nil && !same { // most calls find it, and need not write
		err = l.edit(ctx, zap, false, func(e *edit) error {
			if err := find(e.bucket.Tx()); err != nil || same {
				return err
			}
			version++
			return e.putRecipe(version, text)
		})
	}
	if err != nil {
		return 0, fmt.Errorf("keep the recipe of zap %s: %w", zap, err)
	}
	return version, nil
}

// Recipe returns a version of a zap's recipe; ok is false if there is none, or not any more.
func (l *Ledger) Recipe(ctx context.Context, zap string, version uint64) (text []byte, ok bool, err error) {
	err = l.view(ctx, func(tx *bbolt.Tx) (err error) {
		b := bucketOf(tx, zap)
		if b == nil {
			return nil
		}
		k := key(version)
		value := b.Bucket([]byte(bucketRecipes)).Get(k)
		if ok = value != nil; !ok {
			return nil
		}
		if text, err = l.codec.decodeRecipe(k, value); err != nil {
			return damaged(zap, bucketRecipes, version, err)
		}
		return nil
	})
	if err != nil {
		return nil, false, fmt.Errorf("read version %d of the recipe of zap %s: %w", version, zap, err)
	}
	return text, ok, nil
}

// NewestRecipe returns the text of a zap's recipe that was kept last; ok is false if there is none.
func (l *Ledger) NewestRecipe(ctx context.Context, zap string) (text []byte, ok bool, err error) {
	err = l.view(ctx, func(tx *bbolt.Tx) (err error) {
		b := bucketOf(tx, zap)
		if b == nil {
			return nil
		}
		var version uint64
		version, text, err = newestRecipe(l.codec, b, zap)
		ok = version > 0
		return err
	})
	if err != nil {
		return nil, false, fmt.Errorf("read the newest recipe of zap %s: %w", zap, err)
	}
	return text, ok, nil
}

// newestRecipe returns the version of a zap's recipe that was kept last, and its text; 0 if there is none.
func newestRecipe(c codec, zap *bbolt.Bucket, name string) (version uint64, text []byte, err error) {
	k, v := zap.Bucket([]byte(bucketRecipes)).Cursor().Last()
	if k == nil {
		return 0, nil, nil
	}
	if version, err = numberOf(k); err == nil {
		text, err = c.decodeRecipe(k, v)
	}
	if err != nil {
		return 0, nil, damaged(name, bucketRecipes, version, err)
	}
	return version, text, nil
}

// putRecipe stores the next version of the zap's recipe, and removes the one that is too many then.
func (e *edit) putRecipe(version uint64, text []byte) error {
	value, err := e.codec.encodeRecipe(key(version), text)
	if err != nil {
		return err
	}
	if version > maxRecipes {
		if err := e.remove(bucketRecipes, key(version-maxRecipes)); err != nil {
			return err
		}
	}
	return e.put(bucketRecipes, key(version), value)
}

// encodeRecipe returns the value of a key.
func (c codec) encodeRecipe(key, text []byte) ([]byte, error) {
	return c.pack(key, newSeal(64+len(text)/2), text)
}

func (c codec) decodeRecipe(key, value []byte) ([]byte, error) {
	packed, err := unseal(key, value)
	if err != nil {
		return nil, err
	}
	return c.unpackInto(nil, packed)
}
