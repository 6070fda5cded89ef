package ledger_test

import (
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/ledger"
)

func TestOutcomesAreCountedByTheHourForAWeek(t *testing.T) {
	l := newFile(t)
	found := func(at time.Time, states ...ledger.State) {
		t.Helper()
		next, err := l.NextDelivery("a")
		must(t, err)
		p := ledger.Poll{At: at}
		for i, s := range states {
			p.New = append(p.New, ledger.NewRow{Delivery: next + uint64(i), State: s})
		}
		must(t, l.Commit("a", p))
	}
	want := func(want ...ledger.Hour) {
		t.Helper()
		z, _, err := l.Zap("a")
		must(t, err)
		if d := diff(want, z.Hours); d != "" {
			t.Fatalf("hours (-want +got):\n%s", d)
		}
	}
	start := noon.Truncate(time.Hour)
	found(start.Add(10*time.Minute), ledger.Queued, ledger.Held, ledger.Waiting, ledger.Queued)
	want(ledger.Hour{At: start, Held: 1})

	must(t, l.Finish("a", []ledger.Outcome{{Number: 1, State: ledger.Failed}, {Number: 4, State: ledger.Queued}}, start.Add(20*time.Minute)))
	want(ledger.Hour{At: start, Held: 1, Failed: 1})

	_, err := l.Move("a", []uint64{1, 2}, []ledger.State{ledger.Failed, ledger.Held}, ledger.Queued, "by hand", start.Add(time.Hour))
	must(t, err)
	must(t, l.Finish("a", []ledger.Outcome{{Number: 1, State: ledger.Sent}, {Number: 2, State: ledger.Sent}}, start.Add(time.Hour)))
	want(ledger.Hour{At: start, Held: 1, Failed: 1}, ledger.Hour{At: start.Add(time.Hour), Sent: 2})

	found(start.Add(30*time.Minute), ledger.Skipped) // the clock was set back
	want(ledger.Hour{At: start, Held: 1, Failed: 1, Skipped: 1}, ledger.Hour{At: start.Add(time.Hour), Sent: 2})

	week := start.Add(7 * 24 * time.Hour)
	found(week, ledger.Held)
	want(ledger.Hour{At: start.Add(time.Hour), Sent: 2}, ledger.Hour{At: week, Held: 1})
}
