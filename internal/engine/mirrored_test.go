package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rowtap/rowtap/internal/ledger"
)

// recorder is a mirror that accepts every change, or returns an error.
type recorder struct {
	mu      sync.Mutex
	err     error
	commits uint64
}

func (r *recorder) Commit(n uint64, _ []ledger.Value) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.commits = n
	}
	return r.err
}

func (r *recorder) set(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
}

// mirrored puts an engine's state on PostgreSQL, as far as the engine can tell: in the mirror m.
func mirrored(t *testing.T, m ledger.Mirror) func(*Options) {
	return func(o *Options) {
		t.Helper()
		err := o.Ledger.Close()
		if err == nil {
			o.Ledger, err = ledger.OpenCache(ledger.Options{Path: o.Plan.Config.State.Path})
		}
		if err == nil {
			err = o.Ledger.Stamp(t.Context(), ledger.Position{State: "state", Epoch: "seed", Commit: 1})
		}
		if err == nil {
			err = o.Ledger.Promote(t.Context(), m, "epoch")
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestPostgresAway: while PostgreSQL records nothing, nothing is sent, and zaps and the notice say
// why. Afterwards everything continues with nothing lost or sent twice, whatever could not be
// recorded.
func TestPostgresAway(t *testing.T) {
	away := fmt.Errorf("%w: connection refused", ledger.ErrMirrorAway)
	for _, tt := range []struct {
		name    string
		during  func(m *recorder, b *bubble) // when PostgreSQL goes away
		uploads int
	}{
		{"before a poll", func(m *recorder, _ *bubble) { m.set(away) }, 0},
		{"during an upload", func(m *recorder, b *bubble) { b.cleverTap.before = func() { m.set(away) } }, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := &recorder{}
				b := bubbleWith(t, map[string]string{"e": bubbleEvents()}, mirrored(t, m))
				b.start(t)
				b.pass(2 * time.Minute)
				tt.during(m, b)
				b.add(t, [2]string{"a", "1"})
				b.pass(10 * time.Minute)
				z := b.zap(t, "e")
				if z.State != NeedsHand || !strings.Contains(z.Reason, "PostgreSQL is not available: connection refused") || !strings.Contains(z.Hint, "check that PostgreSQL runs") {
					t.Errorf("the zap: %+v", z)
				}
				if n := b.cleverTap.requests(); n != tt.uploads {
					t.Errorf("%d uploads, want %d", n, tt.uploads)
				}
				if needs := needy(t, b.Engine); tt.uploads > 0 && (len(needs) != 1 ||
					!strings.HasPrefix(needs[0], "the state on PostgreSQL postgres: nothing is sent while the state cannot be recorded: ")) {
					t.Errorf("needs attention: %q", needs)
				}
				b.cleverTap.before = nil
				m.set(nil)
				b.until(t, "the event is sent", 2*time.Minute, func() bool { return b.marked(t, "e") == "s" })
				if got := b.seen(t, 1); got != "0 1" {
					t.Errorf("CleverTap has %s, want the event once", got)
				}
				if needs := needy(t, b.Engine); len(needs) > 0 || b.zap(t, "e").State != Running {
					t.Errorf("needs attention: %q; the zap: %+v", needs, b.zap(t, "e"))
				}
			})
		})
	}
}

// TestAnotherMachineIsActive: the first change that PostgreSQL refuses for that reason ends Run,
// and nothing is sent after it.
func TestAnotherMachineIsActive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &recorder{}
		b := bubbleWith(t, map[string]string{"e": bubbleEvents()}, mirrored(t, m))
		done := make(chan error, 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		go func() { done <- b.Run(ctx) }()
		b.pass(2 * time.Minute)
		m.set(fmt.Errorf("%w: host-b has taken over", ledger.ErrNotActive))
		b.add(t, [2]string{"a", "1"})
		if err := <-done; !errors.Is(err, ledger.ErrNotActive) || !strings.Contains(err.Error(), "host-b has taken over") || ctx.Err() != nil {
			t.Errorf("Run = %v, want that another machine is active", err)
		}
		if n := b.cleverTap.requests(); n > 0 {
			t.Errorf("%d uploads", n)
		}
		if err := b.ledger.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestLostCopy: an engine whose copy of the state is removed or overwritten ends, so that another
// machine takes over, or this one with a new copy. PostgreSQL has the state.
func TestLostCopy(t *testing.T) {
	for name, lose := range map[string]func(path string) error{
		"removed":     os.Remove,
		"overwritten": func(path string) error { return os.WriteFile(path, make([]byte, 64<<10), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := bubbleWith(t, map[string]string{"e": bubbleEvents()}, func(o *Options) {
					mirrored(t, &recorder{})(o)
					o.MayBegin = func() error { return nil }
				})
				done := make(chan error, 1)
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				go func() { done <- b.Run(ctx) }()
				b.pass(2 * time.Minute)
				if err := lose(b.current().Config.State.Path); err != nil {
					t.Fatal(err)
				}
				if err := <-done; !errors.Is(err, ledger.ErrStale) || ctx.Err() != nil {
					t.Errorf("Run = %v, want that the copy must be reloaded", err)
				}
				_ = b.ledger.Close() // it cannot be closed cleanly
			})
		})
	}
}
