package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/rowtap/rowtap/internal/ledger"
)

// tester is implemented by *testing.T and *rapid.T.
type tester interface {
	Context() context.Context
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
	Errorf(string, ...any)
}

// memory is a mirror in memory. Like PostgreSQL it keeps the last value of each key, nil if
// deleted, with the commit that wrote it.
type memory struct {
	t      tester
	state  string
	epoch  string // of the last commit
	term   string // epoch of the next commit
	commit uint64
	values map[string]kept
	err    error // returned by the next commit
}

type kept struct {
	ledger.Value
	commit uint64
}

func newMemory(t tester) *memory {
	return &memory{t: t, state: "state", epoch: "epoch-0", values: map[string]kept{}}
}

func placeOf(v ledger.Value) string { return fmt.Sprintf("%q %s %x", v.Zap, v.Kind, v.Key) }

func (m *memory) put(n uint64, v ledger.Value) {
	v.Key, v.Value = bytes.Clone(v.Key), bytes.Clone(v.Value)
	m.values[placeOf(v)] = kept{v, n}
}

func (m *memory) Commit(n uint64, set []ledger.Value) error {
	if err := m.err; err != nil {
		m.err = nil
		return err
	}
	if n != m.commit+1 {
		m.t.Errorf("commit %d comes after %d", n, m.commit)
	}
	places := map[string]bool{}
	for _, v := range set {
		p := placeOf(v)
		if places[p] {
			m.t.Errorf("commit %d has two operations for %s", n, p)
		}
		places[p] = true
		if v.Value == nil && m.values[p].Value.Value == nil {
			m.t.Errorf("commit %d deletes %s, which is not there", n, p)
		}
		m.put(n, v)
	}
	if root := placeOf(ledger.Value{Kind: "rowtap", Key: []byte("root")}); !places[root] || len(set) < 2 {
		m.t.Errorf("commit %d has %d values, root: %t", n, len(set), places[root])
	}
	m.commit, m.epoch = n, m.term
	return nil
}

func (m *memory) position() ledger.Position {
	return ledger.Position{State: m.state, Epoch: m.epoch, Commit: m.commit}
}

// since passes on the values that have changed after a commit, including deleted ones.
func (m *memory) since(n uint64) func(put func(ledger.Value) error) error {
	return func(put func(ledger.Value) error) error {
		for _, v := range m.values {
			if v.commit > n {
				if err := put(v.Value); err != nil {
					return err
				}
			}
		}
		return nil
	}
}

// all passes on all existing values.
func (m *memory) all(put func(ledger.Value) error) error {
	for _, v := range m.values {
		if v.Value.Value != nil {
			if err := put(v.Value); err != nil {
				return err
			}
		}
	}
	return nil
}

// active opens a cache, brings it up to date and promotes it. The first one seeds the mirror.
func (m *memory) active(t tester, path string) *ledger.Ledger {
	l, err := ledger.OpenCache(ledger.Options{Path: path})
	must(t, err)
	switch p := l.Position(); {
	case p == ledger.Position{} && len(m.values) == 0:
		must(t, l.EachValue(t.Context(), func(v ledger.Value) error { m.put(0, v); return nil }))
		must(t, l.Stamp(t.Context(), m.position()))
	case p.Epoch == "":
		must(t, l.Load(t.Context(), m.position(), m.all))
	case p != m.position():
		t.Fatalf("the cache is at %+v, the mirror at %+v", p, m.position())
	}
	m.term = fmt.Sprint("epoch-", m.commit)
	must(t, l.Promote(t.Context(), m, m.term))
	return l
}

// same checks that a ledger has the same values as the mirror.
func (m *memory) same(t tester, what string, l *ledger.Ledger) {
	t.Helper()
	left := map[string][]byte{}
	for p, v := range m.values {
		if v.Value.Value != nil {
			left[p] = v.Value.Value
		}
	}
	must(t, l.EachValue(t.Context(), func(v ledger.Value) error {
		p := placeOf(v)
		if want, ok := left[p]; !ok || !bytes.Equal(want, v.Value) {
			t.Errorf("%s has %s = %x, the mirror %x (%t)", what, p, v.Value, want, ok)
		}
		delete(left, p)
		return nil
	}))
	for _, p := range slices.Sorted(maps.Keys(left)) {
		t.Errorf("%s lacks %s", what, p)
	}
}

// away makes the mirror refuse a commit, which then changes nothing.
func (m *model) away(*rapid.T) {
	m.mirror.err = fmt.Errorf("connection refused: %w", ledger.ErrMirrorAway)
	if err := m.l.SetPaused(m.t.Context(), m.name(), true, "away", m.now); !errors.Is(err, ledger.ErrMirrorAway) {
		m.t.Fatalf("a commit without the mirror = %v, want ErrMirrorAway", err)
	}
}

// compareMirrored also compares the mirror and a cache that follows it.
func (m *model) compareMirrored(t *rapid.T) {
	m.compare(t)
	if got := m.l.Position(); m.mirror.commit > 0 && got.Commit != m.mirror.commit {
		t.Fatalf("Position = %+v, the mirror is at %d", got, m.mirror.commit)
	}
	m.mirror.same(t, "the active cache", m.l)
	if rapid.Bool().Draw(t, "follow") {
		m.follow(t)
	}
}

func (m *model) follow(t *rapid.T) {
	must(t, m.copied.Follow(t.Context(), m.mirror.position(), m.mirror.since(m.copied.Position().Commit)))
	m.mirror.same(t, "the follower", m.copied.Ledger)
	want, err := m.l.Deliveries(t.Context(), ledger.Query{})
	must(t, err)
	got, err := m.copied.Deliveries(t.Context(), ledger.Query{})
	must(t, err)
	if !slices.EqualFunc(want, got, equalDelivery) {
		t.Fatalf("deliveries of the follower (-want +got):\n%s", diff(want, got))
	}
	for _, id := range m.identities() {
		q := ledger.Query{Identity: id, Identify: m.identify}
		want, err := m.l.Deliveries(t.Context(), q)
		must(t, err)
		got, err := m.copied.Deliveries(t.Context(), q)
		must(t, err)
		if !slices.Equal(ids(want), ids(got)) {
			t.Fatalf("the follower finds %v of %s, want %v", ids(got), id, ids(want))
		}
	}
	for _, wrong := range damages(t, m.copied.Ledger) {
		t.Fatalf("Check of the follower: %v", wrong)
	}
}

// takeover closes the active cache and the follower and swaps them.
func (m *model) takeover(t *rapid.T) {
	m.follow(t)
	must(t, m.copied.Close())
	must(t, m.l.Close())
	m.path, m.copied.path = m.copied.path, m.path
	m.open()
	m.openFollower(t)
}

func (m *model) openFollower(t *rapid.T) {
	l, err := ledger.OpenCache(ledger.Options{Path: m.copied.path})
	must(t, err)
	m.copied.Ledger = l
	if l.Position().Epoch == "" {
		must(t, l.Load(t.Context(), m.mirror.position(), m.mirror.all))
	}
}

// After every step, the mirror has what the file has, and a cache that follows it has the same.
func TestTheMirrorIsLikeTheLedger(t *testing.T) {
	dir := t.TempDir()
	files := 0
	check(t, 15, func(t *rapid.T) {
		files++
		m := &model{t: t, path: filepath.Join(dir, fmt.Sprintf("%d.db", files)), now: noon, zaps: map[string]*modelZap{}, mirror: newMemory(t)}
		m.open()
		m.copied = &file{path: m.path + ".follower"}
		m.openFollower(t)
		m.beginAt(995)
		t.Repeat(map[string]func(*rapid.T){
			"commit": m.commit, "change": m.change, "start": m.start, "finish": m.finish, "move": m.move,
			"keep": m.keep, "pause": m.pause, "prune": m.prune, "index": m.index, "remap": m.remap, "rename": m.rename, "reopen": m.reopen, "crash": m.crash,
			"away": m.away, "takeover": m.takeover, "": m.compareMirrored,
		})
		must(t, m.l.Close())
		must(t, m.copied.Close())
		must(t, os.Remove(m.path))
		must(t, os.Remove(m.copied.path))
	})
}
