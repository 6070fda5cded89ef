package sheets

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"cloud.google.com/go/auth"
	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/api/googleapi"
)

// classify makes an *Error of what the client library returned.
func (a *Account) classify(t target, conn *connection, err error) *Error {
	e := &Error{Account: a.opts.Name, Kind: Temporary, Err: err}
	if api, ok := errors.AsType[*googleapi.Error](err); ok {
		e.Err = nil // it holds the answer's body
		a.describeResponse(e, t, conn, api)
		return e
	}
	if token, ok := errors.AsType[*auth.Error](err); ok {
		e.Err = nil
		tokenRefused(e, conn, token)
		return e
	}
	if errors.Is(err, errNoToken) {
		e.Err = nil
		e.Message = fmt.Sprintf("sign in: %s answers with neither a token nor a reason", conn.tokens)
		e.Hint = notTheTokenHost + "; the read is tried again at the next poll"
		return e
	}
	e.Message = t.String() + ": "
	_, cut := errors.AsType[*jsontext.SyntacticError](err)
	cause, isURL := errors.AsType[*url.Error](err)
	switch {
	case errors.Is(err, ErrTooBig):
		e.Kind = Bad
		e.Message += ErrTooBig.Error()
		e.Hint = "cells this long cannot be read: shorten them or move them to another worksheet"
	case errors.Is(err, context.DeadlineExceeded):
		e.Message += "no answer within " + requestTimeout.String()
	case errors.Is(err, errShape):
		e.Message += "the answer is " + err.Error()
	case cut:
		e.Err = nil // it may quote the answer
		e.Message += "the answer is " + errShape.Error()
	case isURL:
		e.Message += "no connection: " + clean(cause.Err.Error())
		e.Hint = "check this machine's network, DNS, proxy and clock; the read is tried again at the next poll"
	default:
		e.Message += "the answer broke off: " + clean(err.Error())
	}
	return e
}

// answered fills in the error of an answer of the Sheets API with a status other than 2xx
// (https://developers.google.com/workspace/sheets/api/troubleshoot-api-errors).
func (a *Account) describeResponse(e *Error, t target, conn *connection, api *googleapi.Error) {
	e.HTTPStatus = api.Code
	e.RetryAfter = retryAfter(api.Header.Get("Retry-After"), time.Now())
	says := clean(api.Message)
	if says == "" {
		says = http.StatusText(api.Code)
	}
	e.Message = t.String() + ": " + says
	switch code := api.Code; {
	case code == http.StatusBadRequest:
		refusedRange(e, t, api)
	case code == http.StatusUnauthorized:
		e.Kind = Unauthorized
		e.Hint = "Google does not accept the token made of the credentials: check credentials_file, and that the key still exists; a new one: " + conn.keyHint()
	case code == http.StatusForbidden:
		a.forbidden(e, t, conn, api)
	case code == http.StatusNotFound && api.Message != "":
		e.Kind = NotFound
		e.Hint = "check the spreadsheet's URL or id: nothing has it, or it was deleted"
	case code == http.StatusTooManyRequests:
		e.Kind = Quota
		e.Hint = a.quotaHint()
	case transientStatus(code):
	case code >= 300 && code < 400:
		e.Kind = Bad
		e.Message = t.String() + ": the endpoint answers with a redirect, which is not followed"
		e.Hint = "set the account's endpoint to the host that really answers, and check any proxy on the way"
	default:
		e.Kind = Bad
		e.Hint = "check the account's endpoint, and any proxy on the way"
	}
}

// passing tells whether an HTTP status says that the same request may well succeed later. Google answers 409 ABORTED for requests
// that got in each other's way and 499 CANCELLED under load (https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto;
// a body: https://github.com/google-gemini/gemini-cli/issues/20309).
func transientStatus(code int) bool {
	const cancelled = 499
	return code == http.StatusRequestTimeout || code == http.StatusConflict || code == cancelled || code >= 500
}

// quotaHint is what an operator can do where Google's quota is used up.
func (a *Account) quotaHint() string {
	return fmt.Sprintf("something else reads with this Google account too: lower reads_per_minute of google account %s, or poll less often", a.opts.Name)
}

// refusedRange tells the reasons of a 400 apart. Only their texts differ.
func refusedRange(e *Error, t target, api *googleapi.Error) {
	switch {
	case strings.Contains(api.Message, "Unable to parse range"):
		e.Kind = UnknownRange
		e.Message = t.String() + ": there is no such worksheet"
		if t.title == "" {
			e.Message = t.String() + ": one of the worksheets asked for is not there"
		}
		e.Hint = "it was renamed or deleted: correct the worksheet in the zap's file; then: rowtap reload"
	case strings.Contains(api.Message, "exceeds grid limits"):
		e.Kind = PastGrid
	case strings.Contains(api.Message, "not supported for this document"), statusOf(api) == "FAILED_PRECONDITION":
		e.Kind = NotASpreadsheet
		e.Message = t.String() + ": it is an Office file (.xlsx), not a Google spreadsheet"
		e.Hint = "open it in Google Sheets, choose File > Save as Google Sheets, and use the new file's URL"
	default:
		e.Kind = Bad
		e.Hint = "this is not how the Sheets API refuses a read: check the account's endpoint, and any proxy on the way"
	}
}

// statusOf returns the error's canonical status, such as FAILED_PRECONDITION; "" where it has none.
func statusOf(api *googleapi.Error) string {
	var body struct {
		Error struct {
			Status string `json:"status"`
		} `json:"error"`
	}
	if json.Unmarshal([]byte(api.Body), &body) != nil {
		return ""
	}
	return body.Error.Status
}

// notTheTokenHost is the hint where what answers in place of the token's host knows nothing of tokens.
const notTheTokenHost = "check any proxy on the way, and the token_uri of the credentials: this is not how Google's token host answers"

// tokenRefused fills in the error of a token that was not given
// (https://developers.google.com/identity/protocols/oauth2/service-account#error-codes).
func tokenRefused(e *Error, conn *connection, token *auth.Error) {
	status := 0
	if token.Response != nil {
		status = token.Response.StatusCode
		e.RetryAfter = retryAfter(token.Response.Header.Get("Retry-After"), time.Now())
	}
	var body struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if !token.Temporary() && !transientStatus(status) {
		e.Kind = Unauthorized
	}
	if json.Unmarshal(token.Body, &body) != nil || body.Error == "" { // the key is not to blame
		got := "neither a token nor a reason"
		switch {
		case status >= 300 && status < 400:
			got = "a redirect, which is not followed"
		case bytes.HasPrefix(bytes.TrimSpace(token.Body), []byte("<")):
			got = "a web page in place of a token"
		}
		e.Message = fmt.Sprintf("sign in: %s answers with %s (HTTP %d)", conn.tokens, got, status)
		e.Hint = notTheTokenHost
		return
	}
	e.Message = fmt.Sprintf("sign in: Google gives no token: %s (HTTP %d of the token's host)", clean(body.Error+" "+body.Description), status)
	switch {
	case e.Kind != Unauthorized:
	case body.Error == "invalid_grant" && conn.email != "":
		e.Hint = fmt.Sprintf("the key of %s was deleted or disabled, or this machine's clock is wrong: check the clock, else make a new key and %s", conn.email, conn.keyHint())
	case body.Error == "invalid_grant":
		e.Hint = "the sign-in was revoked or has expired: sign in again, or make a service account's key, and " + conn.keyHint()
	default:
		e.Hint = "check credentials_file: Google does not know this client or key"
	}
}

// retryAfter returns what a Retry-After header asks to wait from now on, in either of its forms
// (https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3): at most a day, 0 where it asks nothing.
func retryAfter(header string, now time.Time) time.Duration {
	const longest = 24 * time.Hour
	header = strings.TrimSpace(header)
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, longest)
	}
	if at, err := http.ParseTime(header); err == nil {
		return min(max(at.Sub(now), 0), longest)
	}
	return 0
}
