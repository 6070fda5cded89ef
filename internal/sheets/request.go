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
type target struct {
	spreadsheet string // id
	title       string // of the worksheet; "": the spreadsheet itself, or several worksheets
}

// String returns the spreadsheet, and the worksheet if there is one, as operators know them.
func (t target) String() string {
	if t.title == "" {
		return "spreadsheet " + clean(t.spreadsheet)
	}
	return fmt.Sprintf("worksheet %q of spreadsheet %s", clean(t.title), clean(t.spreadsheet))
}

// call makes one request by do, within the quota, and again while that is worth it. The error is an *Error.
func (a *Account) call(ctx context.Context, t target, urgency Urgency, do func(context.Context, *connection) error) error {
	pauses := newPauses()
	attempt := func() (struct{}, error) {
		err := a.authorized(ctx, t, urgency, do)
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
	return a.contextError(t, err) // during a pause
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
		return nil, a.quotaError(ctx, target{spreadsheet: spreadsheetID}, err)
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
func (a *Account) authorized(ctx context.Context, t target, urgency Urgency, do func(context.Context, *connection) error) error {
	conn := a.current()
	err := a.once(ctx, t, urgency, conn, do)
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Kind != Unauthorized || conn.open || !a.renew(conn, e.HTTPStatus == http.StatusUnauthorized) {
		return err
	}
	return a.once(ctx, t, urgency, a.connection(), do)
}

// once makes one request.
func (a *Account) once(ctx context.Context, t target, urgency Urgency, conn *connection, do func(context.Context, *connection) error) error {
	if !a.enter(ctx) {
		if err := a.pace.wait(ctx, urgency); err != nil {
			return a.quotaError(ctx, t, err)
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
		return a.contextError(t, ctx.Err())
	}
	e := a.classify(t, conn, err)
	a.results.count(e.Kind.String())
	return e
}

// notItsTurn is the error of a request that the account's own quota let not start.
func (a *Account) quotaError(ctx context.Context, t target, err error) *Error {
	if ctx.Err() != nil {
		return a.contextError(t, ctx.Err())
	}
	return &Error{
		Account: a.opts.Name, Kind: Quota, Err: err,
		Message: fmt.Sprintf("%s: its turn does not come in time, for the account keeps within %d reads a minute", t, a.opts.ReadsPerMinute),
		Hint:    "poll less often, or spread the zaps over more Google accounts",
	}
}

// givenUp is the error of a request whose context ended.
func (a *Account) contextError(t target, err error) *Error {
	return &Error{Account: a.opts.Name, Kind: Temporary, Message: t.String() + ": the read was given up: " + err.Error(), Err: err}
}

// bad is the error of a request or an answer that cannot be.
func (a *Account) bad(t target, message string) *Error {
	return &Error{Account: a.opts.Name, Kind: Bad, Message: t.String() + ": " + message}
}

// torn is the error of a worksheet that changed while it was read.
func (a *Account) torn(t target, number int) *Error {
	return &Error{
		Account: a.opts.Name, Kind: Temporary, Err: ErrTorn,
		Message: fmt.Sprintf("%s: it changed at row %d while it was read", t, number),
	}
}
