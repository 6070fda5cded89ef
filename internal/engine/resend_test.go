package engine

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/sandbox"
)

// takeover is an engine that takes over a state with rows EMAIL, SCORE queued in each zap. The
// previous machine was sending those with the given scores.
func takeover(t *testing.T, zaps map[string]string, resend time.Duration, rows [][2]string, flying ...int) *bubble {
	t.Helper()
	b := readyBubble(t, "resend", zaps)
	b.add(t, rows...)
	for name := range zaps {
		b.poll(t, name)
		queued, err := b.ledger.Queued(t.Context(), name, 1, 0)
		if err != nil {
			t.Fatal(err)
		}
		var sending ledger.Upload
		for _, score := range flying {
			sending = append(sending, ledger.Sending{Delivery: queued[score-1], Record: ledger.SentRecord{JSON: []byte("{}")}})
		}
		if err := b.ledger.Start(t.Context(), name, []ledger.Upload{sending}, ledger.Hides{}, b.now()); err != nil {
			t.Fatal(err)
		}
	}
	b.again(t, func(o *Options) { o.Resend = b.clock.now().Add(resend) })
	return b
}

// arrived returns the scores of the records that CleverTap has accepted, in order, of profiles and
// of events.
func (b *bubble) arrived(t *testing.T) string {
	t.Helper()
	of := map[string]string{}
	for _, r := range b.box.CleverTap().Records(sandbox.RecordQuery{}) {
		of[r.Type] += fmt.Sprint(scoreOf(t, r))
	}
	return of["profile"] + " " + of["event"]
}

// TestTakeover: rows that the previous machine was sending wait until CleverTap's timeout, are then
// sent again, and marked if a repeat matters. Later rows of their users wait behind them; other
// rows are sent at once.
func TestTakeover(t *testing.T) {
	rows := [][2]string{{"a", "1"}, {"b", "2"}, {"a", "3"}, {"c", "4"}, {"a", "5"}, {"d", "6"}}
	synctest.Test(t, func(t *testing.T) {
		b := takeover(t, map[string]string{"p": bubbleProfiles(), "e": bubbleEvents()}, 30*time.Second, rows, 1, 4)
		b.start(t)
		b.pass(2 * time.Second)
		for range 3 { // at 3, 15 and 27 seconds
			if got := b.arrived(t); got != "26 26" || b.all(t) != "qsqqqs qsqqqs" {
				t.Errorf("CleverTap has %s, states %s; want only rows 2 and 6", got, b.all(t))
			}
			b.pass(12 * time.Second)
		}
		// Profiles of a user are sent one after the other, events of a user in order.
		b.until(t, "they are sent", 10*time.Second, func() bool { return b.all(t) == "ssssss SssSss" })
		if got := b.arrived(t); got != "261435 261345" {
			t.Errorf("CleverTap has %s, want rows 1, 3 and 5 in this order after the others", got)
		}
	})
}

// TestTakeoverOfPausedZaps: rows in flight are queued again when it is time, not later, whatever
// the state of the zap.
func TestTakeoverOfPausedZaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := takeover(t, map[string]string{"e": bubbleEvents()}, 30*time.Second, [][2]string{{"a", "1"}, {"b", "2"}}, 1)
		if err := b.Pause(t.Context(), "e", ""); err != nil {
			t.Fatal(err)
		}
		b.start(t)
		b.pass(40 * time.Second)
		if got := b.marked(t, "e"); got != "Qq" || b.cleverTap.requests() > 0 {
			t.Errorf("paused: states %s after %d uploads, want Qq", got, b.cleverTap.requests())
		}
		if err := b.Resume(t.Context(), "e", false); err != nil {
			t.Fatal(err)
		}
		b.until(t, "they are sent", 10*time.Second, func() bool { return b.marked(t, "e") == "Ss" })
	})
}

// TestTakeoverByOnce: a single pass waits for rows in flight, if there are any.
func TestTakeoverByOnce(t *testing.T) {
	rows := [][2]string{{"a", "1"}, {"b", "2"}}
	for _, tt := range []struct {
		name   string
		resend time.Duration
		flying []int
		want   string
		least  time.Duration
		most   time.Duration
	}{
		{"in flight", 25 * time.Second, []int{1}, "Ss", 24 * time.Second, 27 * time.Second},
		{"in flight, for long", time.Hour, []int{1}, "qs", 0, 2 * time.Second},
		{"none in flight", 25 * time.Second, nil, "ss", 0, 2 * time.Second},
		{"a start after a crash", 0, []int{1}, "Ss", 0, 2 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := takeover(t, map[string]string{"e": bubbleEvents()}, tt.resend, rows, tt.flying...)
				began := time.Now()
				if _, err := b.Once(t.Context()); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(began); took < tt.least || took > tt.most || b.marked(t, "e") != tt.want {
					t.Errorf("states %s after %s; want %s after %s to %s", b.marked(t, "e"), took, tt.want, tt.least, tt.most)
				}
				if err := b.ledger.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestTakeoverWithTheClockSetBack: the rows do not wait longer because of it.
func TestTakeoverWithTheClockSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := takeover(t, map[string]string{"e": bubbleEvents()}, 30*time.Second, [][2]string{{"a", "1"}, {"b", "2"}}, 1)
		b.start(t)
		b.pass(5 * time.Second)
		b.clock.set(-time.Hour)
		b.sender.Adopt() // wakes the sender
		b.pass(5 * time.Second)
		if got := b.marked(t, "e"); got != "qs" {
			t.Errorf("states %s, want qs", got)
		}
		b.until(t, "it is sent", time.Minute, func() bool { return b.marked(t, "e") == "Ss" })
	})
}
