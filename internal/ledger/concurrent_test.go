package ledger_test

import (
	"errors"
	"io"
	"sync"
	"testing"

	"github.com/rowtap/rowtap/internal/ledger"
)

// A poller, a sender, an operator and a backup use one ledger; every row is sent, once.
func TestPollingSendingAndReadingAtOnce(t *testing.T) {
	const polls, rows = 30, 40
	f := newFile(t)
	var work sync.WaitGroup
	committed := make(chan uint64, polls) // the first delivery of each poll
	work.Go(func() {
		defer close(committed)
		for i := range polls {
			first := uint64(i*rows + 1)
			p := pollOf(first, "qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq")
			if err := f.Commit(t.Context(), signups, p); err != nil {
				t.Error(err)
				return
			}
			committed <- first
		}
	})
	work.Go(func() {
		for first := range committed {
			ns := upTo(first, first+rows-1)
			err := errors.Join(f.Start(t.Context(), signups, uploadOf(ns...), ledger.Hides{}, noon), f.Finish(t.Context(), signups, outcomes(ledger.Outcome{State: ledger.Sent}, ns...), noon))
			if err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 2 {
		work.Go(func() {
			for range 10 {
				_, err1 := f.Deliveries(t.Context(), ledger.Query{Limit: 100})
				_, err2 := f.Backup(t.Context(), io.Discard)
				_, err3 := f.Queued(t.Context(), signups, 0, 0)
				if err := errors.Join(err1, err2, err3, f.Ping(t.Context())); err != nil {
					t.Error(err)
				}
				f.Size()
			}
		})
	}
	work.Wait()
	if got := f.zap(signups).Counts; got != (ledger.Counts{Sent: polls * rows}) {
		t.Errorf("counts %+v, want %d sent", got, polls*rows)
	}
}
