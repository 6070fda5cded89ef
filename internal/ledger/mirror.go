package ledger

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"
)

// Value is one value of the state, as a [Mirror] has it: what a transaction has stored, or deleted where Value is nil.
type Value struct {
	Zap string // "": the file's own
	// Kind is the value's bucket: of the file's own "rowtap" (with the keys "schema" and "root"), of a zap's "cursors", "rows", "cells",
	// "state", "todo" and "sent" (in states of older releases "recipes"), and "zap" for its record, which has no Key.
	Kind  string
	Key   []byte
	Value []byte
}

// SchemaKey is the key of the value that says the schema of a state, of Kind "rowtap".
const SchemaKey = keySchema

// CheckSchema returns nil if the value at [SchemaKey] of a mirrored state says that this version understands the others, else
// ErrNewer, ErrOlder or ErrCorrupt. To ask before [Ledger.Load] or [Ledger.Follow] spares the values, and what the cache has.
func CheckSchema(value []byte) error {
	_, err := readSchema(value)
	return err
}

// Position says which commit of which mirrored state a cache has. The zero value is that of a plain state file. One with nothing but
// a State is that of a cache which has been dropped, or not been loaded whole: it has nothing of that state.
type Position struct {
	State  string // id of the mirrored state
	Epoch  string // id of the active rowtap's term that made the commit
	Commit uint64
}

// Mirror makes each write set durable elsewhere before the file has it.
type Mirror interface {
	// Commit makes a write set durable as commit n, one more than the commit before. The set has one operation a key, in no order that
	// matters, and is never empty; it must not be kept or changed. Calls follow one another.
	//
	// nil: it is durable. ErrMirrorAway: it is certain that it is not durable and never will be, and the same n may be tried again, with
	// another set. Any other error ends the ledger with it, as ErrNotActive; then it does not matter whether the set is durable.
	Commit(n uint64, set []Value) error
}

// What becomes of a ledger whose state is mirrored, in addition to what [Open] returns.
var (
	// ErrMirrorAway: PostgreSQL cannot be reached, or does not accept changes. Nothing was changed, and it may be tried again.
	ErrMirrorAway = errors.New("PostgreSQL is not available")
	// ErrNotActive: another rowtap has taken over, or this one was never active. Nothing is written by this ledger any more. What it has
	// is a commit of the state all the same, so after [Ledger.Close] it can be opened and followed on.
	ErrNotActive = errors.New("this rowtap is not the active one")
	// ErrStale: the cache does not have what the mirrored state has, and cannot be brought to it. It must be loaded whole
	// ([Ledger.Load]); a ledger that has ended with it must be closed and opened again before, which drops what it has.
	ErrStale = errors.New("the copy of the state on PostgreSQL must be loaded again")
	// ErrCopy: a file is the copy of a mirrored state, and cannot be the state: it would go on from where the copy is, and both fork.
	ErrCopy = errors.New("it is a copy of the state on PostgreSQL")
)

const adviceCopy = "next: set state.postgres in rowtap.yaml, or move the state back: rowtap state migrate --from postgres"

// term is the time in which a cache is the one of the active rowtap.
type term struct {
	mirror Mirror
	epoch  string
}

// Promote makes a cache the one of the active rowtap: each commit from here on is made durable by m first, as one of an epoch, beginning
// after [Ledger.Position]. A state of an older release is brought up to date by the first. Where that fails nothing has changed.
func (l *Ledger) Promote(ctx context.Context, m Mirror, epoch string) error {
	if err := l.promote(ctx, &term{m, epoch}); err != nil {
		return fmt.Errorf("make state file %s the active one's: %w", l.path, err)
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
		return errors.New("it is already")
	case !l.cache || l.Position().Epoch == "":
		return errors.New("it is no copy of a mirrored state")
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

// send makes the write set of a transaction durable in the mirror, and has the file say which commit it has with it.
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
		if !returned { // it panics: whether it has the commit is not known
			_ = l.end(fmt.Errorf("%w: its last commit was cut off", ErrStale), false)
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

// mirrored returns the root as a mirror has it: transactions are numbered by each file for itself.
func (r root) mirrored() Value {
	r.transaction = 0
	return Value{"", bucketRoot, []byte(keyRoot), encodeRoot(r)}
}

// EachValue calls fn for all values that a mirror of this state has, those of the file first, as they are at one time. What
// it gets is dead after it returns. Others may write meanwhile, but space that is freed is not reused. An error of fn ends
// it and is returned as it is.
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
	if err := fn(Value{"", bucketRoot, []byte(keySchema), own.Get([]byte(keySchema))}); err != nil {
		return err
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
