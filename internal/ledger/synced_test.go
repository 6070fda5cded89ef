package ledger

import (
	"path/filepath"
	"testing"
)

// fine is a mirror that accepts everything.
type fine struct{}

func (fine) Commit(uint64, []Value) error { return nil }

// Syncs are omitted only while a file is a cache, which may be lost: not before it is stamped, and
// not when it is closed.
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
		t.Error("a reopened cache is synced")
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}
