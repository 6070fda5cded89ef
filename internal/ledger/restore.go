package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// Restored is the result of [Restore].
type Restored struct {
	BackupOf time.Time // when the backup was made: as recorded in it, else as its file says
	Replaced string    // path of the replaced state file; "" if there was none
	Zaps     []string  // all zaps in it; they are paused
}

// Restore replaces the state file at path with a backup and keeps the replaced file next to it. No
// process may have the file open. The cursors of a backup are old, and it does not know what was
// sent since, so all its zaps are paused. Restore returns ErrCorrupt, ErrForeign or ErrNewer for an
// unusable backup; then nothing was changed.
func Restore(ctx context.Context, path, backup string, at time.Time) (Restored, error) {
	r, err := restore(ctx, path, backup, at)
	if err != nil {
		return Restored{}, fmt.Errorf("restore %s from %s: %w", path, backup, err)
	}
	return r, nil
}

func restore(ctx context.Context, path, backup string, at time.Time) (r Restored, err error) {
	from, err := os.Open(backup)
	if err != nil {
		return r, err
	}
	defer func() { _ = from.Close() }() // it was only read
	info, err := from.Stat()
	if err != nil {
		return r, err
	}
	if present, err := os.Stat(path); err == nil && os.SameFile(info, present) {
		return r, errors.New("the backup is the state file itself")
	}
	if zaps, wrong, err := CheckFile(ctx, Options{Path: backup}); err != nil {
		return r, err
	} else if len(wrong) > 0 {
		return r, fmt.Errorf("the backup is damaged: %w", wrong[0])
	} else {
		r.Zaps = zaps
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return r, err
	}
	unlock, owner, err := claimPlace(path)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	err = viaTemp(path, func(tmp *os.File) error {
		if _, err := io.Copy(tmp, from); err != nil {
			return err
		}
		return change(tmp.Name(), func(l *Ledger) error { return l.pauseRestored(ctx, &r, info.ModTime(), at) })
	}, func(tmp string) error {
		if _, err := checkCopy(ctx, tmp); err != nil {
			return err
		}
		if err := giveTo(tmp, owner); err != nil {
			return err
		}
		if err := putInPlace(tmp, path, &r, at); err != nil {
			return err
		}
		return removeNote(path) // of the replaced cache
	})
	return r, err
}

// claimPlace locks the state file at path, if there is one, so that no daemon opens it until
// unlock. It returns the owner of the file or, if there is none, of its directory.
func claimPlace(path string) (unlock func() error, owner fs.FileInfo, err error) {
	owner, err = os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		owner, err = os.Stat(filepath.Dir(path))
		return func() error { return nil }, owner, err
	}
	if err != nil {
		return nil, nil, err
	}
	f, err := openLocked(Options{Path: path}.filled())
	if err != nil {
		return nil, nil, err
	}
	return f.Close, owner, nil // closing releases the lock
}

// restoredFrom begins the reason of the pause of a restored zap, in all releases.
const restoredFrom = "restored from a backup of "

// pauseRestored pauses all zaps of a restored file and tells the operator how to resume.
func (l *Ledger) pauseRestored(ctx context.Context, r *Restored, changed, at time.Time) error {
	err := l.update(ctx, func(w writeTx) (err error) {
		if r.BackupOf, err = backedUp(w.Tx); err != nil {
			return err
		}
		return w.Bucket([]byte(bucketRoot)).Delete([]byte(keyBackup)) // it is no longer a backup
	})
	if err != nil {
		return err
	}
	if r.BackupOf.IsZero() {
		r.BackupOf = changed.UTC()
	}
	reason := restoredFrom + r.BackupOf.Format("2006-01-02 15:04:05") + " UTC: resume continues from the backup, resume --skip from now"
	for _, zap := range r.Zaps {
		if err := l.SetPaused(ctx, zap, true, reason, at); err != nil {
			return err
		}
	}
	return nil
}

// putInPlace renames a file to path and keeps the file that had that name under another one. At any
// time there is a file at path, even after a power failure: without one, every zap would start
// over.
func putInPlace(tmp, path string, r *Restored, at time.Time) error {
	if _, err := os.Lstat(path); err == nil {
		r.Replaced = replacedName(path, at)
		if err := os.Link(path, r.Replaced); err != nil { // a file system without links
			if err := os.Rename(path, r.Replaced); err != nil {
				return err
			}
		}
		if err := syncDir(filepath.Dir(path)); err != nil {
			return err
		}
	}
	return os.Rename(tmp, path)
}

// replacedName returns an unused name for the file that a restore replaces.
func replacedName(path string, at time.Time) string {
	stem := path + ".before-restore-" + at.UTC().Format("20060102T150405Z")
	name := stem
	for n := 2; ; n++ {
		if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) {
			return name
		}
		name = stem + "-" + strconv.Itoa(n)
	}
}
