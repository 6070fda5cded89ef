package ledger

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"
)

// Backup writes a consistent copy of the file and returns its size in bytes. Reads and writes go on
// meanwhile, but freed space is not reused before it ends.
func (l *Ledger) Backup(ctx context.Context, w io.Writer) (int64, error) {
	var n int64
	err := l.view(ctx, func(tx *bbolt.Tx) (err error) {
		if n, err = tx.WriteTo(cutOff{ctx, w}); err != nil && ctx.Err() != nil {
			return ctx.Err() // bbolt keeps only the text
		}
		return err
	})
	if err != nil {
		return n, fmt.Errorf("copy state file %s: %w", l.path, err)
	}
	return n, nil
}

// cutOff is a writer that fails once ctx has ended.
type cutOff struct {
	ctx context.Context
	w   io.Writer
}

func (c cutOff) Write(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.w.Write(b)
}

// SaveBackup creates a backup at path (mode 0600) with the content written by write, which calls
// [Ledger.Backup] or copies its output. The file appears complete, checked and durable, or not at
// all. It records at as its date. Without replace, an existing file is fs.ErrExist. SaveBackup
// returns the size in bytes and the names of the zaps in it.
func SaveBackup(ctx context.Context, path string, replace bool, at time.Time, write func(io.Writer) error) (size int64, zaps []string, err error) {
	if _, err := os.Lstat(path); err == nil && !replace {
		return 0, nil, fmt.Errorf("backup %s: %w", path, fs.ErrExist)
	}
	err = viaTemp(path, func(tmp *os.File) error {
		if err := write(tmp); err != nil {
			return err
		}
		if err := setBackedUp(ctx, tmp.Name(), at); err != nil {
			return fmt.Errorf("the copy: %w", err)
		}
		if zaps, err = checkCopy(ctx, tmp.Name()); err != nil {
			return err
		}
		info, err := tmp.Stat()
		if err != nil {
			return err
		}
		size = info.Size()
		return nil
	}, func(tmp string) error {
		if replace {
			return os.Rename(tmp, path)
		}
		return linkOrRename(tmp, path) // never replaces a file that has just appeared
	})
	if err != nil {
		return 0, nil, fmt.Errorf("backup %s: %w", path, err)
	}
	return size, zaps, nil
}

// viaTemp creates a temporary file next to path, fills it with fill, syncs it and moves it with
// place.
func viaTemp(path string, fill func(*os.File) error, place func(tmp string) error) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, filepath.Base(path)+".new-*") // mode 0600
	if err != nil {
		return err
	}
	tmp := f.Name()
	defer func() { _ = os.Remove(tmp) }() // already gone if it was renamed
	if err := errors.Join(fill(f), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := place(tmp); err != nil {
		return err
	}
	return syncDir(dir)
}

// linkOrRename gives a file a new name. A link, unlike a rename, never replaces another file; some
// file systems have no links.
func linkOrRename(from, to string) error {
	err := os.Link(from, to)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	return os.Rename(from, to)
}

// checkCopy returns the zaps of a copy, or the first defect found.
func checkCopy(ctx context.Context, path string) ([]string, error) {
	zaps, wrong, err := CheckFile(ctx, Options{Path: path})
	if err == nil && len(wrong) > 0 {
		err = fmt.Errorf("the copy is damaged: %w", wrong[0])
	}
	return zaps, err
}

// setBackedUp records in a backup when it was made.
func setBackedUp(ctx context.Context, path string, at time.Time) error {
	return change(path, func(l *Ledger) error {
		return l.update(ctx, func(w writeTx) error {
			k := []byte(keyBackup)
			return w.Bucket([]byte(bucketRoot)).Put(k, finishSeal(k, binary.AppendVarint(newSeal(8), millis(at))))
		})
	})
}

// change opens the ledger at path, a private copy, makes it a plain state file, changes it with fn
// and closes it.
func change(path string, fn func(*Ledger) error) error {
	ctx := context.Background()
	l, err := openAny(ctx, path)
	if err != nil {
		return err
	}
	if err = l.unstamp(ctx); err == nil {
		err = l.migrate(ctx)
	}
	if err == nil {
		err = fn(l)
	}
	if err := errors.Join(err, l.Close()); err != nil {
		return err
	}
	return trim(path)
}

// trim truncates a file to what bbolt has written and syncs it.
func trim(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	m, err := readMeta(f)
	if err == nil {
		err = f.Truncate(int64(m.pages * m.pageSize))
	}
	return errors.Join(err, f.Sync(), f.Close())
}

// backedUp returns the date recorded in a backup; zero if there is none.
func backedUp(tx *bbolt.Tx) (time.Time, error) {
	k := []byte(keyBackup)
	value := tx.Bucket([]byte(bucketRoot)).Get(k)
	if value == nil {
		return time.Time{}, nil
	}
	payload, err := unseal(k, value)
	if err != nil {
		return time.Time{}, damaged("", keyBackup, 0, err)
	}
	r := reader{s: string(payload)}
	at := timeOf(r.varint())
	if err := r.done(); err != nil {
		return time.Time{}, damaged("", keyBackup, 0, err)
	}
	return at, nil
}
