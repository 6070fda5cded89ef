package ledger

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"go.etcd.io/bbolt"
)

// view runs a transaction that only reads, unless ctx has ended.
func (l *Ledger) view(ctx context.Context, fn func(*bbolt.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return l.guarded(func() error { return l.db.View(fn) })
}

// update runs a transaction that changes something, unless ctx ends before its turn comes. One that has begun is finished.
func (l *Ledger) update(ctx context.Context, fn func(*bbolt.Tx) error) error {
	return l.guarded(func() error {
		if err := l.lock(ctx); err != nil {
			return err
		}
		defer l.unlock()
		return l.commit(fn)
	})
}

// lock waits until nobody else writes, unless ctx ends before that.
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

// guarded runs fn under guard. After a panic nothing more is tried: bbolt may have been holding its
// locks.
func (l *Ledger) guarded(fn func() error) error {
	if err := l.broken.Load(); err != nil {
		return *err
	}
	panicked, err := guard(fn)
	if panicked {
		l.broken.Store(&err)
	}
	return err
}

// fromBolt tells, in a deferred function, whether the panic under way began in bbolt, which indexes
// by what its pages say. One of this package's own is a mistake in it, and no damage.
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

// guard runs fn, which reads the mapped file. Where bbolt panics over a page that cannot be, or the
// file ends before its pages do (the kernel's SIGBUS), it returns ErrCorrupt. Any other panic is a
// mistake in fn, says nothing of the file, and goes on.
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
			err = fmt.Errorf("%w: it cannot be read where a page should be (cut short, or a failing disk); %s", ErrCorrupt, adviceRestore)
		case fromBolt(): // its assertions, or an index that a page has wrong
			err = fmt.Errorf("%w: its pages make no sense (%v); %s", ErrCorrupt, r, adviceRestore)
		default:
			panic(r)
		}
		panicked = true
	}()
	return false, fn()
}
