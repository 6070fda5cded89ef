package ledger_test

import (
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/ledger"
)

// A row counts once, by its last outcome.
func TestRowsAreCountedByTheHour(t *testing.T) {
	l := newFile(t)
	found, want := countedIn(t, l)
	start := noon.Truncate(time.Hour)
	found(start.Add(10*time.Minute), ledger.Queued, ledger.Held, ledger.Waiting, ledger.Queued)
	want(ledger.Hour{At: start, Held: 1})

	must(t, l.Finish(t.Context(), "a", []ledger.Outcome{{Number: 1, State: ledger.Failed}, {Number: 4, State: ledger.Queued}}, start.Add(20*time.Minute)))
	want(ledger.Hour{At: start, Held: 1, Failed: 1})

	later := start.Add(time.Hour)
	for range 2 { // attempts are not counted
		_, err := l.Move(t.Context(), "a", []uint64{1}, []ledger.State{ledger.Failed}, ledger.Queued, "by an operator", later)
		must(t, err)
		want(ledger.Hour{At: start, Held: 1})
		must(t, l.Finish(t.Context(), "a", []ledger.Outcome{{Number: 1, State: ledger.Failed}}, later))
		want(ledger.Hour{At: start, Held: 1}, ledger.Hour{At: later, Failed: 1})
	}

	_, err := l.Move(t.Context(), "a", []uint64{1, 2}, []ledger.State{ledger.Failed, ledger.Held}, ledger.Queued, "by an operator", later)
	must(t, err)
	want()
	must(t, l.Finish(t.Context(), "a", []ledger.Outcome{{Number: 1, State: ledger.Sent}, {Number: 2, State: ledger.Sent}}, later))
	want(ledger.Hour{At: later, Sent: 2})

	found(start.Add(30*time.Minute), ledger.Skipped) // the clock was set back
	want(ledger.Hour{At: start, Skipped: 1}, ledger.Hour{At: later, Sent: 2})
}

// A row with several actions also counts once, for the last of them.
func TestRowsOfSeveralActionsAreCountedOnce(t *testing.T) {
	l := newFile(t)
	found, want := countedIn(t, l)
	start := noon.Truncate(time.Hour)
	found(start, ledger.Queued)
	must(t, l.Finish(t.Context(), "a", []ledger.Outcome{{Number: 1, State: ledger.Sent, Then: "event"}}, start))
	want()
	must(t, l.Finish(t.Context(), "a", []ledger.Outcome{{Number: 2, State: ledger.Failed}}, start))
	want(ledger.Hour{At: start, Failed: 1})
	_, err := l.Move(t.Context(), "a", []uint64{1}, []ledger.State{ledger.Sent}, ledger.Queued, "by an operator", start)
	must(t, err)
	must(t, l.Finish(t.Context(), "a", []ledger.Outcome{{Number: 1, State: ledger.Sent}}, start))
	want(ledger.Hour{At: start, Failed: 1})
}

// Hours older than a week are merged into days, which are kept for 31 days, so that the last 30 days
// are complete.
func TestHoursBecomeDays(t *testing.T) {
	l := newFile(t)
	found, want := countedIn(t, l)
	day := noon.Truncate(24 * time.Hour)
	found(day.Add(9*time.Hour), ledger.Held)
	found(day.Add(10*time.Hour), ledger.Skipped)
	found(day.Add(33*time.Hour), ledger.Skipped)

	found(day.Add(9*time.Hour+7*24*time.Hour-time.Minute), ledger.Skipped)
	want(ledger.Hour{At: day.Add(9 * time.Hour), Held: 1}, ledger.Hour{At: day.Add(10 * time.Hour), Skipped: 1}, ledger.Hour{At: day.Add(33 * time.Hour), Skipped: 1},
		ledger.Hour{At: day.Add(8*time.Hour + 7*24*time.Hour), Skipped: 1})
	week := day.Add(12*time.Hour + 7*24*time.Hour)
	found(week, ledger.Skipped)
	want(ledger.Hour{At: day, Held: 1, Skipped: 1}, ledger.Hour{At: day.Add(33 * time.Hour), Skipped: 1},
		ledger.Hour{At: day.Add(8*time.Hour + 7*24*time.Hour), Skipped: 1}, ledger.Hour{At: week, Skipped: 1})

	_, err := l.Move(t.Context(), "a", []uint64{1}, []ledger.State{ledger.Held}, ledger.Discarded, "by an operator", week)
	must(t, err)
	month := day.Add(31*24*time.Hour + time.Hour)
	found(month, ledger.Skipped)
	want(ledger.Hour{At: day, Skipped: 1}, ledger.Hour{At: day.Add(24 * time.Hour), Skipped: 1}, ledger.Hour{At: day.Add(7 * 24 * time.Hour), Skipped: 2}, ledger.Hour{At: month, Skipped: 1})
	found(month.Add(time.Hour), ledger.Skipped)
	want(ledger.Hour{At: day.Add(24 * time.Hour), Skipped: 1}, ledger.Hour{At: day.Add(7 * 24 * time.Hour), Skipped: 2}, ledger.Hour{At: month, Skipped: 1},
		ledger.Hour{At: month.Add(time.Hour), Skipped: 1})
}

// countedIn returns a function that adds rows of a zap in the given states, and one that compares
// its hours.
func countedIn(t *testing.T, l *file) (found func(time.Time, ...ledger.State), want func(...ledger.Hour)) {
	found = func(at time.Time, states ...ledger.State) {
		t.Helper()
		p := ledger.Poll{At: at}
		for _, s := range states {
			p.New = append(p.New, ledger.NewRow{State: s})
		}
		commit(t, l, "a", p)
	}
	want = func(want ...ledger.Hour) {
		t.Helper()
		z, _, err := l.Zap(t.Context(), "a")
		must(t, err)
		if d := diff(want, z.Hours); d != "" {
			t.Fatalf("hours (-want +got):\n%s", d)
		}
	}
	return found, want
}
