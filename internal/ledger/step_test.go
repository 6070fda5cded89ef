package ledger_test

import (
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/ledger"
)

func TestOfALongWayTheBeginningAndTheEndAreKept(t *testing.T) {
	f := newFile(t)
	p := pollOf(1, "h")
	p.New[0].Reason = "may be an edit of row 17"
	f.commit(signups, p)
	at := noon
	for range 20 {
		at = at.Add(time.Minute)
		_, err := f.Move(t.Context(), signups, []uint64{1}, []ledger.State{ledger.Held}, ledger.Queued, "by an operator", at)
		must(t, err)
		must(t, f.Finish(t.Context(), signups, outcomes(ledger.Outcome{State: ledger.Held, Reason: "again"}, 1), at))
	}
	f.reopen()
	steps := f.delivery(signups, 1).Steps
	if len(steps) != 16 {
		t.Fatalf("%d steps are kept, want 16", len(steps))
	}
	want := []ledger.Step{
		{At: noon, State: ledger.Held, Text: "may be an edit of row 17"},
		{At: at, State: ledger.Queued, Text: "by an operator"},
		{At: at, State: ledger.Held, Text: "again"},
	}
	if d := diff(want, []ledger.Step{steps[0], steps[14], steps[15]}); d != "" {
		t.Errorf("first and last steps (-want +got):\n%s", d)
	}
}
