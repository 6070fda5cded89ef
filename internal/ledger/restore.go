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

// Restored is what [Restore] did.
type Restored struct {
	BackupOf time.Time // when the backup was made: as it says, else when its file was last changed
	Kept     string    // where the file is now that was in its place; "": there was none
	Zaps     []string  // all of them are paused
}

// Restore puts a backup in the place of the state file at path, which nobody may have open, and keeps that one beside it. The
// cursors of a backup are old, and what was sent since is not known in it: every zap of it is paused. It returns
// ErrCorrupt, ErrForeign or ErrNewer for a backup that is no good, and then has touched nothing.
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
		return r, errors.New("that is the state file itself")
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
	err = beside(path, func(tmp *os.File) error {
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
		return removeNote(path) // of a cache that was there
	})
	return r, err
}

// claimPlace keeps daemons from opening the state file at path, if there is one, until unlock. It returns whose the file is,
// or its directory.
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
	return f.Close, owner, nil // closing it drops the lock
}

// pauseRestored pauses all zaps of a restored file, with what an operator must know for resuming them.
func (l *Ledger) pauseRestored(ctx context.Context, r *Restored, changed, at time.Time) error {
	err := l.update(ctx, func(w writeTx) (err error) {
		if r.BackupOf, err = backedUp(w.Tx); err != nil {
			return err
		}
		return w.Bucket([]byte(bucketRoot)).Delete([]byte(keyBackup)) // from here on it is no backup
	})
	if err != nil {
		return err
	}
	if r.BackupOf.IsZero() {
		r.BackupOf = changed.UTC()
	}
	reason := "restored from a backup of " + r.BackupOf.Format("2006-01-02 15:04:05") + " UTC: resume goes on from it, resume --skip from now"
	for _, zap := range r.Zaps {
		if err := l.SetPaused(ctx, zap, true, reason, at); err != nil {
			return err
		}
	}
	return nil
}

// putInPlace gives a file the name path. What had that name gets another, but keeps this one until the very moment, so that
// whenever the power goes there is a state file: without one, every zap would start anew.
func putInPlace(tmp, path string, r *Restored, at time.Time) error {
	if _, err := os.Lstat(path); err == nil {
		r.Kept = keptName(path, at)
		if err := os.Link(path, r.Kept); err != nil { // a filesystem without links
			if err := os.Rename(path, r.Kept); err != nil {
				return err
			}
		}
		if err := syncDir(filepath.Dir(path)); err != nil {
			return err
		}
	}
	return os.Rename(tmp, path)
}

// keptName returns a free name for the file that a restore replaces. Two of one second get names of their own.
func keptName(path string, at time.Time) string {
	stem := path + ".before-restore-" + at.UTC().Format("20060102T150405Z")
	name := stem
	for n := 2; ; n++ {
		if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) {
			return name
		}
		name = stem + "-" + strconv.Itoa(n)
	}
}
