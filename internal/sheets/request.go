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
	requestTimeout = 60 * time.Second // for one request, including the response
	maxTries       = 4
)

// target is what a request reads, as named in errors.
type target struct {
	spreadsheet string // ID
	title       string // of the worksheet; "": the spreadsheet or several worksheets
}

// String names the spreadsheet, and the worksheet if there is one, as operators know them.
func (t target) String() string {
	if t.title == "" {
		return "spreadsheet " + clean(t.spreadsheet)
	}
	return fmt.Sprintf("worksheet %q of spreadsheet %s", clean(t.title), clean(t.spreadsheet))
}

// call makes one request with do, within the quota, and retries it while that may help. The error
// is an *Error.
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
	return a.contextError(t, err) // the context ended during a pause
}

// admission is a turn in the quota that a caller has waited for.
type admission struct {
	account *Account
	used    atomic.Bool
}

type admissionKey struct{}

// Admit waits until the quota allows a read of the spreadsheet, and counts it. The first read with
// the returned context starts at once; later ones wait for their own turn. This allows the caller
// to decide what to read after the wait. The error is an *Error.
func (a *Account) Admit(ctx context.Context, spreadsheetID string, urgency Urgency) (context.Context, error) {
	if err := a.pace.wait(ctx, urgency); err != nil {
		return nil, a.quotaError(ctx, target{spreadsheet: spreadsheetID}, err)
	}
	return context.WithValue(ctx, admissionKey{}, &admission{account: a}), nil
}

// enter uses the admission in ctx. It returns false if there is none or if it is used up.
func (a *Account) enter(ctx context.Context) bool {
	turn, ok := ctx.Value(admissionKey{}).(*admission)
	return ok && turn.account == a && turn.used.CompareAndSwap(false, true)
}

// authorized makes one request with the current content of the credentials file. If Google rejects
// the credentials, it makes a second one with new credentials: a token is cached for an hour, even
// if its key was replaced or an emulator has forgotten it.
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

// quotaError returns the error of a request that the account's own quota did not allow to start.
func (a *Account) quotaError(ctx context.Context, t target, err error) *Error {
	if ctx.Err() != nil {
		return a.contextError(t, ctx.Err())
	}
	return &Error{
		Account: a.opts.Name, Kind: Quota, Err: err,
		Message: fmt.Sprintf("%s: no read is free in time within the account's quota of %d reads a minute", t, a.opts.ReadsPerMinute),
		Hint:    "poll less often, or spread the zaps over several Google accounts",
	}
}

// contextError returns the error of a request whose context ended.
func (a *Account) contextError(t target, err error) *Error {
	return &Error{Account: a.opts.Name, Kind: Temporary, Message: t.String() + ": the read was canceled: " + err.Error(), Err: err}
}

// bad returns the error of an invalid request or response.
func (a *Account) bad(t target, message string) *Error {
	return &Error{Account: a.opts.Name, Kind: Bad, Message: t.String() + ": " + message}
}

// torn returns the error of a worksheet that changed during the read. number is the first sheet row
// that shows it.
func (a *Account) torn(t target, number int) *Error {
	return &Error{
		Account: a.opts.Name, Kind: Temporary, Err: ErrTorn,
		Message: fmt.Sprintf("%s: row %d changed during the read", t, number),
	}
}
