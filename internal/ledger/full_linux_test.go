package ledger

import (
	"errors"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// filling is a mirror that has all it gets, and leaves no room for it in files.
type filling struct{ t *testing.T }

func (m filling) Commit(uint64, []Value) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	m.t.Cleanup(func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			m.t.Error(err)
		}
	})
	return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Max: limit.Max})
}

// A full disk is no error that may be tried again where the mirror has the commit: the next one would come after another.
func TestTheDiskIsFullAfterTheMirror(t *testing.T) {
	l, err := OpenCache(Options{Path: filepath.Join(t.TempDir(), "rowtap.db")})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Stamp(t.Context(), Position{State: "state", Epoch: "epoch"}); err != nil {
		t.Fatal(err)
	}
	if err := l.Promote(t.Context(), filling{t}, "epoch"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := l.SetPaused(t.Context(), "a", false, "", time.UnixMilli(1)); !errors.Is(err, ErrStale) || errors.Is(err, ErrNoRoom) {
			t.Errorf("a write = %v, want ErrStale", err)
		}
	}
	_ = l.Close()
}
