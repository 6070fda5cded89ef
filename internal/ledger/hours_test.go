package ledger_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

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

// An hour is kept until the first query of the last week that begins later.
func TestHoursOfAWeekAreKept(t *testing.T) {
	l := newFile(t)
	found, want := countedIn(t, l)
	start := noon.Truncate(24 * time.Hour).Add(9 * time.Hour)
	found(start, ledger.Skipped)
	now := start.Add((7*24 + 1) * time.Hour)
	found(now, ledger.Skipped)
	want(ledger.Hour{At: start, Skipped: 1}, ledger.Hour{At: now, Skipped: 1})
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

// The counts of a week and of a month are those of all rows, whatever has become of them: corrected,
// replayed, removed by Prune, in a file that was reopened, restored, compacted or migrated.
func TestCountsAreThoseOfAllRows(t *testing.T) {
	dir, files := t.TempDir(), 0
	check(t, 40, func(t *rapid.T) {
		files++
		m := &model{t: t, path: filepath.Join(dir, fmt.Sprintf("%d.db", files)), now: noon, zaps: map[string]*modelZap{}, jumps: true}
		m.open()
		m.beginAt(995)
		t.Repeat(map[string]func(*rapid.T){
			"commit": m.commit, "change": m.change, "finish": m.finish, "send": m.finish, "move": m.move, "prune": m.prune, "rename": m.rename,
			"reopen": m.reopen, "compact": m.compact, "restore": m.restore, "": m.compareCounts,
		})
		must(t, m.l.Close())
		must(t, os.Remove(m.path))
	})
}

// compareCounts compares the counts from an hour of the last week on, and from a UTC day of the last
// month on, with a count of all outcomes.
func (m *model) compareCounts(*rapid.T) {
	week := time.Duration(rapid.IntRange(0, 7*24+1).Draw(m.t, "hours of a week")) * time.Hour
	month := time.Duration(rapid.IntRange(0, 30*24+1).Draw(m.t, "hours of a month")) * time.Hour
	for _, from := range []time.Time{m.now.Add(-week).Truncate(time.Hour), m.now.Add(-month).Truncate(24 * time.Hour)} {
		for name, z := range m.zaps {
			var want ledger.Hour
			for _, h := range z.hours() {
				addHour(&want, h, from)
			}
			stored, _, err := m.l.Zap(m.t.Context(), name)
			must(m.t, err)
			var got ledger.Hour
			for _, h := range stored.Hours {
				addHour(&got, h, from)
			}
			if got != want || !stored.CountedFrom.IsZero() {
				m.t.Fatalf("at %s, zap %s has %+v since %s, want %+v", m.now, name, got, from, want)
			}
		}
	}
}

func addHour(sum *ledger.Hour, h ledger.Hour, from time.Time) {
	if h.At.Before(from) {
		return
	}
	sum.Sent, sum.Skipped, sum.Failed = sum.Sent+h.Sent, sum.Skipped+h.Skipped, sum.Failed+h.Failed
	sum.Held, sum.Validated = sum.Held+h.Held, sum.Validated+h.Validated
}

// The migration of an older release's file counts its rows. Of those that were removed it has only
// what that release counted, so it says from when on its counts are complete.
func TestOlderFilesAreCounted(t *testing.T) {
	l := newFile(t)
	found, want := countedIn(t, l)
	hour := func(days, hours int) time.Time {
		return noon.Truncate(24 * time.Hour).Add(time.Duration(24*days+hours) * time.Hour)
	}
	found(hour(0, 1), ledger.Skipped)
	found(hour(3, 1), ledger.Skipped, ledger.Held)
	found(hour(4, 1), ledger.Queued)
	must(t, l.Finish(t.Context(), "a", outcomes(ledger.Outcome{State: ledger.Sent}, 4), hour(4, 2)))
	rows := []ledger.Hour{{At: hour(0, 1), Skipped: 1}, {At: hour(3, 1), Skipped: 1, Held: 1}, {At: hour(4, 2), Sent: 1}}
	migrate := func(counted time.Time) {
		t.Helper()
		must(t, ledger.SetHours(t.Context(), l.Ledger, "a", map[time.Time]int64{hour(3, 0): 7, hour(4, 2): 9}))
		must(t, ledger.Recount(t.Context(), l.Ledger))
		l.reopen()
		if z := l.zap("a"); !z.CountedFrom.Equal(counted) {
			t.Errorf("counted from %s, want %s", z.CountedFrom, counted)
		}
	}
	migrate(time.Time{})
	want(rows...)

	_, err := l.Prune(t.Context(), hour(1, 0), 1000)
	must(t, err)
	migrate(hour(3, 1).Add(13 * time.Hour)) // the oldest row that is left, and half a day
	want(ledger.Hour{At: hour(3, 0), Sent: 7}, rows[1], rows[2])

	found(hour(20, 0), ledger.Skipped)
	if z := l.zap("a"); z.CountedFrom.IsZero() {
		t.Error("counts of the last 31 days are complete after 17 days")
	}
	found(hour(36, 0), ledger.Skipped)
	if z := l.zap("a"); !z.CountedFrom.IsZero() {
		t.Errorf("counted from %s, after more than 31 days", z.CountedFrom)
	}
}
