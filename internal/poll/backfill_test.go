package poll

import (
	"errors"
	"strings"
	"testing"

	"github.com/rowtap/rowtap/internal/ledger"
)

// TestDryRunBeforeTheFirstRead: a dry run queues nothing where the first read of the worksheet would, as no daemon runs that has read
// it. Where that read takes all rows for old, it is made, and the rows are told.
func TestDryRunBeforeTheFirstRead(t *testing.T) {
	for _, tt := range []struct {
		start  string
		queued int // that the dry run tells
		wrong  string
		later  ledger.Counts // by a poll
	}{
		{"beginning", 0, `worksheet "Signups" was not read before: its first read queues 2 of its rows, as start says`, ledger.Counts{Queued: 2}},
		{"2", 0, `worksheet "Signups" was not read before: its first read queues 1 of its rows, as start says`, ledger.Counts{Queued: 1}},
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
				t.Errorf("it tells of %d rows, want %d, and leaves %+v", sum.Queued, tt.queued, got)
			}
			r.poll(t, "e")
			if got := r.counts(t, "e"); got != tt.later {
				t.Errorf("a poll makes it %+v, want %+v", got, tt.later)
			}
		})
	}
}

// TestPausedBackfill: an operator who pauses the zap while its worksheet is read has stopped the backfill. The same again queues all.
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
		t.Errorf("%d pages read, it leaves %+v", read, got)
	}
	if err := r.opts.Ledger.SetPaused(t.Context(), "e", false, "", r.opts.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Backfill(t.Context(), "e", "2:100", false, "", nil); err != nil {
		t.Fatal(err)
	}
	if got := r.counts(t, "e"); got != (ledger.Counts{Queued: 100}) {
		t.Errorf("the same again leaves %+v, want 100 queued", got)
	}
}
