package engine

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/poll"
	"github.com/rowtap/rowtap/internal/sandbox"
)

// clocked gives an engine that is not running a settable clock.
func (r *rig) clocked() *shiftedClock {
	c := &shiftedClock{}
	r.opts.Now = c.now
	return c
}

// set writes cells of worksheet Signups, starting at a column.
func (r *rig) set(t *testing.T, row, column int, values ...sandbox.Value) {
	t.Helper()
	for i, v := range values {
		if err := r.box.Sheets().Set("book", "Signups", row, column+i, v); err != nil {
			t.Fatal(err)
		}
	}
}

// remove deletes rows of worksheet Signups.
func (r *rig) remove(t *testing.T, from, to int) {
	t.Helper()
	if err := r.box.Sheets().Delete("book", "Signups", from, to); err != nil {
		t.Fatal(err)
	}
}

func (r *rig) wants(t *testing.T, zap, want, when string) {
	t.Helper()
	if got := r.states(t, zap); got != want {
		t.Errorf("%s: states %q, want %q", when, got, want)
	}
}

// away makes an engine of a zap that watched worksheet Signups, with rows in it, and now watches
// another one.
func away(t *testing.T, here string, rows int) *rig {
	t.Helper()
	r := newRig(t, map[string]string{"e": here})
	r.other(t)
	r.append(t, numbered(rows)...)
	r.poll(t, "e")
	r.write(t, "e", strings.Replace(here, "Signups", "Other", 1))
	r.poll(t, "e")
	return r
}

// TestHeldElsewhereStaysHeld: rows added while the zap watched another worksheet are left to an
// operator, complete or not, however long they have been unchanged.
func TestHeldElsewhereStaysHeld(t *testing.T) {
	for _, settle := range []string{"0s", "5s", "1m"} {
		here := strings.Replace(fromNow(eventZap("production")), "start: now", "start: now, settle: "+settle, 1)
		r := away(t, here, 1)
		clock := r.clocked()
		r.append(t, [2]string{"", "7"}, [2]string{"meanwhile@example.com", "8"}, [2]string{"user-1@example.com", "1"}) // half-typed, complete, a copy
		r.write(t, "e", here)
		r.once(t)
		r.wants(t, "e", "hhh", "settle "+settle+", back")
		clock.set(10 * time.Minute)
		r.once(t)
		r.wants(t, "e", "hhh", "settle "+settle+", ten minutes later")
		r.set(t, 3, 1, sandbox.Text("completed@example.com"))
		r.once(t)
		clock.set(20 * time.Minute)
		r.once(t)
		r.wants(t, "e", "hhh", "settle "+settle+", completed")
		if _, err := r.Act(t.Context(), Release, Selection{IDs: []string{"e/1"}}); err != nil {
			t.Fatal(err)
		}
		r.once(t)
		r.wants(t, "e", "shh", "settle "+settle+", released")
		if got := r.sentTo(t); got != "completed@example.com" {
			t.Errorf("settle %s: sent to %s, want the row as it is now", settle, got)
		}
		if got := r.backfill(t, "e", "", true); got.Queued != 1 || got.Delivered != 3 {
			t.Errorf("settle %s: backfill %+v, want the one row of the first read", settle, got)
		}
	}
}

// sentTo returns the identities of the records that CleverTap accepted, in order.
func (r *rig) sentTo(t *testing.T) string {
	t.Helper()
	var to []string
	for _, rec := range r.box.CleverTap().Records(sandbox.RecordQuery{}) {
		to = append(to, rec.Identity)
	}
	return strings.Join(to, " ")
}

// TestElsewhereOutlastsADoubt: the zap counts as one that was elsewhere until a read is believed,
// even across restarts.
func TestElsewhereOutlastsADoubt(t *testing.T) {
	here := fromNow(eventZap("production"))
	doubts := map[string]func(*testing.T, *rig) (restore func()){
		"archived": func(t *testing.T, r *rig) func() {
			r.remove(t, 2, 6)
			return func() {}
		},
		"emptied": func(t *testing.T, r *rig) func() {
			rows, err := r.box.Sheets().Rows("book", "Signups")
			if err != nil {
				t.Fatal(err)
			}
			if err := r.box.Sheets().Replace("book", "Signups", rows[0]); err != nil {
				t.Fatal(err)
			}
			return func() {
				if err := r.box.Sheets().Replace("book", "Signups", rows...); err != nil {
					t.Fatal(err)
				}
			}
		},
		"another header": func(t *testing.T, r *rig) func() {
			r.set(t, 1, 1, sandbox.Text("E"), sandbox.Text("S"))
			return func() { r.set(t, 1, 1, sandbox.Text("Email"), sandbox.Text("Score")) }
		},
		"errors": func(t *testing.T, r *rig) func() {
			for i := range 6 {
				r.set(t, 2+i, 2, sandbox.ErrorText("#REF!"))
			}
			return func() {
				for i := range 6 {
					r.set(t, 2+i, 2, sandbox.Number(float64(i+1)))
				}
			}
		},
	}
	for name, doubt := range doubts {
		t.Run(name, func(t *testing.T) {
			r := away(t, here, 6)
			for i := range 3 {
				r.append(t, [2]string{fmt.Sprintf("meanwhile-%d@example.com", i), "2"})
			}
			restore := doubt(t, r)
			r.write(t, "e", here)
			for range 2 {
				if _, err := r.Poll(t.Context(), "e"); err != nil {
					t.Logf("a read that is not believed: %v", err)
				}
				if got := r.states(t, "e"); strings.Trim(got, "h") != "" {
					t.Fatalf("states %s after a read that is not believed", got)
				}
			}
			restore()
			r.once(t)
			r.once(t)
			r.wants(t, "e", "hhh", "believed")
			r.append(t, [2]string{"after@example.com", "3"})
			r.once(t)
			r.wants(t, "e", "hhhs", "a row after that")
		})
	}
}

// TestElsewhereLarge: for a large worksheet, the first read that is believed is complete, not a
// window.
func TestElsewhereLarge(t *testing.T) {
	here := strings.Replace(fromNow(eventZap("production")), "start: now", "start: now, max_new_rows: 0", 1)
	r := newRig(t, map[string]string{"e": here})
	r.other(t)
	r.seed(t, "Signups", 12_000)
	r.poll(t, "e")
	r.write(t, "e", strings.Replace(here, "Signups", "Other", 1))
	r.poll(t, "e")
	r.append(t, [2]string{"meanwhile@example.com", "2"})
	r.set(t, 1, 1, sandbox.Text("E"), sandbox.Text("S"))
	r.write(t, "e", here)
	for range 2 {
		if _, err := r.PollNow(t.Context(), "e"); err != nil {
			t.Logf("a read that is not believed: %v", err)
		}
		r.pollPlanned(t, "e")
	}
	r.set(t, 1, 1, sandbox.Text("Email"), sandbox.Text("Score"))
	for range 2 {
		r.pollPlanned(t, "e")
		r.wants(t, "e", "h", "believed")
	}
	r.append(t, [2]string{"after@example.com", "2"})
	r.pollPlanned(t, "e")
	r.wants(t, "e", "hq", "a row after that")
}

// pollPlanned polls as the scheduler does: a window of a large worksheet, if that is enough.
func (r *rig) pollPlanned(t *testing.T, name string) {
	t.Helper()
	r.poller.Visit(t.Context(), []string{name}, func(poll.End) {})
}
