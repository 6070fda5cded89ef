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

// Errors of operators' actions: those of package poll, and ErrRemoved if the configuration no
// longer has the zap whose rows would be queued.
var (
	ErrPaused    = poll.ErrPaused
	ErrNotPaused = poll.ErrNotPaused
	ErrDisabled  = poll.ErrDisabled
	ErrNoZap     = poll.ErrNoZap
	ErrRows      = poll.ErrRows
	ErrRemoved   = errors.New("the zap is no longer in the configuration, so nothing would send its rows")
)

// PollReport is the result of a poll.
type PollReport = poll.Report

// Backfilled is the result of a backfill.
type Backfilled = poll.Backfilled

// Backfill queues rows that were in a zap's worksheet at its first read, like
// [poll.Poller.Backfill]. progress, if not nil, is called from time to time with the number of rows
// read and their total.
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

// found publishes and counts the rows of a poll that was committed; first is the number of the
// first new delivery.
func (e *Engine) found(zapName string, c ledger.Poll, first uint64) {
	e.metrics.found(zapName, c)
	for i, n := range c.New {
		e.hub.publish(Event{Zap: zapName, Number: first + uint64(i), Row: n.Row.Number, State: n.State, Message: n.Reason, At: c.At})
	}
}

// noteOf returns the text for the history of an operator's action.
func noteOf(what string, at time.Time) string {
	return what + " by an operator, " + at.UTC().Format("2006-01-02 15:04:05") + " UTC"
}
