package sheets

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
)

const (
	requestTimeout = 60 * time.Second // of one request, the answer included
	maxTries       = 4
)

// what names what a request is about, for its errors.
type what struct {
	spreadsheet string // id
	title       string // of the worksheet; "": the spreadsheet itself, or several worksheets
}

// String returns the spreadsheet, and the worksheet if there is one, as operators know them.
func (w what) String() string {
	if w.title == "" {
		return "spreadsheet " + clean(w.spreadsheet)
	}
	return fmt.Sprintf("worksheet %q of spreadsheet %s", clean(w.title), clean(w.spreadsheet))
}

// call makes one request by do, within the quota, and again while that is worth it. The error is an *Error.
func (a *Account) call(ctx context.Context, w what, urgency Urgency, do func(context.Context, *connection) error) error {
	pauses := newPauses()
	attempt := func() (struct{}, error) {
		err := a.authorized(ctx, w, urgency, do)
		if err == nil {
			return struct{}{}, nil
		}
		e, ok := errors.AsType[*Error](err)
		if !ok || !e.Temporary() || e.RetryAfter > longestPause || e.HTTPStatus == 0 && e.Kind == Quota {
			return struct{}{}, backoff.Permanent(err)
		}
		if pause := pauses.plan(e); e.Kind == Quota {
			a.pace.pause(pause)
		}
		return struct{}{}, err
	}
	_, err := backoff.Retry(ctx, attempt, backoff.WithBackOff(pauses), backoff.WithMaxTries(maxTries), backoff.WithMaxElapsedTime(0))
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return a.givenUp(w, err) // during a pause
}

// admission is a turn that a caller waited for.
type admission struct {
	account *Account
	used    atomic.Bool
}

type admissionKey struct{}

// Admit waits until a read of a spreadsheet may start within the quota, and counts it. The first read by the context that it returns
// starts at once; all others wait for their own turns. So what to read can be decided after the wait. The error is an *Error.
func (a *Account) Admit(ctx context.Context, spreadsheetID string, urgency Urgency) (context.Context, error) {
	if err := a.pace.wait(ctx, urgency); err != nil {
		return nil, a.notItsTurn(ctx, what{spreadsheet: spreadsheetID}, err)
	}
	return context.WithValue(ctx, admissionKey{}, &admission{account: a}), nil
}

// enter uses up the turn that ctx brings; false if it has none, or has used it.
func (a *Account) enter(ctx context.Context) bool {
	turn, ok := ctx.Value(admissionKey{}).(*admission)
	return ok && turn.account == a && turn.used.CompareAndSwap(false, true)
}

// authorized makes one request with the credentials as their file has them, and a second one with new credentials where Google does not accept those it knows: a
// token is kept for an hour, even when its key was replaced or an emulator has forgotten it.
func (a *Account) authorized(ctx context.Context, w what, urgency Urgency, do func(context.Context, *connection) error) error {
	conn := a.current()
	err := a.once(ctx, w, urgency, conn, do)
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Kind != Unauthorized || conn.open || !a.renew(conn, e.HTTPStatus == http.StatusUnauthorized) {
		return err
	}
	return a.once(ctx, w, urgency, a.connection(), do)
}

// once makes one request.
func (a *Account) once(ctx context.Context, w what, urgency Urgency, conn *connection, do func(context.Context, *connection) error) error {
	if !a.enter(ctx) {
		if err := a.pace.wait(ctx, urgency); err != nil {
			return a.notItsTurn(ctx, w, err)
		}
	}
	limited, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	err := do(limited, conn)
	switch {
	case err == nil:
		a.results.count("ok")
		return nil
	case ctx.Err() != nil:
		a.results.count(Temporary.String())
		return a.givenUp(w, ctx.Err())
	}
	e := a.classify(w, conn, err)
	a.results.count(e.Kind.String())
	return e
}

// notItsTurn is the error of a request that the account's own quota let not start.
func (a *Account) notItsTurn(ctx context.Context, w what, err error) *Error {
	if ctx.Err() != nil {
		return a.givenUp(w, ctx.Err())
	}
	return &Error{
		Account: a.opts.Name, Kind: Quota, Err: err,
		Message: fmt.Sprintf("%s: its turn does not come in time, for the account keeps within %d reads a minute", w, a.opts.ReadsPerMinute),
		Hint:    "poll less often, or spread the zaps over more Google accounts",
	}
}

// givenUp is the error of a request whose context ended.
func (a *Account) givenUp(w what, err error) *Error {
	return &Error{Account: a.opts.Name, Kind: Temporary, Message: w.String() + ": the read was given up: " + err.Error(), Err: err}
}

// bad is the error of a request or an answer that cannot be.
func (a *Account) bad(w what, message string) *Error {
	return &Error{Account: a.opts.Name, Kind: Bad, Message: w.String() + ": " + message}
}

// torn is the error of a worksheet that changed while it was read.
func (a *Account) torn(w what, number int) *Error {
	return &Error{
		Account: a.opts.Name, Kind: Temporary, Err: ErrTorn,
		Message: fmt.Sprintf("%s: it changed at row %d while it was read", w, number),
	}
}
