package ledger_test

import (
	"maps"
	"path/filepath"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/ledger"
)

// The times of summaries survive a restart, and a new set replaces the previous one.
func TestSummaries(t *testing.T) {
	f := newFile(t)
	kept := func(want map[string]time.Time) {
		t.Helper()
		got, err := f.Summaries(t.Context())
		if err != nil || !maps.EqualFunc(got, want, time.Time.Equal) {
			t.Errorf("Summaries = %v, %v, want %v", got, err, want)
		}
	}
	kept(map[string]time.Time{})
	must(t, f.KeepSummaries(t.Context(), map[string]time.Time{"a": noon, "b": noon.Add(time.Hour)}))
	f.reopen()
	kept(map[string]time.Time{"a": noon, "b": noon.Add(time.Hour)})
	must(t, f.KeepSummaries(t.Context(), map[string]time.Time{"b": noon}))
	kept(map[string]time.Time{"b": noon})
	for _, wrong := range damages(t, f.Ledger) {
		t.Error(wrong)
	}
}

// A machine that follows, and one that loads the state, know which summaries were sent.
func TestSummariesAreMirrored(t *testing.T) {
	m := newMemory(t)
	dir := t.TempDir()
	l := m.active(t, filepath.Join(dir, "active.db"))
	standby := func(name string) *ledger.Ledger {
		l, err := ledger.OpenCache(ledger.Options{Path: filepath.Join(dir, name)})
		must(t, err)
		must(t, l.Load(t.Context(), m.position(), m.all))
		return l
	}
	follower := standby("follower.db")
	must(t, l.KeepSummaries(t.Context(), map[string]time.Time{"a": noon}))
	commits := m.commit
	must(t, l.KeepSummaries(t.Context(), map[string]time.Time{"a": noon}))
	if m.commit != commits {
		t.Error("the same times are committed again")
	}
	must(t, follower.Follow(t.Context(), m.position(), m.since(follower.Position().Commit)))
	loaded := standby("loaded.db")
	for name, l := range map[string]*ledger.Ledger{"active": l, "follower": follower, "loaded": loaded} {
		if got, err := l.Summaries(t.Context()); err != nil || !got["a"].Equal(noon) {
			t.Errorf("%s: Summaries = %v, %v", name, got, err)
		}
		m.same(t, name, l)
		must(t, l.Close())
	}
}
