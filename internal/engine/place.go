package engine

import (
	"errors"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/ledger"
)

// obstacle is why nothing new begins.
type obstacle struct {
	err   error
	lease bool // [Options.MayBegin] says so, not the state file's place
}

// inPlace returns nil while a restart would find the state and [Options.MayBegin] agrees, else why
// nothing new begins: rows read and sent now would be forgotten, and come again or be lost, or
// another machine may send them too. What is under way is still recorded, so none of it is sent
// twice if the state is saved. It is asked before each poll and each upload, and logged when it
// changes.
func (e *Engine) inPlace() error {
	now := obstacle{err: e.ledger.InPlace()}
	if now.err == nil {
		now = obstacle{err: e.mayBegin(), lease: true}
	}
	if now.err == nil {
		if before := e.barred.Swap(nil); before != nil {
			e.log.Info(before.over())
			e.poller.PollSoon() // those that were due began in vain
		}
		return nil
	}
	if before := e.barred.Swap(&now); before == nil || !now.like(*before) {
		e.log.Error(nothingBegins(now.err), zap.String("next", hint.Of(now.err)))
	}
	return now.err
}

// mayBegin is [Options.MayBegin]. An engine whose state another machine has taken over ends.
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

// like tells whether both are the same news. The text of MayBegin's error may say for how long.
func (o obstacle) like(before obstacle) bool {
	return o.lease == before.lease && (o.lease || o.err.Error() == before.err.Error())
}

// over says that nothing is in the way any more.
func (o obstacle) over() string {
	if o.lease {
		return "rows are read and sent again"
	}
	return "the state file is in its place again"
}

// nothingBegins says what comes of that.
func nothingBegins(err error) string { return "nothing is read or sent: " + err.Error() }

// stall is what keeps rows from being sent that is no matter of a zap or an account. The zero value:
// nothing does.
type stall struct {
	err    error
	begins bool   // polls and uploads begin, and end with err
	reason string // for operators
	mirror bool   // it is about the state on PostgreSQL, not about the file
}

// stalled returns what keeps rows from being sent.
func (e *Engine) stalled() stall {
	if o := e.barred.Load(); o != nil {
		return stall{err: o.err, reason: nothingBegins(o.err), mirror: o.lease}
	}
	err := e.sender.Stall()
	if err == nil {
		return stall{}
	}
	return stall{err: err, begins: true, reason: nothingSent(err), mirror: errors.Is(err, ledger.ErrMirrorAway)}
}
