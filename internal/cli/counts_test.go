package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/engine"
)

// Counts of a period have a total, and what they miss is named.
func TestCountsOfAPeriod(t *testing.T) {
	from := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	complete := from.Add(30 * time.Hour)
	st := engine.Status{
		Zaps: []engine.ZapStatus{
			{Zap: "orders", State: engine.Running, Since: &engine.Period{From: from, Tally: engine.Tally{Sent: 3, Held: 1}}},
			{Zap: "signups", State: engine.Paused, Since: &engine.Period{From: from, Tally: engine.Tally{Sent: 4}, CompleteFrom: &complete}},
		},
		Total: &engine.Period{From: from, Tally: engine.Tally{Sent: 7, Held: 1}, CompleteFrom: &complete},
	}
	var out, stderr strings.Builder
	if err := printCounts(&out, &stderr, clock{time.UTC}, st, true); err != nil {
		t.Fatal(err)
	}
	const want = `rows since 2026-11-01 00:00:00 UTC, by their last outcome
ZAP      STATE    SENT  SKIPPED  FAILED  HELD
orders   running  3     0        0       1
signups  paused   4     0        0       0
total             7     0        0       1
`
	if out.String() != want {
		t.Errorf("printed:\n%s\nwant:\n%s", out.String(), want)
	}
	if got, want := stderr.String(), "signups: rows before 2026-11-02 06:00:00 UTC may be missing; they were removed before the upgrade to this release\n"; got != want {
		t.Errorf("note %q, want %q", got, want)
	}
}
