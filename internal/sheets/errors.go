package sheets

import (
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/rowtap/rowtap/internal/httpclient"
)

// ErrTorn means that the worksheet changed during the read, so that the result is not one state of
// it. Read again.
var ErrTorn = errors.New("the worksheet changed while it was read")

// ErrTooBig means that the response is larger than 64 MiB. Request fewer rows.
var ErrTooBig = errors.New("the response is larger than 64 MiB")

// Kind classifies a failed read.
type Kind uint8

// The kinds of failed reads. All but Quota and Temporary need an operator.
const (
	NotShared       Kind = iota // the account has no access to the spreadsheet
	NotFound                    // no spreadsheet has this ID
	NotASpreadsheet             // an Office file (.xlsx) that was not converted
	Unauthorized                // credentials missing, invalid or expired, or a wrong clock
	Disabled                    // API not enabled, scope or quota project missing, or a policy
	UnknownRange                // the spreadsheet has no worksheet with this title
	PastGrid                    // the requested rows are below the end of the grid
	Quota                       // 429, or the account's own quota is used up
	Temporary                   // 5xx, 408, 409, 499, timeouts, resets, truncated responses
	Bad                         // anything else; a retry does not help
)

// String returns the kind in words, for logs and metrics.
func (k Kind) String() string {
	switch k {
	case NotShared:
		return "not shared"
	case NotFound:
		return "not found"
	case NotASpreadsheet:
		return "not a spreadsheet"
	case Unauthorized:
		return "unauthorized"
	case Disabled:
		return "disabled"
	case UnknownRange:
		return "unknown range"
	case PastGrid:
		return "past grid"
	case Quota:
		return "quota"
	case Temporary:
		return "temporary"
	case Bad:
		return "bad"
	}
	return "unknown"
}

// Error is a failed read
// (https://developers.google.com/workspace/sheets/api/troubleshoot-api-errors). It never contains a
// cell, a key or a token.
type Error struct {
	Account    string // "": data read earlier is at fault, not an account
	Kind       Kind
	HTTPStatus int           // 0: no response
	Message    string        // what failed and why
	Hint       string        // what an operator can do; "": nothing but wait
	RetryAfter time.Duration // requested by Google; 0: not given
	Err        error         // cause; nil if the response is the cause
}

// Error returns the account and the message, without the hint.
func (e *Error) Error() string {
	s := e.Message
	if e.Account != "" {
		s = fmt.Sprintf("google account %s: %s", e.Account, e.Message)
	}
	if e.HTTPStatus != 0 {
		s += fmt.Sprintf(" (HTTP %d)", e.HTTPStatus)
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Temporary reports whether the same read may succeed later without operator action.
func (e *Error) Temporary() bool { return e.Kind == Temporary || e.Kind == Quota }

// kindOf returns the kind of an *Error, and Bad for any other error.
func kindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Bad
}

// tokens matches Google access and refresh tokens, in case a response contains one.
var tokens = regexp.MustCompile(`ya29\.[\w.-]+|1//[\w-]{20,}|[Bb]earer [\w.~+/-]{16,}=*`)

// clean makes external text fit for a log line, without tokens.
func clean(s string) string {
	return httpclient.ErrorText(s, func(s string) string { return tokens.ReplaceAllString(s, "[redacted]") })
}

// OfRange reports whether an error is about one of the requested ranges, which fails the whole
// request: a title or rows that do not exist.
func OfRange(err error) bool {
	kind := kindOf(err)
	return kind == UnknownRange || kind == PastGrid
}
