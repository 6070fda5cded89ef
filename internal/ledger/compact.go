package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"
)

// compactTx is how much of a copy is one transaction, in bytes.
const compactTx = 8 << 20

// CompactTo writes a copy without free space to a path where there is nothing yet (else fs.ErrExist). What is changed
// while it copies may be missing in the copy: the caller lets nobody change anything.
func (l *Ledger) CompactTo(path string) error {
	if err := l.compactTo(path); err != nil {
		return fmt.Errorf("compact state file %s into %s: %w", l.path, path, err)
	}
	return nil
}

func (l *Ledger) compactTo(path string) (err error) {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(fs.ErrExist, err)
	}
	dst, err := bbolt.Open(path, 0o600, boltOptions(Options{Timeout: time.Second}))
	if err != nil {
		return err
	}
	err = l.guarded(func() error { return bbolt.Compact(dst, l.db, compactTx) })
	if err = errors.Join(err, dst.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return syncDir(filepath.Dir(path))
}
