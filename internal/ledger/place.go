package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Errors of [Ledger.InPlace], wrapped with what happened.
var (
	// ErrMisplaced means that the file was removed or replaced. What is written to it is lost at
	// the next restart.
	ErrMisplaced = errors.New("the state file is no longer in its place")
	// ErrOverwritten means that another program has written to the file. It is not written to any
	// more.
	ErrOverwritten = errors.New("the state file was overwritten")
)

// InPlace returns nil if a restart would find what the ledger has, and otherwise ErrMisplaced or
// ErrOverwritten. It costs a few system calls. A file that cannot be inspected now, for example
// because a network disk does not respond, counts as in place, and one of a ledger that has ended
// ([ErrDisk]) as not overwritten.
//
// The caller must not begin anything new on an error: the next start would create an empty state or
// continue from another one. What is in flight is still recorded in the open file, and
// [Ledger.Backup] still copies that.
func (l *Ledger) InPlace() error {
	if err := l.inPlace(); err != nil {
		return err
	}
	// After a failed commit it is unknown how much of it is in the file.
	if l.db.IsReadOnly() || l.ended.Load() != nil {
		return nil
	}
	select {
	case l.writing <- struct{}{}:
		defer l.unlock()
		return l.untouched()
	default: // the writer checks it
		return nil
	}
}

// inPlace checks that the file's path still leads to it.
func (l *Ledger) inPlace() error {
	own, err := l.file.Stat()
	if err != nil {
		return nil //nolint:nilerr // as if the path could not be inspected
	}
	there, err := os.Stat(l.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: it was removed while rowtap was running: %s", ErrMisplaced, l.path)
	case err == nil && !os.SameFile(there, own):
		return fmt.Errorf("%w: it was replaced by another file while rowtap was running: %s", ErrMisplaced, l.path)
	}
	return nil
}

// untouched returns ErrOverwritten unless the file is as this ledger has last written it: the same
// length and transaction. l.writing must be held.
func (l *Ledger) untouched() error {
	m, err := readMeta(l.file)
	if err == nil && m.transaction == l.last || err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrForeign) {
		return nil // a read error says nothing about the content
	}
	return fmt.Errorf("%w: another program wrote to it while rowtap was running: %s", ErrOverwritten, l.path)
}

// Displaced reports whether an error is one of [Ledger.InPlace].
func Displaced(err error) bool {
	return errors.Is(err, ErrMisplaced) || errors.Is(err, ErrOverwritten)
}
