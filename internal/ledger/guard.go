package ledger

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"

	"go.etcd.io/bbolt"
)

// bbolt keeps its promises: a transaction is there completely or not at all (see the package's
// doc). It promises nothing in three cases, which this file and verify.go guard against:
//
//   - The file is damaged. bbolt follows its pages unchecked, partly in goroutines of its own, where a
//     panic cannot be recovered. So verify reads the pages with pread before bbolt maps them; then
//     damage is just an error.
//   - The file is damaged while it is open. guard turns panics and faults into errors.
//   - The last sync of a commit fails, or the process is killed before it. Everyone reads a state that
//     the disk may not have. So a failed commit ends the ledger, and Open syncs the meta pages again.
//
// bbolt's own check (tx.Check) cannot replace verify: some damage crashes it, and it misses a page
// that claims too few overflow pages, whose rows the next commit would overwrite.

// view runs a read transaction unless ctx has ended.
func (l *Ledger) view(ctx context.Context, fn func(*bbolt.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return l.guarded(func() error { return l.db.View(fn) })
}

// update runs a write transaction unless ctx ends before its turn. One that has begun is finished.
func (l *Ledger) update(ctx context.Context, fn func(writeTx) error) error {
	if err := l.lock(ctx); err != nil {
		return err
	}
	defer l.unlock()
	if (l.cache || l.stamped.Load() != nil) && l.term == nil {
		return ErrNotActive
	}
	// Only now: a commit during the wait may have ended the ledger.
	return l.guarded(func() error { return l.commit(fn, l.term) })
}

// lock waits for other write transactions to finish, at most until ctx ends.
func (l *Ledger) lock(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case l.writing <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *Ledger) unlock() {
	<-l.writing
}

// guarded runs fn under guard. A panic ends the ledger: bbolt may still hold its locks.
func (l *Ledger) guarded(fn func() error) error {
	if end := l.ended.Load(); end != nil {
		return end.err
	}
	panicked, err := guard(fn)
	if panicked {
		return l.end(err, true)
	}
	return err
}

// end makes all further calls return an error. For a cache that is ErrStale in most cases, because
// it can be reloaded.
func (l *Ledger) end(err error, panicked bool) error {
	if l.stamped.Load() != nil && !errors.Is(err, ErrNotActive) && !errors.Is(err, ErrStale) {
		err = fmt.Errorf("%w: %s", ErrStale, err.Error()) // text only: the wrapped error would trigger another reaction
	}
	l.ended.Store(&end{err, panicked})
	return err
}

// guard runs fn, which reads the mapped file. It returns ErrCorrupt if bbolt panics because of an
// invalid page, or if the file ends before its pages do (SIGBUS). Other panics are bugs, say
// nothing about the file, and propagate.
func guard(fn func() error) (panicked bool, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		_, fault := r.(interface{ Addr() uintptr })
		switch {
		case fault:
			err = corrupt("a page cannot be read (truncated file or failing disk)")
		case fromBolt(): // its assertions, or an index read from a bad page
			err = corrupt("its pages are inconsistent (%v)", r)
		default:
			panic(r)
		}
		panicked = true
	}()
	return false, fn()
}

// fromBolt reports, in a deferred function, whether the current panic began in bbolt, which uses
// values of pages as indexes. A panic of this package is a bug and no damage.
func fromBolt() bool {
	var pcs [32]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	panicked := false
	for {
		frame, more := frames.Next()
		switch {
		case strings.HasPrefix(frame.Function, "runtime."):
			panicked = panicked || frame.Function == "runtime.gopanic"
		case panicked:
			return strings.HasPrefix(frame.Function, "go.etcd.io/bbolt")
		}
		if !more {
			return false
		}
	}
}

// commit runs a write transaction under guard, with l.writing held. In a term the mirror gets it
// first, and the file only if the mirror has it.
func (l *Ledger) commit(fn func(writeTx) error, t *term) error {
	if err := l.untouched(); err != nil { // pages written by others would get mixed with ours
		return err
	}
	// Not with bbolt's Update: if a damaged page makes that panic, it scans the file for free pages
	// in a goroutine of its own, where the next panic ends the process.
	tx, err := l.db.Begin(true)
	if err != nil {
		return err
	}
	decided := false
	defer func() {
		// After a panic of our own, others go on writing, because the caller may recover it, as
		// net/http does. After a panic of bbolt a rollback is impossible; guarded lets nothing be
		// written.
		if !decided && !fromBolt() {
			_ = tx.Rollback()
		}
	}()
	transaction := uint64(tx.ID())
	w := writeTx{Tx: tx}
	if t != nil {
		w.set = &writeSet{}
	}
	var sent *stamp
	if err = fn(w); err == nil {
		err = addToRoot(w, 0)
	}
	if err == nil && t != nil && len(w.set.values) > 0 {
		sent, err = l.send(w, t)
	}
	decided = true
	if err != nil {
		return errors.Join(err, tx.Rollback())
	}
	if err = tx.Commit(); err != nil {
		if sent != nil { // even for lack of space: the mirror has what the file has not
			return l.end(fmt.Errorf("%w: %s", ErrStale, err.Error()), false)
		}
		return l.failed(transaction, err)
	}
	l.last = transaction
	if sent != nil {
		l.stamped.Store(sent)
	}
	return nil
}

var (
	// ErrNoRoom means that the file cannot grow. Nothing was written; the call may be retried.
	ErrNoRoom = errors.New("there is no room for the state file to grow")
	// ErrDisk means that the disk could not write or sync a commit. That call and all later ones
	// return it. Which state the disk has is unknown until the file is opened again.
	ErrDisk = errors.New("the disk of the state file reports an error")
)

// failed returns the error of a failed commit: ErrNoRoom if nothing of it was written for lack of
// space. Anything else ends the ledger.
//
// If the last step fails, the sync of the meta page, that page is written: everyone reads the new
// state, which the disk may not have. The next transaction would overwrite pages of the previous
// state, the only one that the disk surely has.
func (l *Ledger) failed(transaction uint64, err error) error {
	written := true // unless the file says otherwise
	viewErr := l.db.View(func(tx *bbolt.Tx) error {
		written = uint64(tx.ID()) >= transaction
		return nil
	})
	for _, full := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG} {
		if !written && strings.Contains(err.Error(), full.Error()) { // bbolt keeps some as text
			return fmt.Errorf("%w: %w", ErrNoRoom, err)
		}
	}
	return l.end(fmt.Errorf("%w: %w", ErrDisk, errors.Join(err, viewErr)), false)
}

// rewriteMeta writes both meta pages unchanged and syncs them. That repairs the state after a
// process was killed between writing and syncing the last one, or could not sync it.
func rewriteMeta(f *os.File, pageSize int) error {
	pages := make([]byte, 2*pageSize)
	if _, err := f.ReadAt(pages, 0); err != nil {
		return err
	}
	if _, err := f.WriteAt(pages, 0); err != nil {
		return err
	}
	return f.Sync()
}
