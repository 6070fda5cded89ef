package ledger

import (
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestFailedCommit checks that a commit can be retried if it wrote nothing for lack of space. After
// any other failure, and after one that wrote the meta page, nothing is read or written, because
// what the disk has is unknown.
func TestFailedCommit(t *testing.T) {
	tests := []struct {
		err     error
		written bool // the meta page was written, but its sync failed
		want    error
	}{
		{syscall.ENOSPC, false, ErrNoRoom},
		{syscall.EDQUOT, false, ErrNoRoom},
		{syscall.EFBIG, false, ErrNoRoom},
		{errors.New("file resize error: " + syscall.ENOSPC.Error()), false, ErrNoRoom},
		{errors.New("file sync error: " + syscall.ENOSPC.Error()), false, ErrNoRoom},
		{syscall.EIO, false, ErrDisk},
		{syscall.EROFS, false, ErrDisk},
		{errors.New("file sync error: " + syscall.EIO.Error()), false, ErrDisk},
		{errors.New("anything else"), false, ErrDisk},
		{syscall.EIO, true, ErrDisk},
		{syscall.ENOSPC, true, ErrDisk},
	}
	for _, tt := range tests {
		name := fmt.Sprintf("%v, meta page written: %t", tt.err, tt.written)
		path := filepath.Join(t.TempDir(), "rowtap.db")
		l, err := Open(Options{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		pause := func(l *Ledger, reason string) error {
			return l.SetPaused(t.Context(), "a", true, reason, time.UnixMilli(1))
		}
		if err := pause(l, "before"); err != nil {
			t.Fatal(err)
		}
		if tt.written { // the file is one transaction ahead of the last commit
			l.last--
		}
		transaction := l.last + 1
		if got := l.failed(transaction, tt.err); !errors.Is(got, tt.want) || errors.Is(got, ErrNoRoom) == errors.Is(got, ErrDisk) {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
		var wantAfter error
		if errors.Is(tt.want, ErrDisk) {
			wantAfter = ErrDisk
		}
		if _, _, err := l.Zap(t.Context(), "a"); !errors.Is(err, wantAfter) {
			t.Errorf("%s: reading after that: %v, want %v", name, err, wantAfter)
		}
		if err := pause(l, "after"); !errors.Is(err, wantAfter) {
			t.Errorf("%s: writing after that: %v, want %v", name, err, wantAfter)
		}
		if err := l.InPlace(); err != nil {
			t.Errorf("%s: InPlace: %v, want nil, as no other program has written", name, err)
		}
		if err := l.Close(); err != nil {
			t.Errorf("%s: Close: %v", name, err)
		}
		if l, err = Open(Options{Path: path}); err != nil {
			t.Errorf("%s: Open: %v", name, err)
			continue
		}
		if err := errors.Join(pause(l, "again"), l.Close()); err != nil {
			t.Errorf("%s: writing after reopening: %v", name, err)
		}
	}
}

// A write that waits for its turn while a commit fails does not write either.
func TestWhoWaitsForAFailedCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, err := Open(Options{Path: filepath.Join(t.TempDir(), "rowtap.db")})
		if err != nil {
			t.Fatal(err)
		}
		release := l.HoldWriting()
		outcome := make(chan error, 1)
		go func() { outcome <- l.SetPaused(t.Context(), "a", true, "", time.UnixMilli(1)) }()
		synctest.Wait()
		want := l.failed(l.last, syscall.EIO)
		release()
		if got := <-outcome; !errors.Is(got, want) {
			t.Errorf("after a failed commit: %v, want %v", got, want)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
}

// A write that fails inside bbolt ends the ledger, too.
func TestACommitThatTheDiskRefuses(t *testing.T) {
	l, err := Open(Options{Path: filepath.Join(t.TempDir(), "rowtap.db")})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.file.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := l.SetPaused(t.Context(), "a", true, "", time.UnixMilli(1)); !errors.Is(err, ErrDisk) {
			t.Errorf("a write: %v, want ErrDisk", err)
		}
	}
}
