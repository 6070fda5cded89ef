package poll

import (
	"errors"
	"strings"
	"testing"

	"github.com/rowtap/rowtap/internal/ledger"
)

// TestDryRunBeforeTheFirstRead has no daemon that has read the worksheet. A dry run must not make
// the first read if that would queue rows. If start makes all rows old, it does, and counts them.
func TestDryRunBeforeTheFirstRead(t *testing.T) {
	for _, tt := range []struct {
		start  string
		queued int // in the result of the dry run
		wrong  string
		later  ledger.Counts // after a poll
	}{
		{"beginning", 0, `worksheet "Signups" was never read: the first read queues 2 of its rows, as set by start`, ledger.Counts{Queued: 2}},
		{"2", 0, `worksheet "Signups" was never read: the first read queues 1 of its rows, as set by start`, ledger.Counts{Queued: 1}},
		{"3", 2, "", ledger.Counts{}},
		{"now", 2, "", ledger.Counts{}},
	} {
		t.Run(tt.start, func(t *testing.T) {
			r := newRig(t, map[string]string{"e": strings.Replace(testZap, "start: beginning", "start: "+tt.start, 1)})
			r.append(t, [2]string{"a@example.com", "1"}, [2]string{"b@example.com", "2"})
			sum, err := r.Backfill(t.Context(), "e", "", true, "", nil)
			if told := ""; err != nil || tt.wrong != "" {
				if err != nil {
					told = err.Error()
				}
				if told != tt.wrong {
					t.Errorf("%q, want %q", told, tt.wrong)
				}
			}
			if got := r.counts(t, "e"); sum.Queued != tt.queued || got != (ledger.Counts{}) {
				t.Errorf("it counts %d rows, want %d, and leaves %+v", sum.Queued, tt.queued, got)
			}
			r.poll(t, "e")
			if got := r.counts(t, "e"); got != tt.later {
				t.Errorf("after a poll %+v, want %+v", got, tt.later)
			}
		})
	}
}

// TestPausedBackfill checks that pausing the zap during the read stops the backfill. A second
// backfill queues all rows.
func TestPausedBackfill(t *testing.T) {
	r := newRig(t, map[string]string{"e": fromNow(testZap)})
	r.seed(t, 1, 60_000) // two pages
	r.poll(t, "e")
	r.append(t, [2]string{"new@example.com", "1"})
	read := 0
	pause := func(_, _ int) {
		read++
		if err := r.opts.Ledger.SetPaused(t.Context(), "e", true, "by a test", r.opts.Now()); err != nil {
			t.Error(err)
		}
	}
	if _, err := r.Backfill(t.Context(), "e", "2:100", false, "", pause); !errors.Is(err, ErrPaused) {
		t.Errorf("%v, want %v", err, ErrPaused)
	}
	if got := r.counts(t, "e"); read == 0 || got != (ledger.Counts{}) {
		t.Errorf("after %d pages %+v, want nothing queued", read, got)
	}
	if err := r.opts.Ledger.SetPaused(t.Context(), "e", false, "", r.opts.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Backfill(t.Context(), "e", "2:100", false, "", nil); err != nil {
		t.Fatal(err)
	}
	if got := r.counts(t, "e"); got != (ledger.Counts{Queued: 100}) {
		t.Errorf("the second backfill leaves %+v, want 100 queued", got)
	}
}
