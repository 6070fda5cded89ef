package ledger_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/ledger"
)

func TestQueuedIsInOrderFromANumberOn(t *testing.T) {
	f := newFile(t)
	f.commit(signups, pollOf(1, "qwqhq"))
	f.commit(signups, pollOf(6, strings.Repeat("k", 2000)))
	f.commit(signups, pollOf(2006, "qqq"))
	must(t, f.Start(t.Context(), signups, uploadOf(3), ledger.Hides{}, noon))
	must(t, f.Finish(t.Context(), signups, outcomes(ledger.Outcome{State: ledger.Queued, RetryAt: noon.Add(time.Hour)}, 2007), noon))
	tests := []struct {
		from  uint64
		limit int
		want  []uint64
	}{
		{0, 0, []uint64{1, 3, 5, 2006, 2007, 2008}},
		{1, 2, []uint64{1, 3}},
		{2, 2, []uint64{3, 5}},
		{6, 10, []uint64{2006, 2007, 2008}},
		{2008, 10, []uint64{2008}},
		{2009, 10, []uint64{}},
		{1 << 62, 10, []uint64{}},
	}
	for _, tt := range tests {
		ds, err := f.Queued(t.Context(), signups, tt.from, tt.limit)
		must(t, err)
		if got := numbers(ds); !slices.Equal(got, tt.want) {
			t.Errorf("Queued(%d, %d) = %v, want %v", tt.from, tt.limit, got, tt.want)
		}
	}
	if ds, err := f.Queued(t.Context(), "nobody", 0, 0); len(ds) > 0 || err != nil {
		t.Errorf("the queue of an unknown zap: %v, %v", ds, err)
	}
}

func TestFinishRecordsTheOutcome(t *testing.T) {
	later := noon.Add(time.Minute)
	problem := &ledger.Problem{Code: "523", Message: "no", Column: "Mobile", Hint: "fix it"}
	answer := &ledger.Answer{At: later, HTTPStatus: 200, Status: "partial", Processed: 1, Sent: 2}
	tests := []struct {
		name    string
		outcome ledger.Outcome
		want    func(*ledger.Delivery)
	}{
		{"sent", ledger.Outcome{State: ledger.Sent, Identity: "a@b.c", CountAttempt: true, Answer: answer}, func(d *ledger.Delivery) {
			d.State, d.Identity, d.Attempts, d.Answer = ledger.Sent, "a@b.c", 1, answer
		}},
		{"refused", ledger.Outcome{State: ledger.Failed, CountAttempt: true, Answer: answer, Problem: problem}, func(d *ledger.Delivery) {
			d.State, d.Attempts, d.Answer, d.Problem = ledger.Failed, 1, answer, problem
			d.Steps = []ledger.Step{{At: later, State: ledger.Failed, Text: "523: no"}}
		}},
		{"no response", ledger.Outcome{State: ledger.Queued, RetryAt: later, MaybeTwice: true, Solo: true, CountAttempt: true}, func(d *ledger.Delivery) {
			d.RetryAt, d.MaybeTwice, d.Solo, d.Attempts = later, true, true, 1
			d.Steps = []ledger.Step{{At: later, State: ledger.Queued}}
		}},
		{"filtered", ledger.Outcome{State: ledger.Skipped, RetryAt: later}, func(d *ledger.Delivery) { d.State = ledger.Skipped }},
		{"held", ledger.Outcome{State: ledger.Held, Reason: "may have arrived"}, func(d *ledger.Delivery) {
			d.State, d.Reason = ledger.Held, "may have arrived"
			d.Steps = []ledger.Step{{At: later, State: ledger.Held, Text: "may have arrived"}}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFile(t)
			f.commit(signups, pollOf(1, "qq"))
			want := f.delivery(signups, 2)
			must(t, f.Start(t.Context(), signups, uploadOf(1, 2), ledger.Hides{}, noon))
			f.reopen()
			flying, err := f.InFlight(t.Context(), signups)
			must(t, err)
			if got := numbers(flying); !slices.Equal(got, []uint64{1, 2}) {
				t.Fatalf("in flight after a restart: %v, want 1 and 2", got)
			}
			must(t, f.Finish(t.Context(), signups, outcomes(tt.outcome, 2), later))
			f.reopen()
			want.UpdatedAt = later
			tt.want(&want)
			if d := diff(want, f.delivery(signups, 2)); d != "" {
				t.Errorf("delivery 2 (-want +got):\n%s", d)
			}
			flying, err = f.InFlight(t.Context(), signups)
			must(t, err)
			if got := numbers(flying); !slices.Equal(got, []uint64{1}) {
				t.Errorf("in flight after finishing 2: %v, want 1", got)
			}
		})
	}
}

func TestFinishLeavesWhatItDoesNotSay(t *testing.T) {
	f := newFile(t)
	f.commit(signups, pollOf(1, "q"))
	answer := &ledger.Answer{At: noon, HTTPStatus: 503, Sent: 1}
	must(t, f.Finish(t.Context(), signups, outcomes(ledger.Outcome{State: ledger.Queued, Identity: "a", MaybeTwice: true, Solo: true, Answer: answer, Problem: &ledger.Problem{Code: "503"}}, 1), noon))
	must(t, f.Finish(t.Context(), signups, outcomes(ledger.Outcome{State: ledger.Sent}, 1), noon))
	d := f.delivery(signups, 1)
	if d.Identity != "a" || !d.MaybeTwice || d.Answer == nil || d.Solo || d.Problem != nil {
		t.Errorf("delivery %+v; want identity, maybe twice and answer kept, solo and problem gone", d)
	}
}

func TestStartAndFinishAreAllOrNothing(t *testing.T) {
	f := newFile(t)
	f.commit(signups, pollOf(1, "qqh"))
	tests := []struct {
		name string
		do   func() error
		want error
	}{
		{"start a held one", func() error { return f.Start(t.Context(), signups, uploadOf(1, 3), ledger.Hides{}, noon) }, ledger.ErrNotQueued},
		{"start an unknown delivery", func() error { return f.Start(t.Context(), signups, uploadOf(1, 4), ledger.Hides{}, noon) }, ledger.ErrUnknown},
		{"start for an unknown zap", func() error { return f.Start(t.Context(), "nobody", uploadOf(1), ledger.Hides{}, noon) }, ledger.ErrUnknown},
		{"finish a held one", func() error {
			return f.Finish(t.Context(), signups, outcomes(ledger.Outcome{State: ledger.Sent}, 1, 3), noon)
		}, ledger.ErrNotQueued},
		{"finish one twice", func() error {
			return f.Finish(t.Context(), signups, outcomes(ledger.Outcome{State: ledger.Sent}, 1, 1), noon)
		}, ledger.ErrNotQueued},
		{"finish as waiting", func() error {
			return f.Finish(t.Context(), signups, outcomes(ledger.Outcome{State: ledger.Waiting}, 1), noon)
		}, nil},
		{"finish with no state", func() error { return f.Finish(t.Context(), signups, outcomes(ledger.Outcome{}, 1), noon) }, nil},
	}
	for _, tt := range tests {
		err := tt.do()
		if err == nil || tt.want != nil && !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
		if d := f.delivery(signups, 1); d.InFlight || d.State != ledger.Queued {
			t.Fatalf("%s: delivery 1 is %s, in flight %t; want it unchanged", tt.name, d.State, d.InFlight)
		}
	}
}

func TestMove(t *testing.T) {
	f := newFile(t)
	f.commit(signups, pollOf(1, "qqqhw"))
	must(t, f.Finish(t.Context(), signups, outcomes(ledger.Outcome{State: ledger.Failed, Solo: true}, 1), noon))
	must(t, f.Finish(t.Context(), signups, outcomes(ledger.Outcome{State: ledger.Sent}, 2), noon))
	must(t, f.Start(t.Context(), signups, uploadOf(3), ledger.Hides{}, noon))
	all := []uint64{1, 2, 3, 4, 5}
	move := func(want []uint64, to ledger.State, from ...ledger.State) {
		t.Helper()
		moved, err := f.Move(t.Context(), signups, all, from, to, "by an operator", noon.Add(time.Hour))
		must(t, err)
		if !slices.Equal(moved, want) {
			t.Errorf("Move(%v → %s) moved %v, want %v", from, to, moved, want)
		}
	}
	move([]uint64{4}, ledger.Discarded, ledger.Held, ledger.Queued) // 3 is in flight
	move([]uint64{1, 2}, ledger.Queued, ledger.Failed, ledger.Sent)
	move(nil, ledger.Queued, ledger.Held)
	if d := f.delivery(signups, 1); d.Solo || d.Reason != "by an operator" || !d.UpdatedAt.Equal(noon.Add(time.Hour)) {
		t.Errorf("replayed delivery: %+v", d)
	}
	if got, want := f.zap(signups).Counts, (ledger.Counts{Queued: 3, Waiting: 1, Discarded: 1}); got != want {
		t.Errorf("counts %+v, want %+v", got, want)
	}
	if _, err := f.Move(t.Context(), signups, []uint64{6}, []ledger.State{ledger.Held}, ledger.Queued, "", noon); !errors.Is(err, ledger.ErrUnknown) {
		t.Errorf("Move of an unknown delivery: %v, want ErrUnknown", err)
	}
	if _, err := f.Move(t.Context(), signups, all, []ledger.State{ledger.Queued}, ledger.Sent, "", noon); err == nil {
		t.Error("Move to sent: no error")
	}
}

func TestOldestQueued(t *testing.T) {
	f := newFile(t)
	if _, ok, err := f.OldestQueued(t.Context(), signups); ok || err != nil {
		t.Errorf("OldestQueued of an unknown zap: %t, %v", ok, err)
	}
	f.commit(signups, pollOf(1, "kk"))
	if _, ok, err := f.OldestQueued(t.Context(), signups); ok || err != nil {
		t.Errorf("OldestQueued of an empty queue: %t, %v", ok, err)
	}
	for i := range 3 {
		p := pollOf(uint64(3+i), "q")
		p.At = noon.Add(time.Duration(i) * time.Hour)
		f.commit(signups, p)
	}
	must(t, f.Finish(t.Context(), signups, outcomes(ledger.Outcome{State: ledger.Sent}, 3), noon))
	at, ok, err := f.OldestQueued(t.Context(), signups)
	must(t, err)
	if !ok || !at.Equal(noon.Add(time.Hour)) {
		t.Errorf("OldestQueued = %s, %t; want an hour after noon", at, ok)
	}
}
