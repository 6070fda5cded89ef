package engine

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/plan"
)

// TestNextPoll: polls come after now, not more than an interval and the jitter away, none is skipped, and zaps of one spreadsheet
// and schedule poll together.
func TestNextPoll(t *testing.T) {
	lines := []string{"* * * * *", "*/2 * * * *", "0 9 * * 1", "@every 1s", "@every 30s", "@hourly", "CRON_TZ=Asia/Kolkata 30 8 * * *"}
	rapid.Check(t, func(t *rapid.T) {
		line := rapid.SampledFrom(lines).Draw(t, "schedule")
		cron, err := config.ParseSchedule(line)
		if err != nil {
			t.Fatal(err)
		}
		r := &plan.Recipe{Zap: &config.Zap{
			Schedule: config.Schedule{Text: line, Cron: cron},
			Trigger:  config.Trigger{SpreadsheetID: rapid.StringMatching(`[a-z]{1,8}`).Draw(t, "spreadsheet")},
		}}
		now := time.Unix(rapid.Int64Range(1_700_000_000, 1_900_000_000).Draw(t, "now"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns"))
		interval := r.Interval(now)
		room := min(interval/10, longestSleep)
		next := nextPoll(r, now)
		if !next.After(now) || next.Sub(now) > 8*24*time.Hour {
			t.Fatalf("%s: the poll after %s is at %s", line, now, next)
		}
		if next.Sub(now) > interval+room+time.Second {
			// Only a schedule whose intervals differ may be longer.
			if second := cron.Next(now); next.Sub(second) > room+time.Second {
				t.Fatalf("%s: the poll after %s is at %s, which skips that of %s", line, now, next, second)
			}
		}
		if again := nextPoll(r, now); !again.Equal(next) {
			t.Fatalf("%s: %s, then %s", line, next, again)
		}
	})
}
