// Package clevertap implements CleverTap's upload API: records, the rules for them, and a client
// that sends them and interprets the responses.
//
// [Client.Upload] sends one batch once, and reports for each record whether CleverTap has it. It
// says so if that is unknown ([Unknown], [NoResponse]), because events that are sent twice count
// twice. It never retries, waits or logs, which is up to the caller.
//
// The passcode is sent only in the header of requests to the account's host: redirects are not
// followed, and no error contains it.
package clevertap

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"

	"github.com/rowtap/rowtap/internal/httpclient"
	"github.com/rowtap/rowtap/internal/keyfile"
)

// MaxRecords is the most records in an upload
// (https://developer.clevertap.com/docs/upload-events-api).
const MaxRecords = 1000

// maxBody bounds the responses that are read, in bytes. A response echoes refused records, so it
// may be larger than the upload.
const maxBody = 16 << 20

// Options configure a client.
type Options struct {
	Name      string // as errors name it
	AccountID string
	Passcode  string
	// PasscodeFile is the file that the passcode was read from; it is read again when it changes.
	// "": none.
	PasscodeFile string
	Region       string            // one of Regions; unused with an Endpoint
	Endpoint     *url.URL          // replaces the region's host; nil: the region's
	Timeout      time.Duration     // of one upload, including its response; 0: 30 s
	Transport    http.RoundTripper // nil: a new one
	UserAgent    string            // "": Go's
}

// Client sends records to one CleverTap account. It is safe for concurrent use.
type Client struct {
	name    string
	secret  *secret
	header  http.Header // of every upload, without the passcode
	upload  url.URL
	timeout time.Duration
	http    http.Client
}

// attempt is one request. Its errors must not contain the passcode that it was made with.
type attempt struct {
	*Client
	passcode string
}

// New returns the client of an account. It sends nothing. The error says which option is missing or
// invalid: the account ID, the passcode, the region or the endpoint.
func New(o Options) (*Client, error) {
	c, err := newClient(o)
	if err != nil {
		return nil, fmt.Errorf("clevertap account %s: %w", o.Name, err)
	}
	return c, nil
}

func newClient(o Options) (*Client, error) {
	id, err := credential("account_id", o.AccountID)
	if err != nil {
		return nil, err
	}
	passcode, err := credential("passcode", o.Passcode)
	if err != nil {
		return nil, err
	}
	base := o.Endpoint
	if base == nil {
		if base, err = RegionURL(o.Region); err != nil {
			return nil, err
		}
	}
	if base.Host == "" || base.Scheme != "https" && base.Scheme != "http" {
		return nil, errors.New("the endpoint is not an http or https URL with a host, such as https://in1.api.clevertap.com")
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Transport == nil {
		o.Transport = httpclient.NewTransport()
	}
	header := http.Header{
		// Headers as documented: https://developer.clevertap.com/docs/common-api-components
		"X-Clevertap-Account-Id": {id},
		"Content-Type":           {"application/json; charset=utf-8"},
		"Accept":                 {"application/json"},
	}
	if o.UserAgent != "" {
		header.Set("User-Agent", o.UserAgent)
	}
	return &Client{
		name: o.Name, secret: newSecret(passcode, o.PasscodeFile), header: header, upload: *base.JoinPath("1", "upload"), timeout: o.Timeout,
		http: http.Client{Transport: o.Transport, CheckRedirect: httpclient.NoRedirect},
	}, nil
}

// credential returns a value for a header, without surrounding white space from pasting.
func credential(name, value string) (string, error) {
	value = strings.TrimSpace(value)
	if value == "" {
		return "", fmt.Errorf("no %s: CleverTap shows it under Settings, Project", name)
	}
	for _, r := range value {
		if r <= ' ' || r > '~' {
			return "", fmt.Errorf("the %s contains white space or non-ASCII characters: copy it again from CleverTap, Settings, Project", name)
		}
	}
	return value, nil
}

// CloseIdleConnections closes the connections that no upload uses. Call it when done with the
// client.
func (c *Client) CloseIdleConnections() { c.http.CloseIdleConnections() }

// Upload sends up to MaxRecords records in one request. With dryRun, CleverTap validates them and
// stores none. If the error is nil, the response has one result per record. Otherwise it is an
// *Error whose Kind says whether the records may have arrived. Without records, no request is made.
func (c *Client) Upload(ctx context.Context, records []Record, dryRun bool) (Response, error) {
	if len(records) == 0 {
		return Response{}, nil
	}
	if len(records) > MaxRecords {
		return Response{}, c.fail(&Error{
			Message: fmt.Sprintf("%d records in one upload, at most %d allowed; nothing was sent", len(records), MaxRecords),
			Kind:    TooLarge,
		})
	}
	passcode := c.secret.current()
	response, err := attempt{c, passcode}.send(ctx, records, dryRun)
	if e, ok := errors.AsType[*Error](err); ok && e.Kind == Credentials {
		if fresh, ok := c.secret.replacing(passcode); ok { // the refused upload stored nothing
			response, err = attempt{c, fresh}.send(ctx, records, dryRun)
		}
	}
	if err != nil {
		return Response{}, c.fail(err)
	}
	return response, nil
}

// send makes one request. The error is an *Error without its account.
func (c attempt) send(ctx context.Context, records []Record, dryRun bool) (Response, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	if err := ctx.Err(); err != nil {
		return Response{}, &Error{Message: "the upload was cancelled before it started", Kind: Unsent, Err: err}
	}
	target := c.upload
	if dryRun {
		target.RawQuery = "dryRun=1"
	}
	var sent progress
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, sent.trace()), http.MethodPost, target.String(), bytes.NewReader(encode(records)))
	if err != nil {
		return Response{}, &Error{Message: "no request can be made to the endpoint", Kind: Unsent, Hint: hintOf(Closed), Err: err}
	}
	req.Header = c.header.Clone()
	req.Header.Set("X-CleverTap-Passcode", c.passcode)
	gate := newGate(ctx)
	gate.guard(req)
	res, err := c.http.Do(req)
	if refusal := gate.stopped(); err != nil && refusal != nil {
		return Response{}, &Error{Message: "stopped just before sending: " + refusal.Error(), Kind: Stopped, Err: refusal}
	}
	if err != nil {
		return Response{}, c.transportError(ctx, err, sent.unsent(ctx, err))
	}
	defer func() { _ = res.Body.Close() }()
	return c.read(ctx, res, len(records), dryRun)
}

// probe is a record for dry runs. It would do no harm if it arrived.
var probe = Record{IDKey: "identity", ID: "rowtap-probe", JSON: []byte(`{"type":"profile","identity":"rowtap-probe","profileData":{"Name":"rowtap"}}`), Repeatable: true}

// Probe makes a dry run to find out whether CleverTap responds to uploads of the account. The error
// is that of [Client.Upload]. The result of the record does not matter.
func (c *Client) Probe(ctx context.Context) (Response, error) {
	return c.Upload(ctx, []Record{probe}, true)
}

// encode returns the body of an upload, {"d":[…]}.
func encode(records []Record) []byte {
	size := len(`{"d":[]}`)
	for i := range records {
		size += len(records[i].JSON) + 1
	}
	body := append(make([]byte, 0, size), `{"d":[`...)
	for i := range records {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, records[i].JSON...)
	}
	return append(body, "]}"...)
}

// read interprets the response to an upload of n records. The error is an *Error without its
// account.
func (c attempt) read(ctx context.Context, res *http.Response, n int, dryRun bool) (Response, error) {
	in := &sniffer{body: io.LimitReader(res.Body, maxBody+1)}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		body, _ := io.ReadAll(in) // a truncated body does not matter, the status decides
		return Response{}, c.statusError(res, body)
	}
	a, err := decodeResponse(in)
	switch {
	case in.n > maxBody:
		return Response{}, unreadable(res.StatusCode, fmt.Sprintf("the response is larger than %d MiB", maxBody>>20), nil)
	case in.err != nil:
		e := c.transportError(ctx, in.err, false)
		e.HTTPStatus = res.StatusCode
		e.Message = fmt.Sprintf("the response was cut off after %d bytes: %s", in.n, e.Message)
		return Response{}, e
	case err != nil:
		return Response{}, unreadable(res.StatusCode, "not a CleverTap response: "+in.shape(err), err)
	}
	return parseResponse(res.StatusCode, a, n, dryRun, c.passcode)
}

// transportError returns the error of a request without a response.
func (c attempt) transportError(ctx context.Context, err error, unsent bool) *Error {
	e := &Error{Kind: NoResponse, Err: err}
	if unsent {
		e.Kind = Unsent
	}
	switch cause := errors.Unwrap(err); {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		e.Message = "no response in time (timeout " + c.timeout.String() + ")"
	case ctx.Err() != nil:
		e.Message = "the upload was cancelled: " + ctx.Err().Error()
	case isURLError(err) && cause != nil:
		e.Message = clean(cause.Error(), c.passcode) // without the URL, which may contain secrets
	default:
		e.Message = clean(err.Error(), c.passcode)
	}
	e.Hint = hintOf(e.Kind)
	return e
}

func isURLError(err error) bool {
	_, ok := errors.AsType[*url.Error](err)
	return ok
}

// statusError returns the error for a response outside 2xx.
func (c attempt) statusError(res *http.Response, body []byte) *Error {
	kind := kindOf(res.StatusCode)
	e := &Error{
		HTTPStatus: res.StatusCode, Kind: kind, Hint: hintOf(kind),
		Message:    c.errorText(res.StatusCode, body),
		RetryAfter: httpclient.RetryAfter(res.Header, time.Now()),
	}
	if res.StatusCode >= 300 && res.StatusCode < 400 {
		e.Message = "the endpoint sent a redirect, which is not followed"
		if to, err := res.Location(); err == nil && to.Host != "" {
			e.Message += " (to host " + clean(to.Host, c.passcode) + ")"
		}
		e.Hint = "set the account's region or endpoint to the host that accepts uploads"
	}
	return e
}

// errorText returns the reason that CleverTap gives in a response outside 2xx, or the text of the
// status.
func (c attempt) errorText(status int, body []byte) string {
	var a struct {
		Error string `json:"error"`
	}
	if err := json.Unmarshal(body, &a); err == nil {
		if text := clean(a.Error, c.passcode); text != "" {
			return text
		}
	}
	if text := http.StatusText(status); text != "" {
		return text
	}
	return "unknown status"
}

// fail sets the account of err, which is an *Error.
func (c *Client) fail(err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		e.Account = c.name
		if e.Kind == Credentials && c.secret.path != "" {
			e.Hint += "; to change the passcode, " + keyfile.Hint(c.secret.path)
		}
	}
	return err
}
