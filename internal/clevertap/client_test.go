package clevertap_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/clevertap"
)

// serve starts a server on loopback and returns its URL.
func serve(t *testing.T, handler http.HandlerFunc) *url.URL {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return parse(t, server.URL)
}

func parse(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// failure uploads n records and returns the *Error that must result.
func failure(t *testing.T, ctx context.Context, c *clevertap.Client, n int) *clevertap.Error {
	t.Helper()
	response, err := c.Upload(ctx, records(n), false)
	e, ok := errors.AsType[*clevertap.Error](err)
	if !ok {
		t.Fatalf("got %+v, %v; want an *Error", response, err)
	}
	if text := fmt.Sprintf("%v %+v %q", e, e, e.Hint); strings.Contains(text, passcode) {
		t.Errorf("the passcode is in the error: %s", text)
	}
	return e
}

func TestRequest(t *testing.T) {
	type seen struct {
		method, uri, contentType, account, passcode, agent string
		length                                             int64
		records                                            int
	}
	var got seen
	endpoint := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var d struct{ D []json.RawMessage }
		if err := json.NewDecoder(r.Body).Decode(&d); err != nil {
			t.Errorf("the body: %v", err)
		}
		got = seen{
			r.Method, r.RequestURI, r.Header.Get("Content-Type"), r.Header.Get("X-CleverTap-Account-Id"),
			r.Header.Get("X-CleverTap-Passcode"), r.Header.Get("User-Agent"), r.ContentLength, len(d.D),
		}
		_, _ = io.WriteString(w, body("success", len(d.D)))
	})
	c := newClient(t, clevertap.Options{Endpoint: endpoint.JoinPath("base/"), UserAgent: "rowtap/1"})
	for _, test := range []struct {
		dryRun bool
		uri    string
	}{{false, "/base/1/upload"}, {true, "/base/1/upload?dryRun=1"}} {
		response, err := c.Upload(t.Context(), records(1000), test.dryRun)
		if err != nil || letters(response.Results) != strings.Repeat("a", 1000) || response.Processed != 1000 || response.Status != "success" || response.HTTPStatus != 200 {
			t.Errorf("dryRun %v: got %+v, %v", test.dryRun, response, err)
		}
		want := seen{"POST", test.uri, "application/json; charset=utf-8", "ACC-ID", passcode, "rowtap/1", got.length, 1000}
		if got != want || got.length < 50_000 {
			t.Errorf("dryRun %v\n got %+v\nwant %+v", test.dryRun, got, want)
		}
	}
}

func TestBatchSize(t *testing.T) {
	var requests atomic.Int32
	c := newClient(t, clevertap.Options{Endpoint: serve(t, func(http.ResponseWriter, *http.Request) { requests.Add(1) })})
	if response, err := c.Upload(t.Context(), nil, false); err != nil || len(response.Results) != 0 {
		t.Errorf("no records: got %+v, %v", response, err)
	}
	if e := failure(t, t.Context(), c, clevertap.MaxRecords+1); e.Kind != clevertap.TooLarge || e.HTTPStatus != 0 {
		t.Errorf("1001 records: got %+v", e)
	}
	if n := requests.Load(); n != 0 {
		t.Errorf("%d requests were made", n)
	}
}

// TestProbe checks that a probe stores nothing, and that its record is valid.
func TestProbe(t *testing.T) {
	var uri, sent string
	c := newClient(t, clevertap.Options{Endpoint: serve(t, func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		uri, sent = r.RequestURI, string(b)
		_, _ = io.WriteString(w, body("success", 1))
	})})
	if response, err := c.Probe(t.Context()); err != nil || response.HTTPStatus != 200 {
		t.Errorf("got %+v, %v", response, err)
	}
	if uri != "/1/upload?dryRun=1" || !json.Valid([]byte(sent)) || !strings.Contains(sent, `"identity":"rowtap-probe"`) {
		t.Errorf("requested %s with %s", uri, sent)
	}
}

func TestStatus(t *testing.T) {
	tests := []struct {
		status int
		body   string
		kind   clevertap.Kind
		says   string
	}{
		{401, `{"status":"fail","error":"Account ID is not valid","code":401}`, clevertap.Credentials, "Account ID is not valid (HTTP 401)"},
		{401, `{"error":"no ` + passcode + `"}`, clevertap.Credentials, "no [redacted]"},
		{400, `{"status":"fail","error":"Malformed request","code":"x"}`, clevertap.RefusedBody, "Malformed request"},
		{409, ``, clevertap.Server, "Conflict"},
		{499, ``, clevertap.NoResponse, ""},
		{422, `[]`, clevertap.RefusedBody, "Unprocessable Entity"},
		{403, `<html>`, clevertap.Closed, "Forbidden"},
		{404, ``, clevertap.Closed, "Not Found"},
		{405, ``, clevertap.Closed, "Method Not Allowed"},
		{407, ``, clevertap.Closed, "Proxy"},
		{408, ``, clevertap.Server, "Timeout"},
		{413, ``, clevertap.TooLarge, "Too Large"},
		{429, `{"status":"fail","error":"Too many concurrent requests"}`, clevertap.Busy, "Too many concurrent requests"},
		{500, ``, clevertap.Server, "Internal Server Error"},
		{502, `<html>`, clevertap.NoResponse, "Bad Gateway"},
		{503, ``, clevertap.Server, "Service Unavailable"},
		{504, ``, clevertap.NoResponse, "Gateway Timeout"},
		{599, ``, clevertap.Server, "unknown status"},
		{204, ``, clevertap.NoResponse, "empty"},
	}
	for _, test := range tests {
		t.Run(fmt.Sprint(test.status), func(t *testing.T) {
			c := newClient(t, clevertap.Options{Endpoint: serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(test.status)
				if test.status != http.StatusNoContent {
					_, _ = io.WriteString(w, test.body)
				}
			})})
			e := failure(t, t.Context(), c, 2)
			if e.Kind != test.kind || e.HTTPStatus != test.status || !strings.Contains(e.Error(), test.says) {
				t.Errorf("got kind %v, status %d: %v\nwant kind %v, %q", e.Kind, e.HTTPStatus, e, test.kind, test.says)
			}
			if e.Kind == clevertap.Credentials && !strings.Contains(e.Hint, "region") {
				t.Errorf("the hint does not mention the region: %q", e.Hint)
			}
		})
	}
}

// TestRetryAfter: the header is in the error (its forms are in httpclient's table).
func TestRetryAfter(t *testing.T) {
	for _, status := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
		c := newClient(t, clevertap.Options{Endpoint: serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "17")
			w.WriteHeader(status)
		})})
		if got := failure(t, t.Context(), c, 1).RetryAfter; got != 17*time.Second {
			t.Errorf("%d: got %v, want 17s", status, got)
		}
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	var followed atomic.Bool
	other := serve(t, func(http.ResponseWriter, *http.Request) { followed.Store(true) })
	for _, status := range []int{301, 302, 303, 307, 308} {
		c := newClient(t, clevertap.Options{Endpoint: serve(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.String(), status)
		})})
		e := failure(t, t.Context(), c, 1)
		if e.Kind != clevertap.Closed || e.HTTPStatus != status || !strings.Contains(e.Message, other.Host) || followed.Load() {
			t.Errorf("%d: got %+v, followed %v", status, e, followed.Load())
		}
	}
}

// hijack takes over a connection and closes it after do.
func hijack(t *testing.T, w http.ResponseWriter, do func(net.Conn)) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		t.Errorf("hijack: %v", err)
		return
	}
	do(conn)
	_ = conn.Close()
}

// reset makes closing a connection send a reset.
func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
}

func TestFaults(t *testing.T) {
	tests := []struct {
		name    string
		handler func(t *testing.T, w http.ResponseWriter, r *http.Request)
		says    string
	}{
		{"reset before the body is read", func(t *testing.T, w http.ResponseWriter, _ *http.Request) {
			hijack(t, w, reset)
		}, ""},
		{"reset once the body is read", func(t *testing.T, w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			hijack(t, w, reset)
		}, ""},
		{"closed without a response", func(t *testing.T, w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			hijack(t, w, func(net.Conn) {})
		}, "EOF"},
		{"cut body", func(t *testing.T, w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			hijack(t, w, func(c net.Conn) {
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"+`{"status":"success"`)
			})
		}, "was cut off after 19 bytes"},
		{"no HTTP", func(t *testing.T, w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			hijack(t, w, func(c net.Conn) { _, _ = io.WriteString(c, "what "+passcode+"\r\n\r\n") })
		}, "malformed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := newClient(t, clevertap.Options{Endpoint: serve(t, func(w http.ResponseWriter, r *http.Request) { test.handler(t, w, r) })})
			if e := failure(t, t.Context(), c, 1000); e.Kind != clevertap.NoResponse || !strings.Contains(e.Message, test.says) {
				t.Errorf("got %v: %v; want no response, %q", e.Kind, e, test.says)
			}
		})
	}
}

func TestTimeout(t *testing.T) {
	for _, after := range []string{"before the response", "within the response"} {
		t.Run(after, func(t *testing.T) {
			release := make(chan struct{})
			endpoint := serve(t, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				if after == "within the response" {
					_, _ = io.WriteString(w, `{"status":`)
					_ = http.NewResponseController(w).Flush()
				}
				<-release
			})
			defer close(release)
			e := failure(t, t.Context(), newClient(t, clevertap.Options{Endpoint: endpoint, Timeout: 50 * time.Millisecond}), 1)
			if e.Kind != clevertap.NoResponse || !errors.Is(e, context.DeadlineExceeded) || !strings.Contains(e.Message, "50ms") {
				t.Errorf("got %v: %v (%v)", e.Kind, e, e.Err)
			}
		})
	}
}

func TestGivenUp(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	endpoint := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		close(arrived)
		<-release
	})
	defer close(release)
	c := newClient(t, clevertap.Options{Endpoint: endpoint})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	if e := failure(t, ctx, c, 1); e.Kind != clevertap.NoResponse || !errors.Is(e, context.Canceled) {
		t.Errorf("in flight: got %v: %v", e.Kind, e)
	}
	if e := failure(t, ctx, c, 1); e.Kind != clevertap.Unsent || !errors.Is(e, context.Canceled) {
		t.Errorf("before it started: got %v: %v", e.Kind, e)
	}
}

func TestUnsent(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed at once
	if err != nil {
		t.Fatal(err)
	}
	closed := listener.Addr().String()
	_ = listener.Close()

	// One server without TLS, and one whose certificate is not trusted.
	plain := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the plain server got a request") })
	strange := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the untrusted server got a request") }))
	strange.Config.ErrorLog = log.New(io.Discard, "", 0)
	strange.StartTLS()
	t.Cleanup(strange.Close)

	for name, endpoint := range map[string]string{
		"refused":             "http://" + closed,
		"no TLS":              "https://" + plain.Host,
		"unknown certificate": strange.URL,
	} {
		t.Run(name, func(t *testing.T) {
			e := failure(t, t.Context(), newClient(t, clevertap.Options{Endpoint: parse(t, endpoint)}), 1)
			if e.Kind != clevertap.Unsent || e.HTTPStatus != 0 || e.Hint == "" {
				t.Errorf("got %v: %v", e.Kind, e)
			}
		})
	}
}

// TestTransportWithoutTrace checks that an error of a transport that reports no progress counts as
// no response, because the request may have been sent.
func TestTransportWithoutTrace(t *testing.T) {
	for _, test := range []struct {
		err  error
		kind clevertap.Kind
	}{
		{io.ErrUnexpectedEOF, clevertap.NoResponse},
		{&net.OpError{Op: "read", Err: errors.New("reset")}, clevertap.NoResponse},
		{&net.OpError{Op: "dial", Err: errors.New("refused")}, clevertap.Unsent},
		{&net.DNSError{Err: "no such host", Name: "x"}, clevertap.Unsent},
	} {
		c := newClient(t, clevertap.Options{Transport: failing{test.err}})
		if e := failure(t, t.Context(), c, 1); e.Kind != test.kind || !errors.Is(e, test.err) {
			t.Errorf("%v: got %v, want %v", test.err, e.Kind, test.kind)
		}
	}
}

// TestSameFaultSameText checks that the text of a lasting fault does not contain the local port, so
// that it is logged once.
func TestSameFaultSameText(t *testing.T) {
	for _, port := range []int{45678, 45679} {
		own := &net.TCPAddr{IP: net.IPv6loopback, Port: port}
		fault := &net.OpError{Op: "read", Net: "tcp", Source: own, Addr: &net.TCPAddr{IP: net.IPv6loopback, Port: 443}, Err: io.ErrClosedPipe}
		e := failure(t, t.Context(), newClient(t, clevertap.Options{Transport: failing{fault}}), 1)
		if want := "read tcp [::1]:443: " + io.ErrClosedPipe.Error(); e.Message != want {
			t.Errorf("got %q, want %q", e.Message, want)
		}
	}
}

type failing struct{ err error }

func (f failing) RoundTrip(*http.Request) (*http.Response, error) { return nil, f.err }

// TestDeadConnection checks that a request on a connection that died while idle arrives once.
func TestDeadConnection(t *testing.T) {
	var uploads atomic.Int32
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		uploads.Add(1)
		_, _ = io.WriteString(w, body("success", 1))
	})
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	c := newClient(t, clevertap.Options{Endpoint: parse(t, server.URL)})
	for i := range 5 {
		before := uploads.Load()
		_, err := c.Upload(t.Context(), records(1), false)
		if e, ok := errors.AsType[*clevertap.Error](err); ok && e.Kind == clevertap.Unsent && uploads.Load() != before {
			t.Errorf("upload %d arrived, but the error says that it was not sent: %v", i, e)
		}
		if got := uploads.Load() - before; got > 1 {
			t.Errorf("upload %d arrived %d times", i, got)
		}
		server.CloseClientConnections()
	}
}

func TestNew(t *testing.T) {
	good := clevertap.Options{Name: "production", AccountID: "A", Passcode: passcode, Region: "eu1"}
	tests := []struct {
		name   string
		change func(*clevertap.Options)
		says   string // "": no error
	}{
		{"good", func(*clevertap.Options) {}, ""},
		{"pasted with white space", func(o *clevertap.Options) { o.AccountID, o.Passcode = " A\n", passcode+"\r\n" }, ""},
		{"no account id", func(o *clevertap.Options) { o.AccountID = " " }, "no account_id"},
		{"no passcode", func(o *clevertap.Options) { o.Passcode = "" }, "no passcode"},
		{"two lines", func(o *clevertap.Options) { o.Passcode = passcode + "\nX-Evil: 1" }, "passcode contains"},
		{"not ASCII", func(o *clevertap.Options) { o.AccountID = "Ä" }, "account_id contains"},
		{"unknown region", func(o *clevertap.Options) { o.Region = "uk1" }, "eu1, in1, sg1, sk1, us1, aps3, mec1"},
		{"no region", func(o *clevertap.Options) { o.Region = "" }, "unknown region"},
		{"endpoint instead of a region", func(o *clevertap.Options) { o.Region, o.Endpoint = "", &url.URL{Scheme: "https", Host: "h"} }, ""},
		{"endpoint without host", func(o *clevertap.Options) { o.Endpoint = &url.URL{Scheme: "https"} }, "endpoint"},
		{"endpoint of another scheme", func(o *clevertap.Options) { o.Endpoint = &url.URL{Scheme: "ftp", Host: "h"} }, "endpoint"},
	}
	for _, test := range tests {
		o := good
		test.change(&o)
		_, err := clevertap.New(o)
		switch {
		case test.says == "" && err != nil:
			t.Errorf("%s: %v", test.name, err)
		case test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says) || !strings.Contains(err.Error(), "production") || strings.Contains(err.Error(), passcode)):
			t.Errorf("%s: got %v, want an error with %q", test.name, err, test.says)
		}
	}
}

func TestRegions(t *testing.T) {
	want := map[string]string{
		"eu1": "https://api.clevertap.com", "in1": "https://in1.api.clevertap.com", "sg1": "https://sg1.api.clevertap.com",
		"sk1": "https://sk1.api.clevertap.com", "us1": "https://us1.api.clevertap.com", "aps3": "https://aps3.api.clevertap.com", "mec1": "https://mec1.api.clevertap.com",
	}
	if got := clevertap.Regions(); len(got) != len(want) || !slices.Contains(got, "aps3") {
		t.Errorf("Regions: %v", got)
	}
	for _, region := range clevertap.Regions() {
		if got, err := clevertap.RegionURL(region); err != nil || got.String() != want[region] {
			t.Errorf("%s: got %v, %v; want %s", region, got, err, want[region])
		}
	}
	for _, region := range []string{"", "EU1", "in1.evil.example/", "in2"} {
		if got, err := clevertap.RegionURL(region); err == nil {
			t.Errorf("%q: got %v", region, got)
		}
	}
}
