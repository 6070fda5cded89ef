package sheets

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"
)

// ErrTorn is a worksheet that changed while it was read: what was read is no one state of it. Read again.
var ErrTorn = errors.New("the worksheet changed while it was read")

// ErrTooBig is an answer of more than 64 MiB: ask for fewer rows.
var ErrTooBig = errors.New("the answer is larger than 64 MiB")

// Kind says what a failed read means.
type Kind uint8

// The kinds of failed reads. All but Quota and Temporary need an operator.
const (
	NotShared       Kind = iota // the account may not see the spreadsheet
	NotFound                    // no spreadsheet has this id
	NotASpreadsheet             // an Office file (.xlsx) that was never converted
	Unauthorized                // the credentials: missing, damaged, deleted, expired, or the clock is wrong
	Disabled                    // the Sheets API is not enabled, the scope is missing, there is no quota project, or a policy forbids it
	UnknownRange                // the spreadsheet has no worksheet of this title
	PastGrid                    // the rows asked for are past the end of the worksheet
	Quota                       // 429, or the account's own quota is used up
	Temporary                   // 5xx, 408, 409, 499, timeouts, resets, cut answers
	Bad                         // anything else, retrying is of no use
)

// String returns the kind in words for logs and metrics.
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

// Error is a failed read (https://developers.google.com/workspace/sheets/api/troubleshoot-api-errors). It never holds a
// cell, a key or a token.
type Error struct {
	Account    string // "": what was read before is at fault, whoever read it
	Kind       Kind
	HTTPStatus int           // 0: no answer
	Message    string        // what was being done, and what is wrong
	Hint       string        // what an operator can do; "" where waiting is all
	RetryAfter time.Duration // what Google asked to wait; 0: it did not say
	Err        error         // the cause; nil where the answer is the cause
}

// Error returns the account, what was being done and what is wrong; the hint stays beside it.
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

// Temporary tells whether the same read may succeed later without anybody's doing.
func (e *Error) Temporary() bool { return e.Kind == Temporary || e.Kind == Quota }

// kindOf returns the kind of an error of this package, Bad for any other.
func kindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Bad
}

// maxMessage bounds the texts kept from answers, in bytes.
const maxMessage = 1 << 10

// tokens matches access and refresh tokens of Google's, should an answer show one.
var tokens = regexp.MustCompile(`ya29\.[\w.-]+|1//[\w-]{20,}|[Bb]earer [\w.~+/-]{16,}=*`)

// What differs each time the same fault of a connection occurs: the port of this end, and the time by the clock in the
// error of a certificate. A fault is logged once for as long as its text stays the same.
var (
	ownAddress = regexp.MustCompile(`\b(tcp|udp)([46]?) \S+->`)
	clockTime  = regexp.MustCompile(`\bcurrent time \S+ is (after|before)\b`)
)

// alike removes these.
func stripVolatile(s string) string {
	return clockTime.ReplaceAllString(ownAddress.ReplaceAllString(s, "$1$2 "), "the current time is $1")
}

// clean makes a text from outside fit for a log line: one line, valid UTF-8, at most maxMessage bytes.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, s)
	s = strings.TrimSpace(tokens.ReplaceAllString(stripVolatile(s), "[redacted]"))
	if len(s) > maxMessage {
		s = strings.ToValidUTF8(s[:maxMessage-len("…")], "") + "…"
	}
	return s
}

// OfRange tells whether an error is about one of the ranges asked for, which fails the whole request: a
// title or rows that are not there.
func OfRange(err error) bool {
	kind := kindOf(err)
	return kind == UnknownRange || kind == PastGrid
}
