package engine

import (
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/clevertap"
	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/sheets"
)

// unwritableEvery is how often a state that cannot be written is logged.
const unwritableEvery = time.Minute

// stateFault reports whether an error means that the state cannot be recorded.
func stateFault(err error) bool {
	_, reading := errors.AsType[*sheets.Error](err)
	_, uploading := errors.AsType[*clevertap.Error](err)
	faults := []error{ledger.ErrNoRoom, ledger.ErrDisk, ledger.ErrMirrorAway, ledger.ErrNotActive, ledger.ErrStale, syscall.ENOSPC, syscall.EDQUOT, syscall.EIO, syscall.EROFS}
	return !reading && !uploading && slices.ContainsFunc(faults, func(fault error) bool { return errors.Is(err, fault) })
}

// faulty reports whether an error means that the state cannot be recorded, and logs it if so.
func (e *Engine) faulty(err error) bool {
	if !stateFault(err) {
		return false
	}
	e.unwritable(err)
	return true
}

// unwritable logs that the state cannot be recorded, at once and then every minute: polls, uploads
// and the removal of old rows all get such errors, with different texts. If the ledger has ended
// with the error, so does Run. It does not end while rowtap waits for disk space or for PostgreSQL.
func (e *Engine) unwritable(err error) {
	switch {
	case errors.Is(err, ledger.ErrNotActive), errors.Is(err, ledger.ErrStale):
		e.end(err)
		return
	case errors.Is(err, ledger.ErrDisk):
		e.end(fmt.Errorf("the state file cannot be written: %w\nnext: %s", err, hint.Of(err)))
		return
	}
	e.mu.Lock()
	now := time.Now()
	silent := !e.unwritableLogged.IsZero() && now.Sub(e.unwritableLogged) < unwritableEvery
	if !silent {
		e.unwritableLogged = now
	}
	e.mu.Unlock()
	log := e.log.Error
	if silent {
		log = e.log.Debug
	}
	log(nothingSent(err), zap.Error(err), zap.String("next", hint.Of(err)))
}

// end ends Run with an error.
func (e *Engine) end(err error) {
	select {
	case e.failed <- err:
	default: // it is ending already
	}
}

// nothingSent describes the effect of an error that the state cannot be recorded.
func nothingSent(err error) string {
	if errors.Is(err, ledger.ErrMirrorAway) {
		return "nothing is sent while the state cannot be recorded"
	}
	return "nothing is sent while the state file cannot be written"
}
