package ledger_test

import (
	"errors"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/ledger"
)

func TestOpenRows(t *testing.T) {
	f := newFile(t)
	const event = "Upload Event"
	if open, err := f.OpenRows(t.Context(), signups); err != nil || len(open) > 0 {
		t.Errorf("of an unknown zap: %v, %v", open, err)
	}
	f.commit(signups, pollOf(1, "whqqqqqk"))
	then := ledger.Outcome{State: ledger.Sent, Then: event}
	must(t, f.Finish(t.Context(), signups, append(outcomes(then, 3, 4, 5), // next: 9, 10, 11
		ledger.Outcome{Number: 6, State: ledger.Failed}), noon))
	must(t, f.Finish(t.Context(), signups, []ledger.Outcome{
		{Number: 9, State: ledger.Failed}, {Number: 10, State: ledger.Held, Reason: "whether it arrived is not known"},
	}, noon))
	// Less open than its second delivery.
	_, err := f.Move(t.Context(), signups, []uint64{4}, []ledger.State{ledger.Sent}, ledger.Queued, "replay", noon)
	must(t, err)
	check := func(when string, want map[uint64]ledger.State) {
		t.Helper()
		open, err := f.OpenRows(t.Context(), signups)
		must(t, err)
		if d := diff(want, open); d != "" {
			t.Errorf("%s (-want +got):\n%s", when, d)
		}
	}
	check("at first", map[uint64]ledger.State{
		1: ledger.Waiting, 2: ledger.Held, 3: ledger.Failed, 4: ledger.Held, 5: ledger.Queued, 6: ledger.Failed, 7: ledger.Queued,
	})
	must(t, f.Finish(t.Context(), signups, append(outcomes(ledger.Outcome{State: ledger.Skipped}, 4, 7), ledger.Outcome{Number: 11, State: ledger.Sent}), noon))
	_, err = f.Move(t.Context(), signups, []uint64{1, 2, 6}, []ledger.State{ledger.Held, ledger.Failed}, ledger.Discarded, "", noon)
	must(t, err)
	check("after", map[uint64]ledger.State{1: ledger.Waiting, 3: ledger.Failed, 4: ledger.Held})

	for n, want := range map[uint64]ledger.State{1: ledger.Waiting, 2: ledger.Discarded, 3: ledger.Sent, 8: ledger.Skipped, 9: ledger.Failed} {
		if got, err := f.StateOf(t.Context(), signups, n); err != nil || got != want {
			t.Errorf("StateOf(%d) = %s, %v, want %s", n, got, err, want)
		}
	}
	for _, n := range []uint64{0, 12} {
		if got, err := f.StateOf(t.Context(), signups, n); !errors.Is(err, ledger.ErrUnknown) {
			t.Errorf("StateOf(%d) = %s, %v, want ErrUnknown", n, got, err)
		}
	}
}

// Deliveries older than the history count as finished.
func TestRemovedRowsAreNotOpen(t *testing.T) {
	f := newFile(t)
	f.commit(signups, pollOf(1, "kkk"))
	_, err := f.Prune(t.Context(), noon.Add(time.Hour), 1000)
	must(t, err)
	f.commit(signups, pollOf(4, "w"))
	open, err := f.OpenRows(t.Context(), signups)
	must(t, err)
	if d := diff(map[uint64]ledger.State{4: ledger.Waiting}, open); d != "" {
		t.Errorf("open (-want +got):\n%s", d)
	}
	if got, err := f.StateOf(t.Context(), signups, 2); err != nil || got != 0 {
		t.Errorf("StateOf(2) = %s, %v, want none", got, err)
	}
}
