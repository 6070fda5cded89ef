package sheets

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"cloud.google.com/go/auth"
	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/api/googleapi"

	"github.com/rowtap/rowtap/internal/httpclient"
)

// classify makes an *Error from an error of the client library.
func (a *Account) classify(t target, conn *connection, err error) *Error {
	e := &Error{Account: a.opts.Name, Kind: Temporary, Err: err}
	if api, ok := errors.AsType[*googleapi.Error](err); ok {
		e.Err = nil // it contains the response body
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
		e.Message = fmt.Sprintf("sign in: %s sent neither a token nor a reason", conn.tokens)
		e.Hint = notTheTokenHost + "; the read is retried at the next poll"
		return e
	}
	e.Message = t.String() + ": "
	_, cut := errors.AsType[*jsontext.SyntacticError](err)
	cause, isURL := errors.AsType[*url.Error](err)
	switch {
	case errors.Is(err, ErrTooBig):
		e.Kind = Bad
		e.Message += ErrTooBig.Error()
		e.Hint = "shorten the longest cells, or move them to another worksheet"
	case errors.Is(err, context.DeadlineExceeded):
		e.Message += "no response within " + requestTimeout.String()
	case errors.Is(err, errShape):
		e.Message += "the response is " + err.Error()
	case cut:
		e.Err = nil // it may quote the response
		e.Message += "the response is " + errShape.Error()
	case isURL:
		e.Message += "connection failed: " + clean(cause.Err.Error())
		e.Hint = "check this machine's network, DNS, proxy and clock; the read is retried at the next poll"
	default:
		e.Message += "the response was cut off: " + clean(err.Error())
	}
	return e
}

// describeResponse completes the error of a Sheets API response with a status other than 2xx
// (https://developers.google.com/workspace/sheets/api/troubleshoot-api-errors).
func (a *Account) describeResponse(e *Error, t target, conn *connection, api *googleapi.Error) {
	e.HTTPStatus = api.Code
	e.RetryAfter = httpclient.RetryAfter(api.Header, time.Now())
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
		e.Hint = "check that the key in credentials_file still exists: Google rejects its token; if it is gone, make a new key and " + conn.keyHint()
	case code == http.StatusForbidden:
		a.forbidden(e, t, conn, api)
	case code == http.StatusNotFound && api.Message != "":
		e.Kind = NotFound
		e.Hint = "check the spreadsheet's URL or ID; the spreadsheet may have been deleted"
	case code == http.StatusTooManyRequests:
		e.Kind = Quota
		e.Hint = a.quotaHint()
	case transientStatus(code):
	case code >= 300 && code < 400:
		e.Kind = Bad
		e.Message = t.String() + ": the endpoint redirects, and redirects are not followed"
		e.Hint = "set the account's endpoint to the final host, and check any proxy in between"
	default:
		e.Kind = Bad
		e.Hint = "check the account's endpoint, and any proxy in between"
	}
}

// transientStatus reports whether a request with this HTTP status may succeed when repeated. Google
// returns 409 ABORTED when requests conflict and 499 CANCELLED under load
// (https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto; example body:
// https://github.com/google-gemini/gemini-cli/issues/20309).
func transientStatus(code int) bool {
	const cancelled = 499
	return code == http.StatusRequestTimeout || code == http.StatusConflict || code == cancelled || code >= 500
}

// quotaHint returns the hint for an exhausted Google quota.
func (a *Account) quotaHint() string {
	return fmt.Sprintf("lower reads_per_minute of google account %s, or poll less often: other programs share its quota", a.opts.Name)
}

// refusedRange completes the error of a 400. Only the texts tell the causes apart.
func refusedRange(e *Error, t target, api *googleapi.Error) {
	switch {
	case strings.Contains(api.Message, "Unable to parse range"):
		e.Kind = UnknownRange
		e.Message = t.String() + ": no such worksheet"
		if t.title == "" {
			e.Message = t.String() + ": one of the requested worksheets does not exist"
		}
		e.Hint = "correct worksheet in the zap file (it was renamed or deleted), then: rowtap reload"
	case strings.Contains(api.Message, "exceeds grid limits"):
		e.Kind = PastGrid
	case strings.Contains(api.Message, "not supported for this document"), statusOf(api) == "FAILED_PRECONDITION":
		e.Kind = NotASpreadsheet
		e.Message = t.String() + ": it is an Office file (.xlsx), not a Google spreadsheet"
		e.Hint = "open it in Google Sheets, choose File > Save as Google Sheets, and use the URL of the new file"
	default:
		e.Kind = Bad
		e.Hint = "check the account's endpoint, and any proxy in between: the Sheets API does not refuse a read like this"
	}
}

// statusOf returns the canonical status of an error, such as FAILED_PRECONDITION; "" if it has
// none.
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

// notTheTokenHost is the hint for responses that Google's token host does not send.
const notTheTokenHost = "check any proxy in between, and token_uri in the credentials: Google's token host does not respond like this"

// tokenRefused completes the error of a refused token request
// (https://developers.google.com/identity/protocols/oauth2/service-account#error-codes).
func tokenRefused(e *Error, conn *connection, token *auth.Error) {
	status := 0
	if token.Response != nil {
		status = token.Response.StatusCode
		e.RetryAfter = httpclient.RetryAfter(token.Response.Header, time.Now())
	}
	var body struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if !token.Temporary() && !transientStatus(status) {
		e.Kind = Unauthorized
	}
	if json.Unmarshal(token.Body, &body) != nil || body.Error == "" { // the key is not at fault
		got := "neither a token nor a reason"
		switch {
		case status >= 300 && status < 400:
			got = "a redirect, and redirects are not followed"
		case bytes.HasPrefix(bytes.TrimSpace(token.Body), []byte("<")):
			got = "a web page instead of a token"
		}
		e.Message = fmt.Sprintf("sign in: %s sent %s (HTTP %d)", conn.tokens, got, status)
		e.Hint = notTheTokenHost
		return
	}
	e.Message = fmt.Sprintf("sign in: Google issued no token: %s (HTTP %d from the token host)", clean(body.Error+" "+body.Description), status)
	switch {
	case e.Kind != Unauthorized:
	case body.Error == "invalid_grant" && conn.email != "":
		e.Hint = fmt.Sprintf("check this machine's clock; if it is right, the key of %s was deleted or disabled: make a new one and %s", conn.email, conn.keyHint())
	case body.Error == "invalid_grant":
		e.Hint = "sign in again (the sign-in was revoked or has expired) or make a service account key, and " + conn.keyHint()
	default:
		e.Hint = "check credentials_file: Google does not recognize its client or key"
	}
}
