package ledger

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// A cache is a state file with a copy of a state that a mirror has. It can be reloaded, so it needs
// no syncs; but then a cache that must be reloaded has to be recognized. Without syncs, a power
// failure may leave old pages under a new root, so a root equal to the mirror's proves nothing.
// Therefore a stamp in the file says whether it was closed with everything on the disk, and that is
// revoked before anything else is written. A file that does not say so is dropped.
//
// If the file is so damaged that its stamp cannot be read, a note tells that it is a cache and of
// which state. The note is a small file next to it. Without a note a damaged file is never dropped,
// because it may be an only copy.
//
// bbolt uses the later of two meta pages. While the ledger is open, neither of them may say that
// the cache was closed.

// OpenCache opens a state file as the cache of a mirrored state, and creates it if there is none. A
// cache that was not closed or is damaged is dropped: its [Position] then has only a State. A plain
// state file is opened as it is, without a Position, and stays one until [Ledger.Stamp] or
// [Ledger.Load]. A state of an older release is read as it is. The errors are those of [Open].
// o.ReadOnly is ignored.
//
// Before [Ledger.Promote], only [Ledger.Load] and [Ledger.Follow] write to a cache; all other
// writing methods return ErrNotActive.
func OpenCache(o Options) (*Ledger, error) {
	o.ReadOnly = false
	o, err := prepare(o)
	if err != nil {
		return nil, err
	}
	l, err := openCache(context.Background(), o)
	if err != nil {
		return nil, fmt.Errorf("state file %s: %w", o.Path, withAdvice(err, ""))
	}
	return l, nil
}

func openCache(ctx context.Context, o Options) (*Ledger, error) {
	l, s, err := openStamped(ctx, o)
	switch {
	case err == nil && s == nil:
		return l.closeOn(removeNote(o.Path)) // of an earlier cache
	case err == nil && s.clean:
		return l.closeOn(l.restamp(ctx, stamp{Position: s.Position}, nil))
	case err == nil: // it was not closed
		err = l.Close()
	case errors.Is(err, ErrCorrupt):
		if s == nil {
			s = noteAt(o.Path)
		}
		if s != nil {
			err = nil
		}
	}
	if err != nil {
		return nil, err
	}
	if err := drop(o.Path, s.State); err != nil {
		return nil, err
	}
	if l, s, err = openStamped(ctx, o); err != nil {
		return nil, err
	}
	return l.closeOn(l.restamp(ctx, stamp{Position: s.Position}, nil))
}

// openStamped opens the file of a cache. s is its stamp if that could be read, even on an error.
// The sums of a cache that was not closed are not compared.
func openStamped(ctx context.Context, o Options) (l *Ledger, s *stamp, err error) {
	if l, err = open(ctx, opening{Options: o, copies: true}); err != nil {
		return nil, nil, err
	}
	l.cache = true
	if s = l.stamped.Load(); s == nil || s.clean {
		if err := l.view(ctx, checkZaps); err != nil {
			return nil, s, errors.Join(err, l.Close())
		}
	}
	return l, s, nil
}

// closeOn returns a ledger that has just been opened; on an error it closes the ledger.
func (l *Ledger) closeOn(err error) (*Ledger, error) {
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// drop replaces the file at path with an empty cache of a state.
func drop(path, state string) error {
	unlock, owner, err := claimPlace(path)
	if err != nil {
		return err
	}
	err = viaTemp(path, func(f *os.File) error {
		return initialise(f.Name(), &stamp{Position: Position{State: state}, clean: true})
	}, func(tmp string) error {
		if err := giveTo(tmp, owner); err != nil {
			return err
		}
		return os.Rename(tmp, path)
	})
	return errors.Join(err, unlock())
}
