package ledger

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"
)

// keyStamp is the key of the stamp in a cache: which commit of which state it has, and whether it
// was closed.
const keyStamp = "copy"

// stamp is what a cache says of itself.
type stamp struct {
	Position
	clean bool // everything is on the disk
}

func putStamp(w writeTx, s stamp) error {
	k := []byte(keyStamp)
	b := appendString(appendString(newSeal(96), s.State), s.Epoch)
	return w.Bucket([]byte(bucketRoot)).Put(k, finishSeal(k, appendBool(appendUvarint(b, s.Commit), s.clean)))
}

// stampOf returns the stamp of a file, nil for a plain state file.
func stampOf(tx *bbolt.Tx) (*stamp, error) {
	k := []byte(keyStamp)
	value := tx.Bucket([]byte(bucketRoot)).Get(k)
	if value == nil {
		return nil, nil
	}
	payload, err := unseal(k, value)
	if err != nil {
		return nil, damaged("", keyStamp, 0, err)
	}
	r := reader{s: string(payload)}
	s := &stamp{Position: Position{State: r.string(), Epoch: r.string(), Commit: r.uvarint()}, clean: r.bool()}
	if err := r.done(); err != nil {
		return nil, damaged("", keyStamp, 0, err)
	}
	return s, nil
}

// Position returns which commit of which state the file has; see [Position].
func (l *Ledger) Position() Position {
	if s := l.stamped.Load(); s != nil {
		return s.Position
	}
	return Position{}
}

// check returns an error unless the position is that of a complete state.
func (p Position) check() error {
	if p.State == "" || p.Epoch == "" {
		return fmt.Errorf("%+v is not a position in a mirrored state", p)
	}
	return nil
}

// Stamp makes a plain state file the cache of a state that has just received all of its values
// ([Ledger.EachValue]).
func (l *Ledger) Stamp(ctx context.Context, to Position) error {
	err := to.check()
	switch {
	case err != nil:
	case l.stamped.Load() != nil:
		err = errors.New("it is a copy already")
	default:
		err = l.restamp(ctx, stamp{Position: to}, nil)
	}
	if err != nil {
		return fmt.Errorf("make state file %s a copy: %w", l.path, err)
	}
	return nil
}

// restamp commits the changes of fn, if not nil, and the stamp, to a cache that is not promoted.
// The first call ends syncs.
func (l *Ledger) restamp(ctx context.Context, s stamp, fn func(writeTx) error) error {
	if err := l.lock(ctx); err != nil {
		return err
	}
	defer l.unlock()
	if !l.cache || l.term != nil {
		return errors.New("it is not open as a copy of a state that another rowtap writes")
	}
	return l.guarded(func() error {
		if before := l.stamped.Load(); before == nil || before.clean || before.State != s.State {
			if err := putNote(l.path, s.State); err != nil {
				return err
			}
		}
		err := l.commit(func(w writeTx) error {
			if fn != nil {
				if err := fn(w); err != nil {
					return err
				}
			}
			return putStamp(w, s)
		}, nil)
		// The other meta page must not say that the cache was closed: it may be all that is left.
		if err == nil && !l.db.NoSync {
			err = l.commit(func(w writeTx) error { return putStamp(w, s) }, nil)
		}
		if err == nil {
			l.stamped.Store(&s)
			l.db.NoSync = true
		}
		return err
	})
}

// stampClosed stamps a cache as closed, with everything on the disk. It does nothing if the cache
// is behind the mirror or may be.
func (l *Ledger) stampClosed() error {
	if !l.cache || l.stamped.Load() == nil {
		return nil
	}
	if err := l.lock(context.Background()); err != nil {
		return err
	}
	defer l.unlock()
	s, end := l.stamped.Load(), l.ended.Load()
	if s.clean || end != nil && !errors.Is(end.err, ErrNotActive) {
		return nil
	}
	_, err := guard(func() error {
		if err := l.db.Sync(); err != nil {
			return err
		}
		l.db.NoSync = false
		clean := stamp{s.Position, true}
		err := l.commit(func(w writeTx) error { return putStamp(w, clean) }, nil)
		if err == nil {
			l.stamped.Store(&clean)
		}
		return err
	})
	return err
}

// Unstamp makes the cache at path a plain state file. It must not be open. A cache that was not
// closed, and may be unusable, is ErrStale.
func Unstamp(ctx context.Context, path string) error {
	if err := unstamp(ctx, path); err != nil {
		return fmt.Errorf("make the copy %s a state file: %w", path, err)
	}
	return nil
}

func unstamp(ctx context.Context, path string) error {
	l, err := openAny(ctx, path)
	if err != nil {
		return err
	}
	if s := l.stamped.Load(); s != nil && !s.clean {
		err = ErrStale
	} else {
		err = l.unstamp(ctx)
	}
	if err := errors.Join(err, l.Close()); err != nil {
		return err
	}
	return removeNote(path)
}

// unstamp makes a file that is not an open cache a plain state file.
func (l *Ledger) unstamp(ctx context.Context) error {
	if l.stamped.Load() == nil {
		return nil
	}
	if err := l.lock(ctx); err != nil {
		return err
	}
	defer l.unlock()
	return l.guarded(func() error {
		err := l.commit(func(w writeTx) error { return w.Bucket([]byte(bucketRoot)).Delete([]byte(keyStamp)) }, nil)
		if err == nil {
			l.stamped.Store(nil)
		}
		return err
	})
}
