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

// Errors of what an operator asks for: those of polls ([poll.ErrPaused] and the others there), and ErrRemoved if the configuration no
// longer has the zap whose rows would be queued.
var (
	ErrPaused    = poll.ErrPaused
	ErrNotPaused = poll.ErrNotPaused
	ErrDisabled  = poll.ErrDisabled
	ErrNoZap     = poll.ErrNoZap
	ErrRows      = poll.ErrRows
	ErrRemoved   = errors.New("the configuration no longer has that zap, so that nothing would send its rows")
)

// PollReport is what a poll came to.
type PollReport = poll.Report

// Backfilled is what a backfill did.
type Backfilled = poll.Backfilled

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

// noteOf returns what the history says about an operator's action: what, and when.
func noteOf(what string, at time.Time) string {
	return what + " by an operator, " + at.UTC().Format("2006-01-02 15:04:05") + " UTC"
}
