package ledger

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"
)

// Value is one value of a mirrored state: as a transaction has stored it, or deleted if Value is
// nil.
type Value struct {
	Zap string // "" for values of the file itself
	// Kind is the bucket of the value. Of the file it is "rowtap", with the keys "schema" and
	// "root". Of a zap it is "cursors", "rows", "cells", "state", "todo" or "sent" (in states of
	// older releases "recipes"), or "zap" for its record, which has no Key.
	Kind  string
	Key   []byte
	Value []byte
}

// SchemaKey is the key of the value of Kind "rowtap" that has the schema version of a state.
const SchemaKey = keySchema

// CheckSchema returns nil if this version understands a mirrored state with the given value at
// [SchemaKey], and otherwise ErrNewer, ErrOlder or ErrCorrupt. Calling it before [Ledger.Load] or
// [Ledger.Follow] avoids transferring the values and losing the content of the cache.
func CheckSchema(value []byte) error {
	_, err := readSchema(value)
	return err
}

// Position says which commit of which mirrored state a cache has. The zero value belongs to a plain
// state file. A position with only a State belongs to a cache that was dropped or not loaded
// completely: it has nothing of that state.
type Position struct {
	State  string // ID of the mirrored state
	Epoch  string // ID of the term in which the commit was made
	Commit uint64
}

// Mirror makes each write set durable elsewhere before the file has it.
type Mirror interface {
	// Commit makes a write set durable as commit n, one more than the previous commit. The set has
	// one operation per key in arbitrary order, and is never empty; it must not be kept or changed.
	// Calls are sequential.
	//
	// On nil, it is durable. On ErrMirrorAway, it certainly is not durable and never will be; the
	// same n may be used again with another set. Any other error ends the ledger with that error,
	// as with ErrNotActive; then it does not matter whether the set is durable.
	Commit(n uint64, set []Value) error
}

// Errors of a ledger with a mirror, besides those of [Open].
var (
	// ErrMirrorAway means that PostgreSQL cannot be reached or refuses changes. Nothing was
	// changed; the call may be retried.
	ErrMirrorAway = errors.New("PostgreSQL is not available")
	// ErrNotActive means that another rowtap has taken over, or that this one was never active. The
	// ledger writes nothing any more. What it has is still a commit of the state, so after
	// [Ledger.Close] it can be opened again and follow.
	ErrNotActive = errors.New("this rowtap is not active")
	// ErrStale means that the cache differs from the mirrored state and cannot follow it. It must
	// be reloaded ([Ledger.Load]). A ledger that has ended with ErrStale must be closed and opened
	// first, which drops its content.
	ErrStale = errors.New("the copy of the state on PostgreSQL must be reloaded")
	// ErrCopy means that a file is the copy of a mirrored state. Opening it as a state would fork
	// the state.
	ErrCopy = errors.New("it is a copy of the state on PostgreSQL")
)

const adviceCopy = "\nnext: set state.postgres in rowtap.yaml, or move the state back: rowtap state migrate --from postgres"

// term is the time in which a cache belongs to the active process.
type term struct {
	mirror Mirror
	epoch  string
}

// Promote makes a cache the one of the active process: from now on m makes each commit durable
// first, as one of the given epoch, numbered from [Ledger.Position] on. The first commit may
// migrate the state of an older release. On an error nothing has changed.
func (l *Ledger) Promote(ctx context.Context, m Mirror, epoch string) error {
	if err := l.promote(ctx, &term{m, epoch}); err != nil {
		return fmt.Errorf("promote state file %s: %w", l.path, err)
	}
	return nil
}

func (l *Ledger) promote(ctx context.Context, t *term) error {
	if err := l.lock(ctx); err != nil {
		return err
	}
	defer l.unlock()
	switch {
	case l.term != nil:
		return errors.New("it is promoted already")
	case !l.cache || l.Position().Epoch == "":
		return errors.New("it is not a copy of a mirrored state")
	}
	from, err := l.version(ctx)
	if err == nil && from != schema {
		err = l.guarded(func() error { return l.commit(migrateFrom(from), t) })
	}
	if err == nil {
		l.term = t
	}
	return err
}

// send makes the write set of a transaction durable in the mirror and stamps the file with its
// commit.
func (l *Ledger) send(w writeTx, t *term) (*stamp, error) {
	next := *l.stamped.Load()
	next.Epoch, next.Commit = t.epoch, next.Commit+1
	if err := putStamp(w, next); err != nil {
		return nil, err
	}
	now, err := readRoot(w.Tx)
	if err != nil {
		return nil, err
	}
	w.set.note(now.mirrored())
	returned := false
	defer func() {
		if !returned { // a panic: unknown whether it has the commit
			_ = l.end(fmt.Errorf("%w: its last commit was interrupted", ErrStale), false)
		}
	}()
	err = t.mirror.Commit(next.Commit, w.set.values)
	returned = true
	switch {
	case err == nil || errors.Is(err, ErrMirrorAway):
		return &next, err
	case !errors.Is(err, ErrNotActive):
		err = fmt.Errorf("%w: %w", ErrNotActive, err)
	}
	return nil, l.end(err, false)
}

// mirrored returns the root as a mirror has it, without the transaction, which each file numbers
// for itself.
func (r root) mirrored() Value {
	r.transaction = 0
	return Value{"", bucketRoot, []byte(keyRoot), encodeRoot(r)}
}

// EachValue calls fn for all values that a mirror of this state has, those of the file first, as of
// one point in time. The values are only valid during the call. Writes may continue, but freed
// space is not reused until it ends. An error of fn ends it and is returned unchanged.
func (l *Ledger) EachValue(ctx context.Context, fn func(Value) error) error {
	var failed error
	err := l.view(ctx, func(tx *bbolt.Tx) error {
		return eachValue(tx, func(v Value) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			failed = fn(v)
			return failed
		})
	})
	if err != nil && failed == nil {
		return fmt.Errorf("read state file %s: %w", l.path, err)
	}
	return failed
}

func eachValue(tx *bbolt.Tx, fn func(Value) error) error {
	own := tx.Bucket([]byte(bucketRoot))
	for _, k := range []string{keySchema, keySummaries} {
		value := own.Get([]byte(k))
		if value == nil {
			continue
		}
		if err := fn(Value{"", bucketRoot, []byte(k), value}); err != nil {
			return err
		}
	}
	now, err := readRoot(tx)
	if err != nil {
		return err
	}
	if err := fn(now.mirrored()); err != nil {
		return err
	}
	return tx.Bucket([]byte(bucketZaps)).ForEachBucket(func(name []byte) error { return valuesOf(tx, string(name), fn) })
}

// valuesOf calls fn for all values of a zap, its record first.
func valuesOf(tx *bbolt.Tx, zap string, fn func(Value) error) error {
	b := bucketOf(tx, zap)
	if err := fn(Value{zap, keyZap, nil, b.Get([]byte(keyZap))}); err != nil {
		return err
	}
	return b.ForEachBucket(func(name []byte) error {
		kind := string(name)
		return b.Bucket(name).ForEach(func(key, value []byte) error { return fn(Value{zap, kind, key, value}) })
	})
}
