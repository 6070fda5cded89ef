package engine

import (
	"errors"
	"fmt"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/ledger"
)

// obstacle is why nothing may start.
type obstacle struct {
	err   error
	lease bool // from [Options.MayBegin], not about the state file's place
}

// inPlace returns nil if a restart would find the state and [Options.MayBegin] agrees. Otherwise it
// returns why nothing may start: rows read or sent now would be forgotten, so they would be sent
// twice or lost, or another machine may send them. Uploads in flight are still recorded, so
// their rows are not sent twice if the state is saved. It is called before each poll and each
// upload, and logs changes.
func (e *Engine) inPlace() error {
	now := obstacle{err: e.ledger.InPlace()}
	if now.err != nil && e.opts.MayBegin != nil { // PostgreSQL has the state: only the copy has to be replaced
		e.end(fmt.Errorf("%w: %w", ledger.ErrStale, now.err))
	}
	if now.err == nil {
		now = obstacle{err: e.mayBegin(), lease: true}
	}
	if now.err == nil {
		if before := e.barred.Swap(nil); before != nil {
			e.log.Info(before.ended())
			e.poller.PollSoon() // those that were due failed
		}
		return nil
	}
	if before := e.barred.Swap(&now); before == nil || !now.same(*before) {
		e.log.Error(nothingBegins, zap.Error(now.err), zap.String("next", hint.Of(now.err)))
	}
	return now.err
}

// mayBegin calls [Options.MayBegin]. If another machine has taken over the state, the engine ends.
func (e *Engine) mayBegin() error {
	if e.opts.MayBegin == nil {
		return nil
	}
	err := e.opts.MayBegin()
	if errors.Is(err, ledger.ErrNotActive) {
		e.end(err)
	}
	return err
}

// same reports whether both are the same for the log. The text of MayBegin's error may contain a
// duration.
func (o obstacle) same(before obstacle) bool {
	return o.lease == before.lease && (o.lease || o.err.Error() == before.err.Error())
}

// ended returns the log message for the end of an obstacle.
func (o obstacle) ended() string {
	if o.lease {
		return "polls and uploads resumed"
	}
	return "state file back in place"
}

// nothingBegins is the effect of an obstacle.
const nothingBegins = "nothing is read or sent"

// stall is what keeps rows from being sent, other than a zap or an account. The zero value means
// nothing does.
type stall struct {
	err    error
	begins bool   // polls and uploads start, and end with err
	reason string // for operators
	mirror bool   // about the state on PostgreSQL, not about the file
}

// stalled returns what keeps rows from being sent.
func (e *Engine) stalled() stall {
	if o := e.barred.Load(); o != nil {
		return stall{err: o.err, reason: nothingBegins + ": " + o.err.Error(), mirror: o.lease}
	}
	err := e.sender.Stall()
	if err == nil {
		return stall{}
	}
	return stall{err: err, begins: true, reason: nothingSent(err) + ": " + err.Error(), mirror: errors.Is(err, ledger.ErrMirrorAway)}
}
