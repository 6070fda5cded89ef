package ledger

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"go.etcd.io/bbolt"
)

// commit runs a transaction that changes something, under guard and with l.writing held.
//
// When its last step fails, the fsync of the meta page, bbolt reports an error though the page is written: from then on
// everybody reads the new state, which the disk may not have. Going on would let the next transaction overwrite pages of the
// state before, the only one that the disk may have; a second fsync says nothing of a page whose first one failed. So the
// page is written again and synced, before anything else is written.
func (l *Ledger) commit(fn func(*bbolt.Tx) error) error {
	if err := l.untouched(); err != nil { // pages that others have written would be mixed with ours
		return err
	}
	if err := l.settle(); err != nil {
		return err
	}
	// Not by bbolt's Update: when a damaged page makes that panic, it scans the file for free pages in a goroutine of its own,
	// where the next panic ends the process.
	tx, err := l.db.Begin(true)
	if err != nil {
		return err
	}
	decided := false
	defer func() {
		// After a mistake of our own that panics, others go on writing, for the caller may recover it, as net/http does. bbolt's own
		// panics leave it in no state to roll back; guarded lets nobody write after one.
		if !decided && !fromBolt() {
			_ = tx.Rollback()
		}
	}()
	transaction := uint64(tx.ID())
	if err = fn(tx); err == nil {
		err = addToRoot(tx, 0)
	}
	decided = true
	if err != nil {
		return errors.Join(err, tx.Rollback())
	}
	if err = noRoom(tx.Commit()); err == nil {
		l.last = transaction
		return nil
	}
	written := false
	viewErr := l.db.View(func(tx *bbolt.Tx) error {
		written = uint64(tx.ID()) >= transaction
		return nil
	})
	if viewErr != nil || !written {
		return errors.Join(err, viewErr)
	}
	l.last, l.unsettled = transaction, true
	return l.settle()
}

// ErrNoRoom is returned when the file cannot grow. Nothing is lost: what was to be written is not, and may be tried again.
var ErrNoRoom = errors.New("there is no room for the state file to grow")

// ErrDisk is returned when the disk fails to write what it is given: freeing space does not help.
var ErrDisk = errors.New("the disk of the state file reports an error")

// noRoom tells a full disk and a failing one from other errors of a commit. bbolt keeps only the words of some.
func noRoom(err error) error {
	if err == nil {
		return nil
	}
	if strings.Contains(err.Error(), syscall.EIO.Error()) {
		return fmt.Errorf("%w: %w", ErrDisk, err)
	}
	full := strings.HasPrefix(err.Error(), "file resize error") || strings.HasPrefix(err.Error(), "file sync error")
	for _, why := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG} {
		full = full || errors.Is(err, why)
	}
	if full {
		return fmt.Errorf("%w: %w", ErrNoRoom, err)
	}
	return err
}

// settle makes the meta page durable that a failed fsync left in doubt. l.writing is held.
func (l *Ledger) settle() error {
	if !l.unsettled {
		return nil
	}
	if err := rewriteMeta(l.file); err != nil {
		return fmt.Errorf("what was written last may not have reached the disk: %w", err)
	}
	l.unsettled = false
	return nil
}

// rewriteMeta writes the meta page of the last transaction once more, as it is, and syncs it.
//
// Done at the start, it makes up for a process that was killed between writing that page and syncing it.
func rewriteMeta(f *os.File) error {
	m, err := fileMeta(f)
	if err != nil {
		return err
	}
	page := make([]byte, m.pageSize)
	at := int64(m.transaction%2) * int64(m.pageSize)
	if _, err := f.ReadAt(page, at); err != nil {
		return err
	}
	if _, err := f.WriteAt(page, at); err != nil {
		return err
	}
	return f.Sync()
}
