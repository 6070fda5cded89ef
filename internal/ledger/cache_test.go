package ledger_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rowtap/rowtap/internal/ledger"
)

// cached is a mirror with the cache of the active process.
type cached struct {
	*file
	m *memory
}

func newCached(t *testing.T) *cached {
	t.Helper()
	c := &cached{&file{t: t, path: filepath.Join(t.TempDir(), "rowtap.db")}, newMemory(t)}
	c.open()
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func (c *cached) open() { c.Ledger = c.m.active(c.t, c.path) }

// cacheAt opens a cache, which is closed at the end of the test.
func cacheAt(t *testing.T, path string) *ledger.Ledger {
	t.Helper()
	l, err := ledger.OpenCache(ledger.Options{Path: path})
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// follower returns another cache of the same state, at the same commit.
func (c *cached) follower() *ledger.Ledger {
	c.t.Helper()
	l := cacheAt(c.t, filepath.Join(c.t.TempDir(), "follower.db"))
	must(c.t, l.Load(c.t.Context(), c.m.position(), c.m.all))
	return l
}

// valuesOf returns the values of a ledger as a mirror has them.
func valuesOf(t *testing.T, l *ledger.Ledger) map[string]string {
	t.Helper()
	values := map[string]string{}
	must(t, l.EachValue(t.Context(), func(v ledger.Value) error { values[placeOf(v)] = string(v.Value); return nil }))
	return values
}

// A position and all values are enough to make a cache; both survive closing and opening.
func TestACacheKeepsItsPosition(t *testing.T) {
	c := newCached(t)
	c.commit(signups, pollOf(1, "qwh"))
	want, at := valuesOf(t, c.Ledger), ledger.Position{State: "state", Epoch: "epoch-0", Commit: 1}
	if got := c.Position(); got != at {
		t.Errorf("Position = %+v, want %+v", got, at)
	}
	must(t, c.Close())
	l := cacheAt(t, c.path)
	if got := l.Position(); got != at {
		t.Errorf("reopened, Position = %+v, want %+v", got, at)
	}
	if d := diff(want, valuesOf(t, l)); d != "" {
		t.Errorf("values (-want +got):\n%s", d)
	}
}

// TestWhoWritesToACache: before a cache is promoted, no process writes to it; afterwards, only the
// active one does.
func TestWhoWritesToACache(t *testing.T) {
	c := newCached(t)
	l := c.follower()
	fresh := cacheAt(t, filepath.Join(t.TempDir(), "fresh.db"))
	for _, l := range []*ledger.Ledger{l, fresh} {
		if err := l.SetPaused(t.Context(), signups, true, "", noon); !errors.Is(err, ledger.ErrNotActive) {
			t.Errorf("a write before Promote = %v, want ErrNotActive", err)
		}
	}
	if err := fresh.Promote(t.Context(), c.m, "epoch"); err == nil {
		t.Error("Promote of a plain file: no error")
	}
	if err := c.Promote(t.Context(), c.m, "another"); err == nil {
		t.Error("Promote again: no error")
	}
	must(t, c.SetPaused(t.Context(), signups, true, "", noon))
	if err := c.Follow(t.Context(), c.m.position(), c.m.since(0)); err == nil {
		t.Error("Follow of the active cache: no error")
	}
	if err := c.Load(t.Context(), c.m.position(), c.m.all); err == nil {
		t.Error("Load of the active cache: no error")
	}
	for what, l := range map[string]*ledger.Ledger{"the active one": c.Ledger, "a follower": l, "a plain file that is in use as such": newFile(t).Ledger} {
		if err := l.Stamp(t.Context(), c.m.position()); err == nil {
			t.Errorf("Stamp of %s: no error", what)
		}
	}
	if err := newFile(t).Load(t.Context(), c.m.position(), c.m.all); err == nil {
		t.Error("Load into a plain file that is in use as such: no error")
	}
	c.m.same(t, "the active cache", c.Ledger)
}

// A cache that was not closed is dropped, whatever it says.
func TestACacheThatWasNotClosed(t *testing.T) {
	c := newCached(t)
	c.commit(signups, pollOf(1, "qwh"))
	copyTo := func(name string, damage func([]byte)) string {
		content, err := os.ReadFile(c.path)
		must(t, err)
		note, err := os.ReadFile(c.path + ".copy")
		must(t, err)
		damage(content)
		path := filepath.Join(t.TempDir(), name)
		must(t, os.WriteFile(path, content, 0o600))
		must(t, os.WriteFile(path+".copy", note, 0o600))
		return path
	}
	dropped := func(what, path string) {
		t.Helper()
		l := cacheAt(t, path)
		if got, want := l.Position(), (ledger.Position{State: "state"}); got != want {
			t.Errorf("%s: Position = %+v, want %+v", what, got, want)
		}
		if zaps, err := l.Zaps(t.Context()); err != nil || len(zaps) > 0 {
			t.Errorf("%s: it has %v, %v", what, zaps, err)
		}
		must(t, l.Load(t.Context(), c.m.position(), c.m.all))
		c.m.same(t, what, l)
	}
	nothing := func([]byte) {}
	dropped("killed", copyTo("killed.db", nothing))

	unnoted := copyTo("unnoted.db", nothing)
	must(t, os.Remove(unnoted+".copy"))
	dropped("killed, without its note", unnoted)

	pageSize := os.Getpagesize()
	for i := range 2 {
		dropped("a meta page is lost", copyTo("meta.db", func(b []byte) { clear(b[i*pageSize:][:pageSize]) }))
	}
	dropped("both meta pages are lost", copyTo("metas.db", func(b []byte) { clear(b[:2*pageSize]) }))
	dropped("it is truncated", copyTo("short.db", func(b []byte) { clear(b[2*pageSize:]) }))

	// Opened after closing and not written to: the other meta page still says it was closed, which
	// must not count.
	must(t, c.Close())
	c.Ledger = cacheAt(t, c.path)
	for i := range 2 {
		dropped("opened, and a meta page is lost", copyTo("opened.db", func(b []byte) { clear(b[i*pageSize:][:pageSize]) }))
	}
}

// A damaged file without a note may be the only state and is not dropped.
func TestADamagedStateIsNotDropped(t *testing.T) {
	for name, damage := range map[string]func(path string, content []byte){
		"pages are lost": func(path string, content []byte) {
			clear(content[2*os.Getpagesize():])
			must(t, os.WriteFile(path, content, 0o600))
		},
		"a value does not match its sum": func(path string, _ []byte) { ledger.FlipBit(t, path, 1, 10) },
	} {
		path, content := sample(t)
		damage(path, content)
		before, err := os.ReadFile(path)
		must(t, err)
		if _, err := ledger.OpenCache(ledger.Options{Path: path}); !errors.Is(err, ledger.ErrCorrupt) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: OpenCache = %v, want ErrCorrupt and the path", name, err)
		}
		if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
			t.Errorf("%s: the file was changed (%v)", name, err)
		}
	}
}

// written returns the content of the file at path without the space it has grown ahead.
func written(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	must(t, err)
	size, pages := os.Getpagesize(), uint64(0)
	for meta := range 2 {
		pages = max(pages, binary.NativeEndian.Uint64(content[meta*size+16+40:]))
	}
	return content[:int(pages)*size]
}

// Without syncs, a power failure may leave any mixture of old and new pages. Such a file is dropped
// or is exactly a commit that the mirror had.
func TestAPowerCutInACache(t *testing.T) {
	c := newCached(t)
	var files [][]byte                       // one after the other
	states := map[uint64]map[string]string{} // by commit
	note := func() {
		files = append(files, written(t, c.path))
		states[c.m.commit] = valuesOf(t, c.Ledger)
	}
	for i := range 12 {
		c.commit(signups, pollOf(uint64(20*i+1), strings.Repeat("qwhk", 5)))
		must(t, c.SetPaused(t.Context(), fmt.Sprint("zap-", i), true, "", noon))
		note()
		if i%4 == 1 {
			must(t, c.Close())
			files = append(files, written(t, c.path))
			c.open()
			note()
		}
	}
	noted, err := os.ReadFile(c.path + ".copy")
	must(t, err)
	size, random, dropped := os.Getpagesize(), rand.New(rand.NewPCG(7, 7)), 0
	const cuts = 150
	for i := range cuts {
		from := random.IntN(len(files))
		near := files[from:min(from+1+random.IntN(3), len(files))]
		mixed := bytes.Clone(slices.MaxFunc(near, func(a, b []byte) int { return len(a) - len(b) }))
		for at := 0; at < len(mixed); at += size {
			if one := near[random.IntN(len(near))]; at < len(one) {
				copy(mixed[at:at+size], one[at:])
			}
		}
		path := filepath.Join(t.TempDir(), "cut.db")
		must(t, os.WriteFile(path, mixed, 0o600))
		must(t, os.WriteFile(path+".copy", noted, 0o600))
		l, err := ledger.OpenCache(ledger.Options{Path: path})
		must(t, err)
		if p := l.Position(); p.Epoch == "" {
			dropped++
		} else if d := diff(states[p.Commit], valuesOf(t, l)); d != "" {
			t.Errorf("cut %d: the cache claims to be at %+v (-want +got):\n%s", i, p, d)
		}
		must(t, l.Close())
	}
	if dropped == 0 || dropped == cuts {
		t.Errorf("%d of %d files were dropped, want some but not all", dropped, cuts)
	}
	t.Logf("%d of %d files were dropped", dropped, cuts)
}

// Each missing or altered value is noticed; then nothing is changed, and the right values still
// apply.
func TestFollowComparesSums(t *testing.T) {
	c := newCached(t)
	c.commit("gone", pollOf(1, "q"))
	c.commit(signups, pollOf(1, strings.Repeat("q", 300)))
	must(t, c.Start(t.Context(), signups, uploadOf(upTo(1, 100)...), ledger.Hides{}, noon))
	l := c.follower()
	from := c.m.commit
	must(t, c.Finish(t.Context(), signups, outcomes(ledger.Outcome{State: ledger.Sent}, upTo(1, 100)...), noon))
	c.commit(signups, pollOf(301, "hw"))
	c.commit("new", pollOf(1, "q"))
	must(t, c.Rename(t.Context(), "gone", "moved"))

	before := valuesOf(t, l)
	var changes []ledger.Value
	must(t, c.m.since(from)(func(v ledger.Value) error { changes = append(changes, v); return nil }))
	if len(changes) < 15 {
		t.Fatalf("only %d changes, too few for this test", len(changes))
	}
	follow := func(values []ledger.Value) error {
		return l.Follow(t.Context(), c.m.position(), func(put func(ledger.Value) error) error {
			for _, v := range values {
				if err := put(v); err != nil {
					return err
				}
			}
			return nil
		})
	}
	refused := func(what string, values []ledger.Value) {
		t.Helper()
		if err := follow(values); !errors.Is(err, ledger.ErrStale) {
			t.Errorf("%s: %v, want ErrStale", what, err)
		}
		if d := diff(before, valuesOf(t, l)); d != "" {
			t.Errorf("%s: the cache has changed (-want +got):\n%s", what, d)
		}
	}
	for i, v := range changes {
		without := slices.Delete(slices.Clone(changes), i, i+1)
		refused("without "+placeOf(v), without)
		if v.Value != nil {
			for _, at := range []int{0, 1, 8, len(v.Value) - 1} {
				altered := slices.Clone(changes)
				altered[i].Value = bytes.Clone(v.Value)
				altered[i].Value[at] ^= 1
				refused(fmt.Sprintf("byte %d of %s", at, placeOf(v)), altered)
			}
		}
		if old := before[placeOf(v)]; old != "" && old != string(v.Value) {
			altered := slices.Clone(changes)
			altered[i].Value = []byte(old)
			refused(placeOf(v)+" in its previous version", altered)
		}
	}
	refused("a value of unknown kind", append(slices.Clone(changes), ledger.Value{Zap: signups, Kind: "else", Key: []byte("k"), Value: []byte("v")}))
	refused("nothing", nil)
	must(t, follow(changes))
	c.m.same(t, "the follower", l)
	if got := l.Position(); got != c.m.position() {
		t.Errorf("Position = %+v, want %+v", got, c.m.position())
	}
	last := ledger.LastTransaction(l)
	must(t, follow(nil))
	if ledger.LastTransaction(l) != last {
		t.Error("Follow to the current position writes to the file")
	}
	for what, to := range map[string]ledger.Position{
		"another state":     {State: "another", Epoch: "epoch", Commit: c.m.commit + 1},
		"an earlier commit": {State: "state", Epoch: "epoch", Commit: c.m.commit - 1},
	} {
		if err := l.Follow(t.Context(), to, c.m.since(0)); !errors.Is(err, ledger.ErrStale) {
			t.Errorf("Follow to %s: %v, want ErrStale", what, err)
		}
	}
	if err := l.Follow(t.Context(), ledger.Position{State: "state"}, c.m.since(0)); err == nil {
		t.Error("Follow to the zero position: no error")
	}
}

// Changes that are too large for Follow are not read to the end.
func TestFollowOfTooMuch(t *testing.T) {
	c := newCached(t)
	c.commit(signups, pollOf(1, "q"))
	l := c.follower()
	given := 0
	err := l.Follow(t.Context(), ledger.Position{State: "state", Epoch: "epoch", Commit: 99}, func(put func(ledger.Value) error) error {
		for ; given < 1000; given++ {
			if err := put(ledger.Value{Zap: signups, Kind: "rows", Key: []byte{byte(given)}, Value: make([]byte, 1<<20)}); err != nil {
				return err
			}
		}
		return nil
	})
	if !errors.Is(err, ledger.ErrStale) || given > 64 {
		t.Errorf("Follow = %v after %d MB, want ErrStale after 64", err, given)
	}
}

// An incomplete state is not loaded.
func TestLoadOfAHalfState(t *testing.T) {
	c := newCached(t)
	c.commit(signups, pollOf(1, strings.Repeat("q", 300)))
	var all []ledger.Value
	must(t, c.m.all(func(v ledger.Value) error { all = append(all, v); return nil }))
	l := cacheAt(t, filepath.Join(t.TempDir(), "loaded.db"))
	load := func(values []ledger.Value, and error) error {
		return l.Load(t.Context(), c.m.position(), func(put func(ledger.Value) error) error {
			for _, v := range values {
				if err := put(v); err != nil {
					return err
				}
			}
			return and
		})
	}
	empty := ledger.Position{State: "state"}
	for i, v := range all {
		if err := load(slices.Delete(slices.Clone(all), i, i+1), nil); !errors.Is(err, ledger.ErrCorrupt) || l.Position() != empty {
			t.Errorf("without %s: %v, at %+v; want ErrCorrupt", placeOf(v), err, l.Position())
		}
		altered := slices.Clone(all)
		altered[i].Value = bytes.Clone(v.Value)
		altered[i].Value[len(v.Value)-1] ^= 1
		if err := load(altered, nil); !errors.Is(err, ledger.ErrCorrupt) || l.Position() != empty {
			t.Errorf("%s altered: %v, at %+v; want ErrCorrupt", placeOf(v), err, l.Position())
		}
	}
	for _, v := range all { // of a state without zaps
		if err := load([]ledger.Value{v}, nil); !errors.Is(err, ledger.ErrCorrupt) || l.Position() != empty {
			t.Errorf("only %s: %v, at %+v; want ErrCorrupt", placeOf(v), err, l.Position())
		}
	}
	away := errors.New("connection lost")
	if err := load(all[:2], away); !errors.Is(err, away) || l.Position() != empty {
		t.Errorf("an interrupted Load: %v, at %+v", err, l.Position())
	}
	if err := load(nil, away); !errors.Is(err, away) {
		t.Errorf("Load that is cut off at once: %v", err)
	}
	if err := l.Follow(t.Context(), c.m.position(), c.m.all); !errors.Is(err, ledger.ErrStale) {
		t.Errorf("Follow of a cache with nothing in it: %v, want ErrStale", err)
	}
	must(t, load(all, nil))
	c.m.same(t, "the loaded cache", l)
	if err := load(all[:2], away); !errors.Is(err, away) || l.Position() != empty {
		t.Errorf("an interrupted Load after a complete one: %v, at %+v", err, l.Position())
	}
	must(t, load(all, nil))
	c.m.same(t, "the loaded cache", l)
}

// A plain state file that has zaps is not overwritten with another state.
func TestLoadOverAPlainState(t *testing.T) {
	path, _ := sample(t)
	c := newCached(t)
	l := cacheAt(t, path)
	if got := l.Position(); got != (ledger.Position{}) {
		t.Errorf("Position of a plain file = %+v", got)
	}
	before := valuesOf(t, l)
	if err := l.Load(t.Context(), c.m.position(), c.m.all); err == nil || !strings.Contains(err.Error(), "next: ") {
		t.Errorf("Load over a plain state = %v, want what to do", err)
	}
	if d := diff(before, valuesOf(t, l)); d != "" {
		t.Errorf("the state has changed (-want +got):\n%s", d)
	}
	must(t, l.Close())
	plain, err := ledger.Open(ledger.Options{Path: path})
	must(t, err)
	must(t, plain.Close())
}

// A large state is loaded in several transactions.
func TestLoadOfMuch(t *testing.T) {
	c := newCached(t)
	for i := range 30 {
		p := pollOf(1, "q")
		chunk := make([]byte, 1<<20)
		random := rand.NewChaCha8([32]byte{byte(i)})
		_, _ = random.Read(chunk)
		p.Cursor = wholeCursor([][]byte{chunk})
		c.commit(fmt.Sprint("zap-", i), p)
	}
	l := c.follower()
	c.m.same(t, "what was loaded", l)
	if n := ledger.LastTransaction(l); n < 5 {
		t.Errorf("loading 30 MB took %d transactions: all of it was in memory", n)
	}
}

// While the mirror is away nothing changes; once it is back, the same commit is made.
func TestTheMirrorIsAway(t *testing.T) {
	c := newCached(t)
	c.commit(signups, pollOf(1, "q"))
	before, at := valuesOf(t, c.Ledger), c.Position()
	for range 2 {
		c.m.err = fmt.Errorf("no route to host: %w", ledger.ErrMirrorAway)
		if _, err := c.Commit(t.Context(), signups, pollOf(2, "q")); !errors.Is(err, ledger.ErrMirrorAway) {
			t.Errorf("Commit = %v, want ErrMirrorAway", err)
		}
		if d := diff(before, valuesOf(t, c.Ledger)); d != "" || c.Position() != at {
			t.Errorf("at %+v, it has changed (-want +got):\n%s", c.Position(), d)
		}
	}
	c.commit(signups, pollOf(2, "q"))
	if got := c.Position().Commit; got != at.Commit+1 {
		t.Errorf("the next commit is %d, want %d", got, at.Commit+1)
	}
	c.m.same(t, "the active cache", c.Ledger)
}

// A transaction without changes is not sent to the mirror.
func TestNothingChangedIsNotMirrored(t *testing.T) {
	c := newCached(t)
	c.commit(signups, pollOf(1, "q"))
	at := c.Position()
	moved, err := c.Move(t.Context(), signups, []uint64{1}, []ledger.State{ledger.Failed}, ledger.Queued, "", noon)
	if err != nil || len(moved) > 0 || c.Position() != at || c.m.commit != at.Commit {
		t.Errorf("Move of nothing = %v, %v; at %+v, the mirror at %d", moved, err, c.Position(), c.m.commit)
	}
	c.m.same(t, "the active cache", c.Ledger)
}

// A process that is no longer active writes nothing. Its cache still has a commit and can follow.
func TestAnotherHasTakenOver(t *testing.T) {
	for name, refusal := range map[string]error{
		"not active":          fmt.Errorf("lease lost: %w", ledger.ErrNotActive),
		"anything else":       errors.New("syntax error"),
		"the state is behind": fmt.Errorf("restored: %w", ledger.ErrStale),
	} {
		c := newCached(t)
		c.commit(signups, pollOf(1, "q"))
		at := c.Position()
		c.m.err = refusal
		for range 2 {
			if _, err := c.Commit(t.Context(), signups, pollOf(2, "q")); !errors.Is(err, ledger.ErrNotActive) {
				t.Errorf("%s: Commit = %v, want ErrNotActive", name, err)
			}
		}
		if _, _, err := c.Zap(t.Context(), signups); !errors.Is(err, ledger.ErrNotActive) || !errors.Is(err, refusal) {
			t.Errorf("%s: Zap = %v, want ErrNotActive and why", name, err)
		}
		must(t, c.Close())
		l := cacheAt(t, c.path)
		if got := l.Position(); got != at {
			t.Errorf("%s: reopened, it is at %+v, want %+v", name, got, at)
		}
		c.m.same(t, name, l)
	}
}

// If the file fails after the mirror, the mirror has the commit, and the ledger ends.
func TestTheDiskFailsAfterTheMirror(t *testing.T) {
	c := newCached(t)
	c.commit(signups, pollOf(1, "q"))
	must(t, ledger.BreakDisk(c.Ledger))
	for range 2 {
		_, err := c.Commit(t.Context(), signups, pollOf(2, "q"))
		if !errors.Is(err, ledger.ErrStale) || errors.Is(err, ledger.ErrDisk) || errors.Is(err, ledger.ErrNoRoom) {
			t.Errorf("Commit = %v, want ErrStale", err)
		}
	}
	if c.m.commit != 2 {
		t.Errorf("the mirror is at commit %d, want 2", c.m.commit)
	}
	_ = c.Close()
	l := cacheAt(t, c.path)
	if got, want := l.Position(), (ledger.Position{State: "state"}); got != want {
		t.Errorf("reopened, it is at %+v, want %+v", got, want)
	}
	must(t, l.Load(t.Context(), c.m.position(), c.m.all))
	c.m.same(t, "loaded again", l)
}

// A cache that cannot be written to any more is loaded again, for whatever reason; there is nothing
// to be done for an operator.
func TestTheDiskOfAFollowerFails(t *testing.T) {
	c := newCached(t)
	l := c.follower()
	must(t, c.SetPaused(t.Context(), signups, true, "", noon))
	must(t, ledger.BreakDisk(l))
	for range 2 {
		if err := l.Follow(t.Context(), c.m.position(), c.m.since(0)); !errors.Is(err, ledger.ErrStale) || errors.Is(err, ledger.ErrDisk) {
			t.Errorf("Follow = %v, want ErrStale", err)
		}
	}
}

// panicking is a mirror with a mistake in it.
type panicking struct{}

func (panicking) Commit(uint64, []ledger.Value) error { panic("a mistake") }

func TestAMirrorThatPanics(t *testing.T) {
	c := newCached(t)
	must(t, c.Close())
	l := cacheAt(t, c.path)
	must(t, l.Promote(t.Context(), panicking{}, "epoch"))
	func() {
		defer func() { _ = recover() }()
		_ = l.SetPaused(t.Context(), signups, true, "", noon)
		t.Error("the panic is swallowed")
	}()
	if err := l.SetPaused(t.Context(), signups, true, "", noon); !errors.Is(err, ledger.ErrStale) {
		t.Errorf("the next write = %v, want ErrStale", err)
	}
	must(t, l.Close())
	if got := cacheAt(t, c.path).Position(); got.Epoch != "" {
		t.Errorf("reopened, it is at %+v, want it dropped", got)
	}
}

// Open refuses the copy of a mirrored state: the state would fork.
func TestOpenOfACopy(t *testing.T) {
	c := newCached(t)
	c.commit(signups, pollOf(1, "q"))
	must(t, c.Close())
	before, err := os.ReadFile(c.path)
	must(t, err)
	for _, o := range []ledger.Options{{Path: c.path}, {Path: c.path, ReadOnly: true}, {Path: c.path, Copy: true}} {
		_, err := ledger.Open(o)
		if !errors.Is(err, ledger.ErrCopy) {
			t.Fatalf("Open(%+v) = %v, want ErrCopy", o, err)
		}
		for _, want := range []string{c.path, "it is a copy of the state on PostgreSQL", "next: set state.postgres in rowtap.yaml, or move the state back: rowtap state migrate --from postgres"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("error %q lacks %q", err, want)
			}
		}
	}
	l, err := ledger.Open(ledger.Options{Path: c.path, ReadOnly: true, Copy: true})
	must(t, err)
	if n, err := l.NextDelivery(t.Context(), signups); n != 2 || err != nil || l.Position() != c.m.position() {
		t.Errorf("reading the copy: %d, %v, at %+v", n, err, l.Position())
	}
	if err := l.SetPaused(t.Context(), signups, true, "", noon); err == nil {
		t.Error("a write to a read-only copy: no error")
	}
	if err := l.Promote(t.Context(), c.m, "epoch"); err == nil {
		t.Error("Promote of what is only looked at: no error")
	}
	must(t, l.Close())
	if after, err := os.ReadFile(c.path); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file was changed (%v)", err)
	}
	must(t, os.WriteFile(c.path, make([]byte, len(before)), 0o600))
	if _, err := ledger.Open(ledger.Options{Path: c.path}); !errors.Is(err, ledger.ErrCopy) || errors.Is(err, ledger.ErrCorrupt) {
		t.Errorf("Open of a damaged copy = %v, want ErrCopy", err)
	}
}

// An old page under a new root in a closed file is noticed.
func TestAnOldPageInAClosedCache(t *testing.T) {
	c := newCached(t)
	for i := range 40 {
		must(t, c.SetPaused(t.Context(), fmt.Sprint("zap-", i), true, strings.Repeat("x", 300), noon))
	}
	must(t, c.Close())
	old := written(t, c.path)
	c.open()
	for i := range 40 {
		must(t, c.SetPaused(t.Context(), fmt.Sprint("zap-", i), true, strings.Repeat("y", 300), noon))
	}
	must(t, c.Close())
	content := written(t, c.path)
	size, tried := os.Getpagesize(), 0
	for p := 2; p < min(len(old), len(content))/size; p++ {
		mixed := bytes.Clone(content)
		copy(mixed[p*size:(p+1)*size], old[p*size:])
		must(t, os.WriteFile(c.path, content, 0o600))
		if bytes.Equal(mixed, content) || ledger.IsFree(t, c.path, uint64(p)) {
			continue
		}
		tried++
		must(t, os.WriteFile(c.path, mixed, 0o600))
		if _, err := ledger.Open(ledger.Options{Path: c.path, ReadOnly: true, Copy: true}); !errors.Is(err, ledger.ErrCorrupt) {
			t.Errorf("old page %d: Open = %v, want ErrCorrupt", p, err)
		}
		l := cacheAt(t, c.path)
		if got := l.Position(); got.Epoch != "" {
			t.Errorf("old page %d: it is at %+v, want it dropped", p, got)
		}
		must(t, l.Close())
	}
	if tried < 3 {
		t.Errorf("only %d pages were tried", tried)
	}
}

// plainAt checks that a file is a plain state file with the given zaps.
func plainAt(t *testing.T, path string, zaps ...string) {
	t.Helper()
	l, err := ledger.Open(ledger.Options{Path: path})
	must(t, err)
	defer func() { must(t, l.Close()) }()
	got, err := l.Zaps(t.Context())
	must(t, err)
	if !slices.Equal(got, zaps) || l.Position() != (ledger.Position{}) {
		t.Errorf("%s has zaps %v at %+v, want %v", path, got, l.Position(), zaps)
	}
	must(t, l.SetPaused(t.Context(), zaps[0], true, "", noon))
	for _, wrong := range damages(t, l) {
		t.Errorf("Check: %v", wrong)
	}
}

// A backup of a cache is a plain state file, and so is a restored one, even in the place of a
// cache.
func TestBackupAndRestoreOfACache(t *testing.T) {
	c := newCached(t)
	c.commit(signups, pollOf(1, "qwh"))
	dir := t.TempDir()
	backup := filepath.Join(dir, "backup.db")
	_, zaps, err := ledger.SaveBackup(t.Context(), backup, false, noon, func(w io.Writer) error { _, err := c.Backup(t.Context(), w); return err })
	if err != nil || !slices.Equal(zaps, []string{signups}) {
		t.Fatalf("SaveBackup = %v, %v", zaps, err)
	}
	raw, err := os.Create(filepath.Join(dir, "raw.db")) // as written by Backup alone
	must(t, err)
	_, err = c.Backup(t.Context(), raw)
	must(t, errors.Join(err, raw.Close()))
	must(t, c.Close())

	for _, from := range []string{backup, raw.Name()} {
		c.open()
		must(t, c.Close())
		_, err := ledger.Restore(t.Context(), c.path, from, noon)
		must(t, err)
		plainAt(t, c.path, signups)
		if _, err := os.Lstat(c.path + ".copy"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("restored, the note of the cache is still there (%v)", err)
		}
		must(t, os.Remove(c.path))
		l := cacheAt(t, c.path)
		must(t, l.Load(t.Context(), c.m.position(), c.m.all))
		must(t, l.Close())
	}
	plainAt(t, backup, signups)
}

func TestChecksAndCompactionOfACache(t *testing.T) {
	c := newCached(t)
	c.commit(signups, pollOf(1, strings.Repeat("k", 20000)))
	_, err := c.Prune(t.Context(), noon.AddDate(0, 0, 1), 1<<20)
	must(t, err)
	for _, wrong := range damages(t, c.Ledger) {
		t.Errorf("Check: %v", wrong)
	}
	must(t, c.Close())
	zaps, wrong, err := ledger.CheckFile(t.Context(), ledger.Options{Path: c.path})
	if err != nil || len(wrong) > 0 || !slices.Equal(zaps, []string{signups}) {
		t.Errorf("CheckFile = %v, %v, %v", zaps, wrong, err)
	}
	before, after, err := ledger.Compact(t.Context(), c.path)
	if err != nil || after >= before {
		t.Errorf("Compact = %d, %d, %v", before, after, err)
	}
	l := cacheAt(t, c.path)
	if got := l.Position(); got != c.m.position() {
		t.Errorf("compacted, it is at %+v, want %+v", got, c.m.position())
	}
	c.m.same(t, "compacted", l)
}

func TestUnstamp(t *testing.T) {
	c := newCached(t)
	c.commit(signups, pollOf(1, "q"))
	if err := ledger.Unstamp(t.Context(), c.path); !errors.Is(err, ledger.ErrInUse) {
		t.Errorf("Unstamp of a cache in use = %v, want ErrInUse", err)
	}
	content, err := os.ReadFile(c.path)
	must(t, err)
	killed := filepath.Join(t.TempDir(), "killed.db")
	must(t, os.WriteFile(killed, content, 0o600))
	if err := ledger.Unstamp(t.Context(), killed); !errors.Is(err, ledger.ErrStale) {
		t.Errorf("Unstamp of a cache that was not closed = %v, want ErrStale", err)
	}
	must(t, c.Close())
	for range 2 { // the second time it is a plain file
		must(t, ledger.Unstamp(t.Context(), c.path))
		if _, err := os.Lstat(c.path + ".copy"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the note of the cache is still there (%v)", err)
		}
	}
	plainAt(t, c.path, signups)
}

// A note left by an earlier cache does not apply to the plain file that is there now.
func TestANoteThatIsLeft(t *testing.T) {
	c := newCached(t)
	must(t, c.Close())
	for name, open := range map[string]func(ledger.Options) (*ledger.Ledger, error){"Open": ledger.Open, "OpenCache": ledger.OpenCache} {
		path, _ := sample(t)
		note, err := os.ReadFile(c.path + ".copy")
		must(t, err)
		must(t, os.WriteFile(path+".copy", note, 0o600))
		l, err := open(ledger.Options{Path: path})
		must(t, err)
		if zaps, err := l.Zaps(t.Context()); err != nil || len(zaps) == 0 || l.Position() != (ledger.Position{}) {
			t.Errorf("%s: zaps %v, %v, at %+v", name, zaps, err, l.Position())
		}
		must(t, l.Close())
		if _, err := os.Lstat(path + ".copy"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s keeps the note (%v)", name, err)
		}
	}
}

// A state of an older release is mirrored as it is. The active process migrates it, also in the
// mirror.
func TestAnOlderStateIsMigratedByTheActiveOne(t *testing.T) {
	for _, schema := range released {
		m := newMemory(t)
		path := frozenState(t, schema, ".db.gz")
		l := cacheAt(t, path)
		must(t, l.EachValue(t.Context(), func(v ledger.Value) error { m.put(0, v); return nil }))
		must(t, l.Stamp(t.Context(), m.position()))
		follower := cacheAt(t, filepath.Join(t.TempDir(), "follower.db"))
		must(t, follower.Load(t.Context(), m.position(), m.all))
		for what, l := range map[string]*ledger.Ledger{"the seed": l, "the follower": follower} {
			m.same(t, what, l)
			if d := diff(frozenText(t, schema), said(t, l, frozenSheets(t, schema))); d != "" {
				t.Errorf("schema %d: %s says (-want +got):\n%s", schema, what, d)
			}
		}
		must(t, l.Close())
		_, _, err := ledger.Compact(t.Context(), path)
		must(t, err)
		l = cacheAt(t, path) // compacted and opened, it is not changed either
		m.same(t, "opened again", l)

		m.term = "new"
		m.err = ledger.ErrMirrorAway
		if err := l.Promote(t.Context(), m, m.term); !errors.Is(err, ledger.ErrMirrorAway) {
			t.Errorf("schema %d: Promote without the mirror = %v, want ErrMirrorAway", schema, err)
		}
		m.same(t, "not promoted", l)
		if m.commit != 0 {
			t.Errorf("schema %d: the mirror is at commit %d before Promote", schema, m.commit)
		}
		must(t, l.Promote(t.Context(), m, m.term))
		if m.commit != 1 || l.Position() != m.position() {
			t.Errorf("schema %d: promoted, the mirror is at %d and the cache at %+v", schema, m.commit, l.Position())
		}
		m.same(t, "promoted", l)
		for _, w := range frozenSheets(t, schema) {
			goesOn(t, l, w)
		}
		m.same(t, "used", l)
		if err := follower.Follow(t.Context(), m.position(), m.since(0)); !errors.Is(err, ledger.ErrStale) {
			t.Errorf("schema %d: Follow over a migration = %v, want ErrStale", schema, err)
		}
		must(t, follower.Load(t.Context(), m.position(), m.all))
		m.same(t, "the reloaded follower", follower)
		for _, wrong := range damages(t, follower) {
			t.Errorf("schema %d: Check of the follower: %v", schema, wrong)
		}
	}
}

// A standby of an older release neither follows nor loads what it does not understand.
func TestANewerStateIsRefused(t *testing.T) {
	c := newCached(t)
	c.commit(signups, pollOf(1, "q"))
	l := c.follower()
	must(t, c.Close())
	ledger.SetSchema(t, c.path, ledger.Schema+1)
	if _, err := ledger.OpenCache(ledger.Options{Path: c.path}); !errors.Is(err, ledger.ErrNewer) {
		t.Errorf("OpenCache = %v, want ErrNewer", err)
	}
	newer := ledger.SchemaValue(ledger.Schema + 1)
	for _, v := range c.m.values { // all of it, as after a migration
		c.m.put(2, v.Value)
	}
	c.m.put(2, ledger.Value{Kind: "rowtap", Key: []byte("schema"), Value: newer})
	c.m.commit = 2
	if err := l.Follow(t.Context(), c.m.position(), c.m.since(1)); !errors.Is(err, ledger.ErrNewer) || errors.Is(err, ledger.ErrStale) {
		t.Errorf("Follow = %v, want ErrNewer alone", err)
	}
	if err := l.Load(t.Context(), c.m.position(), c.m.all); !errors.Is(err, ledger.ErrNewer) {
		t.Errorf("Load = %v, want ErrNewer", err)
	}
}
