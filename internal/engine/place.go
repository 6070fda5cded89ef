package engine

import (
	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/hint"
)

// inPlace returns nil while a restart would find the state, else why nothing new begins: rows read
// and sent now would be forgotten, and come again or be lost. What is under way is still recorded,
// so none of it is sent twice if the state is saved. It is asked before each poll and each upload,
// and logged when it changes.
func (e *Engine) inPlace() error {
	err := e.ledger.InPlace()
	if err == nil {
		if e.displaced.Swap(nil) != nil {
			e.log.Info("the state file is in its place again")
			e.poller.PollSoon() // those that were due began in vain
		}
		return nil
	}
	if before := e.displaced.Swap(&err); before == nil || (*before).Error() != err.Error() {
		e.log.Error(nothingBegins(err), zap.String("next", hint.Of(err)))
	}
	return err
}

// nothingBegins says what comes of that.
func nothingBegins(err error) string { return "nothing is read or sent: " + err.Error() }

// stateTrouble returns what is wrong with the state file while that keeps rows from being sent;
// nil: nothing is.
func (e *Engine) stateTrouble() error {
	if err := e.displaced.Load(); err != nil {
		return *err
	}
	return e.sender.Stall()
}
