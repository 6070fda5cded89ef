package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/poll"
)

// The errors of polls that an operator asks for ([poll.ErrPaused] and its neighbours), and ErrRemoved where the configuration no longer
// has a zap whose rows would be queued.
var (
	ErrPaused    = poll.ErrPaused
	ErrNotPaused = poll.ErrNotPaused
	ErrDisabled  = poll.ErrDisabled
	ErrNoZap     = poll.ErrNoZap
	ErrRows      = poll.ErrRows
	ErrRemoved   = errors.New("the configuration no longer has that zap, so that nothing would send its rows")
)

// PollReport is what one poll came to.
type PollReport = poll.Report

// Backfilled is what a backfill did.
type Backfilled = poll.Backfilled

// Poll reads a zap's worksheet whole, as [poll.Poller.Poll] does.
func (e *Engine) Poll(ctx context.Context, name string) (PollReport, error) {
	return e.poller.Poll(ctx, name)
}

// Backfill queues the rows of a zap's worksheet that were there at the start, as [poll.Poller.Backfill] does. progress is called now and
// then with how many rows are read, of how many; it may be nil.
func (e *Engine) Backfill(ctx context.Context, name, rows string, dryRun bool, progress func(read, of int)) (Backfilled, error) {
	began := time.Now()
	done, err := e.poller.Backfill(ctx, name, rows, dryRun, noteOf("backfill", e.now()), progress)
	if err != nil {
		return done, fmt.Errorf("backfill %s: %w", name, e.withHint(name, err))
	}
	if done.Queued > 0 && !dryRun {
		e.log.Info("backfill by an operator", zap.String("zap", name), zap.String("rows", rows), zap.Int("queued", done.Queued),
			zap.Duration("took", time.Since(began).Round(time.Millisecond)))
	}
	return done, nil
}

// found publishes and counts what a poll has committed; first is the number of its first new row.
func (e *Engine) found(zapName string, c ledger.Poll, first uint64) {
	e.metrics.found(zapName, c)
	for i, n := range c.New {
		e.hub.publish(Event{Zap: zapName, Number: first + uint64(i), Row: n.Row.Number, State: n.State, Message: n.Reason, At: c.At})
	}
}

// noteOf is what the history says of an operator's doing: what, and when.
func noteOf(what string, at time.Time) string {
	return what + " by an operator, " + at.UTC().Format("2006-01-02 15:04:05") + " UTC"
}
