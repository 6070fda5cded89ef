package ledger

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"
)

// compactTx is the size of one transaction of a copy in bytes.
const compactTx = 8 << 20

// CompactTo writes a copy without free space to path, where no file may exist (fs.ErrExist).
// Changes made while it runs may be missing in the copy, so the caller must prevent them.
func (l *Ledger) CompactTo(ctx context.Context, path string) error {
	if err := l.compactTo(ctx, path); err != nil {
		return fmt.Errorf("compact state file %s into %s: %w", l.path, path, err)
	}
	return nil
}

func (l *Ledger) compactTo(ctx context.Context, path string) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(fs.ErrExist, err)
	}
	dst, err := bbolt.Open(path, 0o600, boltOptions(Options{Timeout: time.Second}))
	if err != nil {
		return err
	}
	err = l.guarded(func() error { return bbolt.Compact(dst, l.db, compactTx) })
	if err == nil {
		// Its transactions are numbered from 1 again.
		err = dst.Update(func(tx *bbolt.Tx) error { return addToRoot(writeTx{Tx: tx}, 0) })
	}
	if err = errors.Join(err, dst.Close()); err == nil {
		err = trim(path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return syncDir(filepath.Dir(path))
}

// Compact replaces the state file at path with a copy without free space, and returns both sizes in
// bytes. No process may have the file open. After a power failure one of the two is there,
// complete.
func Compact(ctx context.Context, path string) (before, after int64, err error) {
	before, after, err = compact(ctx, path)
	if err != nil {
		return 0, 0, fmt.Errorf("compact state file %s: %w", path, err)
	}
	return before, after, nil
}

func compact(ctx context.Context, path string) (before, after int64, err error) {
	info, err := os.Stat(path) // Open would create the file
	if err != nil {
		return 0, 0, err
	}
	l, err := openAny(ctx, path)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	if l.stamped.Load() == nil {
		if err := l.migrate(ctx); err != nil {
			return 0, 0, err
		}
	}
	tmp := path + ".compact"
	if err := os.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, 0, err
	}
	defer func() { _ = os.Remove(tmp) }() // already gone if it was renamed
	if err := l.CompactTo(ctx, tmp); err != nil {
		return 0, 0, err
	}
	if _, err := checkCopy(ctx, tmp); err != nil {
		return 0, 0, err
	}
	small, err := os.Stat(tmp)
	if err != nil {
		return 0, 0, err
	}
	if small.Size() >= info.Size() {
		return info.Size(), info.Size(), nil // already as small as possible
	}
	if err := errors.Join(os.Chmod(tmp, info.Mode().Perm()), giveTo(tmp, info)); err != nil {
		return 0, 0, err
	}
	if err := os.Rename(tmp, path); err != nil {
		return 0, 0, err
	}
	return info.Size(), small.Size(), syncDir(filepath.Dir(path))
}
