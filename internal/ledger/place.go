package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// What [Ledger.InPlace] returns, wrapped in words that say what happened.
var (
	// ErrMisplaced: the file was removed, or another one has its name. What is written goes into a
	// file that no restart finds.
	ErrMisplaced = errors.New("the state file is not in its place any more")
	// ErrOverwritten: something else has written into the file. Nothing is written to it any more.
	ErrOverwritten = errors.New("the state file was overwritten")
)

// InPlace tells whether a restart would find what the ledger has: nil, or ErrMisplaced,
// ErrOverwritten. It costs a few system calls. A file that cannot be looked at now, on a network
// disk that does not respond perhaps, is taken to be there, and one that has ended ([ErrDisk]) to be untouched.
//
// The caller begins nothing new while it is not: the next start would make an empty state, or go on
// from another one. What is under way is still recorded in the file that is open, and
// [Ledger.Backup] still copies that.
func (l *Ledger) InPlace() error {
	if err := l.inPlace(); err != nil {
		return err
	}
	if l.db.IsReadOnly() || l.ended.Load() != nil { // the last commit failed: how much of it is in the file is not known
		return nil
	}
	select {
	case l.writing <- struct{}{}:
		defer l.unlock()
		return l.untouched()
	default: // who writes looks at it
		return nil
	}
}

// inPlace tells whether the file's path still leads to it.
func (l *Ledger) inPlace() error {
	own, err := l.file.Stat()
	if err != nil {
		return nil //nolint:nilerr // as where the path cannot be looked at
	}
	there, err := os.Stat(l.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: it was removed while rowtap runs: %s", ErrMisplaced, l.path)
	case err == nil && !os.SameFile(there, own):
		return fmt.Errorf("%w: another file was put in its place while rowtap runs: %s", ErrMisplaced, l.path)
	}
	return nil
}

// untouched tells whether the file is as this ledger has written it last: as long, and of the same
// transaction. l.writing is held.
func (l *Ledger) untouched() error {
	m, err := readMeta(l.file)
	if err == nil && m.transaction == l.last || err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrForeign) {
		return nil // an error of reading is no news of what is there
	}
	return fmt.Errorf("%w: something else has written to it while rowtap runs: %s", ErrOverwritten, l.path)
}

// Displaced tells whether an error is one of [Ledger.InPlace].
func Displaced(err error) bool {
	return errors.Is(err, ErrMisplaced) || errors.Is(err, ErrOverwritten)
}
