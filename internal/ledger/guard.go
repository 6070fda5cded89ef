package ledger

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"go.etcd.io/bbolt"
)

func (l *Ledger) view(fn func(*bbolt.Tx) error) error {
	return l.guarded(func() error { return l.db.View(fn) })
}

func (l *Ledger) update(fn func(*bbolt.Tx) error) error {
	return l.guarded(func() error {
		return l.db.Update(func(tx *bbolt.Tx) error {
			if err := fn(tx); err != nil {
				return err
			}
			return addToRoot(tx, 0)
		})
	})
}

// guarded runs fn under guard. After a panic nothing more is tried: bbolt may have been holding its locks.
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

// guard runs fn, which reads the mapped file. Where bbolt panics over a page that cannot be, or the file ends before its
// pages do (the kernel's SIGBUS), it returns ErrCorrupt.
func guard(fn func() error) (panicked bool, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		switch r := recover().(type) {
		case nil:
		case string: // bbolt's assertions
			panicked, err = true, fmt.Errorf("%w: %s; %s", ErrCorrupt, r, adviceRestore)
		case runtime.Error:
			if _, fault := r.(interface{ Addr() uintptr }); !fault {
				panic(r)
			}
			panicked, err = true, fmt.Errorf("%w: it cannot be read where a page should be (cut short, or a failing disk); %s", ErrCorrupt, adviceRestore)
		default:
			panic(r)
		}
	}()
	return false, fn()
}
