package deliver

import (
	"context"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/plan"
)

// recover queues a zap's deliveries again that were in flight at the start, once they may be sent
// again. It returns false while some of them must wait for that.
func (s *Sender) recover(ctx context.Context, r *plan.Recipe, now, sliceEnd time.Time) (done bool, err error) {
	done, looked := s.recovered[r.Name]
	switch {
	case done:
	case !now.Before(s.resendAt):
		err = s.recoverInFlight(ctx, r, sliceEnd)
		done = err == nil
		for _, q := range s.queues[r.Name] {
			q.from, q.idle = 0, false // some had been read past them
		}
	case !looked:
		var marked []ledger.Delivery
		marked, err = s.opts.Ledger.InFlight(ctx, r.Name)
		done = err == nil && !slices.ContainsFunc(marked, func(d ledger.Delivery) bool { return !s.inFlight(r.Name, d.Number) })
	}
	if err == nil {
		s.recovered[r.Name] = done
	}
	return done, err
}

// recoverInFlight queues a zap's deliveries again that were in flight at the start. Until the time
// slice ends, their records show whether they are repeatable; after that they are assumed not to
// be.
func (s *Sender) recoverInFlight(ctx context.Context, r *plan.Recipe, sliceEnd time.Time) error {
	marked, err := s.opts.Ledger.InFlight(ctx, r.Name)
	if err != nil {
		return err
	}
	var outcomes []ledger.Outcome
	for _, d := range marked {
		if s.inFlight(r.Name, d.Number) {
			continue
		}
		nth, ok := r.ActionOf(d)
		if !ok {
			nth = 0 // to know the account
		}
		outcomes = append(outcomes, noResponse(r.Actions[nth].Account, d.Number, d.Shadow || ok && !time.Now().After(sliceEnd) && plan.Repeatable(r, nth, d),
			"rowtap stopped before CleverTap responded"))
	}
	if len(outcomes) == 0 {
		return nil
	}
	s.log.Warn("rows in flight at last stop", zap.String("zap", r.Name), zap.Int("rows", len(outcomes)))
	return s.opts.Ledger.Finish(ctx, r.Name, outcomes, s.opts.Now())
}

// inFlight reports whether a delivery is in flight.
func (s *Sender) inFlight(zapName string, number uint64) bool {
	return slices.ContainsFunc(s.queues[zapName], func(q *queue) bool {
		_, inFlight := q.inFlight[number]
		return inFlight
	})
}
