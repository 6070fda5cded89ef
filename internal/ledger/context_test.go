package ledger_test

import (
	"context"
	"errors"
	"io"
	"iter"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/ledger"
)

// methods calls each method that reads or writes, with something to do.
func methods(t *testing.T, l *ledger.Ledger) map[string]func(ctx context.Context) error {
	dir := t.TempDir()
	one := []uint64{1}
	nothing := func(ledger.Delivery) error { return nil }
	elsewhere, noValues := ledger.Position{State: "state", Epoch: "epoch"}, func(func(ledger.Value) error) error { return nil }
	return map[string]func(ctx context.Context) error{
		"Backup": func(ctx context.Context) error { _, err := l.Backup(ctx, io.Discard); return err },
		"Check":  func(ctx context.Context) error { _, err := l.Check(ctx); return err },
		"Commit": func(ctx context.Context) error { _, err := l.Commit(ctx, signups, ledger.Poll{At: noon}); return err },
		"CompactTo": func(ctx context.Context) error {
			return l.CompactTo(ctx, filepath.Join(dir, "small"))
		},
		"Cursor": func(ctx context.Context) error {
			_, err := l.Cursor(ctx, signups, "book", 0, func(iter.Seq[[]byte]) error { return nil })
			return err
		},
		"Deliveries": func(ctx context.Context) error { _, err := l.Deliveries(ctx, ledger.Query{}); return err },
		"Delivery":   func(ctx context.Context) error { _, _, err := l.Delivery(ctx, signups, 1); return err },
		"EndPause":   func(ctx context.Context) error { _, err := l.EndPause(ctx, signups, noon); return err },
		"Each":       func(ctx context.Context) error { return l.Each(ctx, ledger.Query{Zap: signups}, nothing) },
		"EachValue":  func(ctx context.Context) error { return l.EachValue(ctx, func(ledger.Value) error { return nil }) },
		"Finish": func(ctx context.Context) error {
			return l.Finish(ctx, signups, []ledger.Outcome{{Number: 1, State: ledger.Sent}}, noon)
		},
		"Follow":    func(ctx context.Context) error { return l.Follow(ctx, elsewhere, noValues) },
		"HasCursor": func(ctx context.Context) error { _, err := l.HasCursor(ctx, signups, "book", 0); return err },
		"IndexIdentities": func(ctx context.Context) error {
			_, err := l.IndexIdentities(ctx, func(string) ledger.Identifier { return ledger.Identifier{} }, 1)
			return err
		},
		"InFlight": func(ctx context.Context) error { _, err := l.InFlight(ctx, signups); return err },
		"KeepHides": func(ctx context.Context) error {
			return l.KeepHides(ctx, map[string]ledger.Hides{signups: {Identity: true}})
		},
		"KeepSummaries": func(ctx context.Context) error { return l.KeepSummaries(ctx, map[string]time.Time{"a": noon}) },
		"Load":          func(ctx context.Context) error { return l.Load(ctx, elsewhere, noValues) },
		"Move": func(ctx context.Context) error {
			_, err := l.Move(ctx, signups, one, []ledger.State{ledger.Queued}, ledger.Held, "", noon)
			return err
		},
		"OldestQueued": func(ctx context.Context) error { _, _, err := l.OldestQueued(ctx, signups); return err },
		"Open":         func(ctx context.Context) error { _, err := l.Open(ctx, signups, 1, 2); return err },
		"OpenRows":     func(ctx context.Context) error { _, err := l.OpenRows(ctx, signups); return err },
		"PauseUntil": func(ctx context.Context) error {
			_, err := l.PauseUntil(ctx, signups, "", noon, noon)
			return err
		},
		"Ping":    func(ctx context.Context) error { return l.Ping(ctx) },
		"Promote": func(ctx context.Context) error { return l.Promote(ctx, nil, "epoch") },
		"Prune":   func(ctx context.Context) error { _, err := l.Prune(ctx, noon, 1); return err },
		"Queue": func(ctx context.Context) error {
			_, _, err := l.Queue(ctx, signups, one, []ledger.State{ledger.Held}, "", noon)
			return err
		},
		"Queued": func(ctx context.Context) error { _, err := l.Queued(ctx, signups, 1, 0); return err },
		"Rename": func(ctx context.Context) error { return l.Rename(ctx, signups, "another") },
		"Scan": func(ctx context.Context) error {
			return l.Scan(ctx, signups, []ledger.State{ledger.Queued}, nil, nothing)
		},
		"ScanOutcomes": func(ctx context.Context) error {
			return l.ScanOutcomes(ctx, signups, ledger.Queued, func(ledger.Delivery) {})
		},
		"Search": func(ctx context.Context) error {
			_, err := l.Search(ctx, ledger.Query{Zap: signups, Limit: 1}, "", func() bool { return true })
			return err
		},
		"SentKeys":   func(ctx context.Context) error { _, _, err := l.SentKeys(ctx, signups, nil); return err },
		"SentRecord": func(ctx context.Context) error { _, _, err := l.SentRecord(ctx, signups, 1); return err },
		"SentSince": func(ctx context.Context) error {
			_, err := l.SentSince(ctx, signups, 1, func(ledger.Delivery) {})
			return err
		},
		"SetPaused": func(ctx context.Context) error { return l.SetPaused(ctx, signups, true, "", noon) },
		"Start":     func(ctx context.Context) error { return l.Start(ctx, signups, uploadOf(one...), ledger.Hides{}, noon) },
		"Stamp":     func(ctx context.Context) error { return l.Stamp(ctx, elsewhere) },
		"StateOf":   func(ctx context.Context) error { _, err := l.StateOf(ctx, signups, 1); return err },
		"Sum":       func(ctx context.Context) error { _, err := l.Sum(ctx, signups); return err },
		"Summaries": func(ctx context.Context) error { _, err := l.Summaries(ctx); return err },
		"Zap":       func(ctx context.Context) error { _, _, err := l.Zap(ctx, signups); return err },
		"Zaps":      func(ctx context.Context) error { _, err := l.Zaps(ctx); return err },
	}
}

// Methods that need a transaction take a context, and do not begin once it has ended.
func TestNothingBeginsForWhoIsGone(t *testing.T) {
	f := newFile(t)
	commit(t, f, signups, pollOf(1, "q"))
	free := map[string]bool{"Close": true, "InPlace": true, "Size": true, "HoldWriting": true, "NextDelivery": true, "Position": true}
	calls := methods(t, f.Ledger)
	for m := range reflect.TypeFor[*ledger.Ledger]().Methods() {
		if calls[m.Name] == nil && !free[m.Name] {
			t.Errorf("%s is not tried", m.Name)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, call := range calls {
		if err := call(ctx); !errors.Is(err, context.Canceled) || name != "Ping" && err.Error() == context.Canceled.Error() {
			t.Errorf("%s = %v, want a wrapped %v", name, err, context.Canceled)
		}
	}
	if z, _, err := f.Zap(t.Context(), signups); z.Paused || z.Counts.Queued != 1 || err != nil {
		t.Errorf("afterwards the zap is %+v, %v", z, err)
	}
}

// A method that waits for a writer returns when its context ends.
func TestWaitingForTheWriterIsCutOff(t *testing.T) {
	f := newFile(t)
	commit(t, f, signups, pollOf(1, "q"))
	calls := methods(t, f.Ledger)
	for _, name := range []string{"Check", "Commit", "Finish", "KeepHides", "Move", "Rename", "SetPaused", "Start"} {
		release := f.HoldWriting()
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		if err := calls[name](ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s = %v, want %v", name, err, context.DeadlineExceeded)
		}
		cancel()
		release()
	}
	must(t, calls["Start"](t.Context()))
}

// writerFunc is a function that implements io.Writer.
type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// Long work ends with its context, here during the first item.
func TestLongWorkIsCutOff(t *testing.T) {
	const rows = 2500 // in three values
	f := newFile(t)
	commit(t, f, signups, pollOf(1, strings.Repeat("q", rows)))
	var out []ledger.Outcome
	for n := uint64(1); n <= rows; n++ {
		out = append(out, ledger.Outcome{Number: n, State: ledger.Sent})
	}
	must(t, f.Finish(t.Context(), signups, out, noon))
	works := map[string]func(ctx context.Context, tell func()) error{
		"Each": func(ctx context.Context, tell func()) error {
			return f.Each(ctx, ledger.Query{}, func(ledger.Delivery) error { tell(); return nil })
		},
		"Scan": func(ctx context.Context, tell func()) error {
			return f.Scan(ctx, signups, []ledger.State{ledger.Sent}, nil, func(ledger.Delivery) error { tell(); return nil })
		},
		"SentSince": func(ctx context.Context, tell func()) error {
			_, err := f.SentSince(ctx, signups, 1, func(ledger.Delivery) { tell() })
			return err
		},
		"Search": func(ctx context.Context, tell func()) error {
			_, err := f.Search(ctx, ledger.Query{Zap: signups, Limit: 2 * rows}, "", func() bool { tell(); return true })
			return err
		},
		"Cursor": func(ctx context.Context, tell func()) error {
			_, err := f.Cursor(ctx, signups, "1abc", 7, func(chunks iter.Seq[[]byte]) error {
				tell()
				for range chunks {
					t.Error("Cursor reads on")
				}
				return nil
			})
			return err
		},
		"Backup": func(ctx context.Context, tell func()) error {
			_, err := f.Backup(ctx, writerFunc(func(b []byte) (int, error) { tell(); return len(b), nil }))
			return err
		},
	}
	for name, work := range works {
		ctx, cancel := context.WithCancel(t.Context())
		told := 0
		err := work(ctx, func() {
			told++
			cancel()
		})
		cancel()
		if !errors.Is(err, context.Canceled) || told == 0 || told > 1000 {
			t.Errorf("%s = %v after %d, want %v before the second thousand", name, err, told, context.Canceled)
		}
	}
}
