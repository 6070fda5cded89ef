package clevertap

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/rowtap/rowtap/internal/httpclient"
)

// Kind is what a failed upload means for its records.
type Kind uint8

// The kinds of failed uploads.
const (
	Unsent Kind = iota // the request was never sent: nothing arrived, send again
	// NoResponse: a timeout, a reset, a truncated or unreadable response, 499, 502, 504. The
	// records may have arrived.
	NoResponse
	Busy // 429: too many concurrent uploads, nothing was accepted
	// Server: 408, 409, 500, 503 and other 5xx. The records may have arrived.
	Server
	Credentials // 401: wrong account ID, passcode or region
	Closed      // 403, 404, 405, 407, redirects: wrong endpoint, or every request is refused
	RefusedBody // 400, other 4xx: something is wrong with this body
	TooLarge    // 413, or more records than MaxRecords
	Stopped     // stopped by the last look ([WithLastLook]): nothing arrived
)

// String returns the kind in words, for logs and metrics.
func (k Kind) String() string {
	switch k {
	case Unsent:
		return "unsent"
	case NoResponse:
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

// MayHaveArrived reports whether CleverTap may have accepted the records, so that an event that is
// sent again may count twice. See [kindOf].
func (k Kind) MayHaveArrived() bool { return k == NoResponse || k == Server }

// Error is an upload without a result per record (https://developer.clevertap.com/docs/api-errors).
// It never contains the passcode or a record.
type Error struct {
	Account    string
	HTTPStatus int           // 0: no response
	Message    string        // CleverTap's text, at most 1 KiB, or the error of the connection
	Kind       Kind          // what it means for the records
	RetryAfter time.Duration // the wait that the response asks for; 0: none
	Hint       string        // what an operator can do; "" if only waiting helps
	Err        error         // the cause; nil if the response is the cause
}

// Error returns the account, what happened to the upload and why, without the hint.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "clevertap account %s: ", e.Account)
	switch {
	case e.Kind == Unsent, e.Kind == Stopped:
		b.WriteString("upload not sent: ")
	case e.Kind == NoResponse:
		b.WriteString("no usable response, the upload may have arrived: ")
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

// statusClientClosed is nginx's status for a request whose client disconnected
// (NGX_HTTP_CLIENT_CLOSED_REQUEST).
const statusClientClosed = 499

// kindOf returns the kind of an HTTP status outside 2xx.
//
// CleverTap documents only for 429 that it comes before the batch is accepted: "too many concurrent
// requests" (https://developer.clevertap.com/docs/api-request-limit). For 500 and 503 it documents
// only that the upload may be sent again (https://developer.clevertap.com/docs/api-errors). That
// does not mean that nothing was stored: a server or a proxy can fail after the batch was accepted.
// Retry-After does not change this: CleverTap does not document it, and RFC 9110 (section 10.2.3)
// defines it as a time, not as a statement about the request. 502 and 504 come from a proxy that
// may have forwarded the upload, and 499 from one whose client disconnected (nginx). 409 means a
// conflict with something else, not that this body is wrong.
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
		return NoResponse
	}
	switch {
	case status >= 500:
		return Server
	case status >= 400:
		return RefusedBody
	}
	return Closed
}

// hintOf returns what an operator can do about a kind; "" if nothing.
func hintOf(k Kind) string {
	switch k {
	case Unsent:
		return "check this machine's network, DNS, proxy and clock, and the account's region or endpoint; the records stay queued"
	case Busy:
		return "CleverTap accepts at most 15 concurrent uploads per account, including those of other tools: lower max_concurrent"
	case Credentials:
		return "check region, account_id and passcode; a wrong region also gives 401"
	case Closed:
		return "check the account's endpoint and any proxy in between"
	case NoResponse, Server, RefusedBody, TooLarge, Stopped:
	}
	return ""
}

// clean makes external text fit for a log line, without secret.
func clean(s, secret string) string {
	return httpclient.ErrorText(s, func(s string) string {
		if secret == "" {
			return s
		}
		return strings.ReplaceAll(s, secret, "[redacted]")
	})
}
