package engine

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mirror"
	"github.com/rowtap/rowtap/internal/pgtest"
)

// openState opens the state that a configuration names.
type openState func(t testing.TB, path string) *ledger.Ledger

func openFile(t testing.TB, path string) *ledger.Ledger {
	t.Helper()
	return closedWith(t, func() (*ledger.Ledger, error) { return ledger.Open(ledger.Options{Path: path}) })
}

// openPostgres has the state be on a PostgreSQL of its own, which syncs its commits, as the file does.
func openPostgres(t testing.TB, path string) *ledger.Ledger {
	t.Helper()
	m, err := mirror.Open(mirror.Options{DSN: pgtest.Start(t, "fsync = on").DSN(), Lease: "rowtap"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	l := closedWith(t, func() (*ledger.Ledger, error) { return ledger.OpenCache(ledger.Options{Path: path}) })
	if err := promoteOn(t, m, l); err != nil {
		t.Fatal(err)
	}
	return l
}

// promoteOn makes a plain state file the copy of the active rowtap, until the test ends.
func promoteOn(t testing.TB, m *mirror.Mirror, l *ledger.Ledger) error {
	t.Helper()
	if err := m.Prepare(t.Context()); err != nil {
		return err
	}
	term, err := m.Acquire(t.Context())
	if err != nil {
		return err
	}
	var kept errgroup.Group
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	kept.Go(func() error { return term.Keep(ctx) })
	t.Cleanup(func() {
		stop()
		if err := kept.Wait(); err != nil {
			t.Error(err)
		}
	})
	position, err := term.Replace(ctx, l)
	if err == nil {
		err = l.Stamp(ctx, position)
	}
	if err == nil {
		err = l.Promote(ctx, term, term.ID())
	}
	return err
}

func closedWith(t testing.TB, open func() (*ledger.Ledger, error)) *ledger.Ledger {
	t.Helper()
	l, err := open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// states are where a state can be.
var states = []struct {
	name string
	open openState
}{{"file", openFile}, {"postgres", openPostgres}}

// BenchmarkBacklog finds and delivers 10,000 new rows of two columns in one pass, the emulators' work included.
func BenchmarkBacklog(b *testing.B) {
	const rows = 10_000
	values := make([][2]string, rows)
	for i := range values {
		values[i] = [2]string{fmt.Sprintf("user-%d@example.com", i), fmt.Sprint(i)}
	}
	accept := func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			b.Error(err)
		}
		fmt.Fprintf(w, `{"status":"success","processed":%d,"unprocessed":[]}`, strings.Count(string(body), `"type":`))
	}
	for _, state := range states {
		b.Run(state.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				r := newRigOn(b, map[string]string{"p": profileZap("production")}, accept, state.open)
				r.append(b, values...)
				b.StartTimer()
				if s := r.once(b); s.Sent != rows {
					b.Fatalf("%+v, want %d sent", s, rows)
				}
			}
			b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// BenchmarkSoon appends rows one by one, and measures from the beginning of the poll that finds each until CleverTap has it.
func BenchmarkSoon(b *testing.B) {
	for _, state := range states {
		b.Run(state.name, func(b *testing.B) {
			arrived := make(chan time.Time, 1)
			r := newRigOn(b, map[string]string{"p": profileZap("production")}, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				arrived <- time.Now()
				fmt.Fprint(w, `{"status":"success","processed":1,"unprocessed":[]}`)
			}, state.open)
			ctx, stop := context.WithCancel(b.Context())
			var running errgroup.Group
			running.Go(func() error { return r.Run(ctx) })
			if _, err := r.PollNow(ctx, "p"); err != nil {
				b.Fatal(err)
			}
			var took []time.Duration
			for b.Loop() {
				r.append(b, [2]string{fmt.Sprintf("user-%d@example.com", len(took)), "1"})
				began := time.Now()
				if _, err := r.PollNow(ctx, "p"); err != nil {
					b.Fatal(err)
				}
				took = append(took, (<-arrived).Sub(began))
			}
			stop()
			if err := running.Wait(); err != nil {
				b.Fatal(err)
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
		})
	}
}
