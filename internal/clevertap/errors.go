package clevertap

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"
	"unicode"
)

// Kind says what a failed upload means for its records.
type Kind uint8

// The kinds of failed uploads.
const (
	Unsent      Kind = iota // the request never left: nothing arrived, send again
	NoAnswer                // it may have arrived: a timeout, a reset, a cut or unreadable answer, 499, 502, 504
	Busy                    // 429: too many uploads at once, nothing was taken
	Server                  // 408, 409, 500, 503, other 5xx: it may have arrived, and the error says so itself
	Credentials             // 401: account id, passcode or region are wrong
	Closed                  // 403, 404, 405, 407, redirects: the endpoint is wrong or refuses everybody
	RefusedBody             // 400, other 4xx: something about this body
	TooLarge                // 413, or more records than MaxRecords
	Stopped                 // the last look stopped it ([WithLastLook]): nothing arrived
)

// String returns the kind in words for logs and metrics.
func (k Kind) String() string {
	switch k {
	case Unsent:
		return "unsent"
	case NoAnswer:
		return "no answer"
	case Busy:
		return "busy"
	case Server:
		return "server"
	case Credentials:
		return "credentials"
	case Closed:
		return "closed"
	case RefusedBody:
		return "refused"
	case TooLarge:
		return "too large"
	case Stopped:
		return "stopped"
	}
	return "unknown"
}

// MayHaveArrived tells whether CleverTap may have taken the records all the same, so that sending an event again may count
// it twice. See [kindOf].
func (k Kind) MayHaveArrived() bool { return k == NoAnswer || k == Server }

// Error is an upload that CleverTap did not answer record by record
// (https://developer.clevertap.com/docs/api-errors). It never holds the passcode, nor a record.
type Error struct {
	Account    string
	HTTPStatus int           // 0: no answer
	Message    string        // CleverTap's text, at most 1 KiB, or what the connection said
	Kind       Kind          // what it means for the records
	RetryAfter time.Duration // what the answer asked to wait; 0: it did not say
	Hint       string        // what an operator can do; "" where waiting is all
	Err        error         // the cause, nil where the answer is the cause
}

// Error returns the account, what became of the upload and why; the hint stays beside it.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "clevertap account %s: ", e.Account)
	switch {
	case e.Kind == Unsent, e.Kind == Stopped:
		b.WriteString("upload not sent: ")
	case e.Kind == NoAnswer:
		b.WriteString("no usable answer, the upload may have arrived: ")
	case e.Kind == Server:
		b.WriteString("server error, the upload may have arrived: ")
	case e.HTTPStatus != 0:
		b.WriteString("upload refused: ")
	}
	b.WriteString(e.Message)
	if e.HTTPStatus != 0 {
		fmt.Fprintf(&b, " (HTTP %d)", e.HTTPStatus)
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// statusClientClosed is what nginx says of a request whose client hung up (NGX_HTTP_CLIENT_CLOSED_REQUEST).
const statusClientClosed = 499

// kindOf returns what an HTTP status outside 2xx means.
//
// Which statuses CleverTap gives before it takes a batch is documented for 429 alone: "too many concurrent requests"
// (https://developer.clevertap.com/docs/api-request-limit). For 500 and 503 it documents only that the upload may be sent
// again (https://developer.clevertap.com/docs/api-errors), and that does not say that nothing was stored: a server or a
// proxy can fail after the batch was taken. Retry-After changes nothing: CleverTap does not document it, and RFC 9110
// (section 10.2.3) gives it a time, not a word about the request. 502 and 504 come from a proxy that may have passed the
// upload on, and 499 from one that lost its client meanwhile (nginx). 409 says that something else was at work, not that
// this body is wrong.
func kindOf(status int) Kind {
	switch status {
	case http.StatusUnauthorized:
		return Credentials
	case http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusProxyAuthRequired:
		return Closed
	case http.StatusRequestEntityTooLarge:
		return TooLarge
	case http.StatusTooManyRequests:
		return Busy
	case http.StatusRequestTimeout, http.StatusConflict:
		return Server
	case http.StatusBadGateway, http.StatusGatewayTimeout, statusClientClosed:
		return NoAnswer
	}
	switch {
	case status >= 500:
		return Server
	case status >= 400:
		return RefusedBody
	}
	return Closed
}

// hintOf returns what an operator can do about a kind.
func hintOf(k Kind) string {
	switch k {
	case Unsent:
		return "check this machine's network, DNS, proxy and clock, and the account's region or endpoint; the records stay queued"
	case Busy:
		return "CleverTap takes at most 15 uploads of an account at once, those of other tools included: lower max_concurrent"
	case Credentials:
		return "wrong region also answers 401: check region, account_id, passcode"
	case Closed:
		return "check the account's endpoint, and any proxy on the way"
	case NoAnswer, Server, RefusedBody, TooLarge, Stopped:
	}
	return ""
}

// maxMessage bounds the texts kept from answers, in bytes.
const maxMessage = 1 << 10

// What differs each time the same fault of a connection occurs: the port of this end, and the time by the clock in the
// error of a certificate. A fault is logged once for as long as its text stays the same.
var (
	ownAddress = regexp.MustCompile(`\b(tcp|udp)([46]?) \S+->`)
	clockTime  = regexp.MustCompile(`\bcurrent time \S+ is (after|before)\b`)
)

// withoutVarying removes these.
func withoutVarying(s string) string {
	return clockTime.ReplaceAllString(ownAddress.ReplaceAllString(s, "$1$2 "), "the current time is $1")
}

// clean makes a text from outside fit for a log line: one line, valid UTF-8, at most maxMessage bytes, without secret.
func clean(s, secret string) string {
	if secret != "" {
		s = strings.ReplaceAll(s, secret, "[redacted]") // before the cut, which could leave half of it
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, s)
	s = strings.TrimSpace(withoutVarying(s))
	if len(s) > maxMessage {
		s = strings.ToValidUTF8(s[:maxMessage-len("…")], "") + "…"
	}
	return s
}
