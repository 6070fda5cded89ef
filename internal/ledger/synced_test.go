package ledger

import (
	"path/filepath"
	"testing"
)

// fine is a mirror that has all it gets.
type fine struct{}

func (fine) Commit(uint64, []Value) error { return nil }

// Syncs are left out while a file is a cache that may be lost: not before it is stamped, and not when it is closed.
func TestWhatIsSynced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rowtap.db")
	l, err := OpenCache(Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	if l.db.NoSync {
		t.Error("a plain state file is not synced")
	}
	if err := l.Stamp(t.Context(), Position{State: "state", Epoch: "epoch"}); err != nil {
		t.Fatal(err)
	}
	if err := l.Promote(t.Context(), fine{}, "epoch"); err != nil {
		t.Fatal(err)
	}
	if !l.db.NoSync {
		t.Error("a cache is synced")
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if l.db.NoSync {
		t.Error("a cache is closed without a sync")
	}
	if l, err = OpenCache(Options{Path: path}); err != nil {
		t.Fatal(err)
	}
	if !l.db.NoSync {
		t.Error("a cache that is opened again is synced")
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}
