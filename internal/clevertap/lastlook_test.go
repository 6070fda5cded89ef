package clevertap_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rowtap/rowtap/internal/clevertap"
)

// TestLastLook checks that an upload that the last look stops sends no byte of its records, on new
// and used connections of any kind; that nothing but sending follows the look; and that later
// uploads are sent.
func TestLastLook(t *testing.T) {
	for name, start := range map[string]func(*httptest.Server){
		"HTTP/1.1":          (*httptest.Server).Start,
		"HTTP/1.1 over TLS": (*httptest.Server).StartTLS,
		"HTTP/2":            func(s *httptest.Server) { s.EnableHTTP2 = true; s.StartTLS() },
	} {
		t.Run(name, func(t *testing.T) {
			var arrived atomic.Int64 // bytes of records
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if protocol, _, _ := strings.Cut(name, " "); !strings.HasPrefix(r.Proto, protocol) {
					t.Errorf("the request is %s", r.Proto)
				}
				n, _ := io.Copy(io.Discard, r.Body)
				arrived.Add(n)
				_, _ = io.WriteString(w, body("success", 2))
			}))
			start(server)
			t.Cleanup(server.Close)
			c := newClient(t, clevertap.Options{Endpoint: parse(t, server.URL), Transport: server.Client().Transport})

			var refusal error
			var looks, early atomic.Int64
			var connected atomic.Bool
			ctx := clevertap.WithLastLook(t.Context(), func() error {
				looks.Add(1)
				if !connected.Load() {
					early.Add(1)
				}
				return refusal
			})
			ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
				GetConn: func(string) { connected.Store(false) },
				GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
			})
			for i, stop := range []bool{true, false, true, true, false, false} {
				before := arrived.Load()
				looks.Store(0)
				if refusal = nil; stop {
					refusal = errors.New("the lease is over")
				}
				_, err := c.Upload(ctx, records(2), false)
				e, _ := errors.AsType[*clevertap.Error](err)
				switch got := arrived.Load() - before; {
				case stop && (e == nil || e.Kind != clevertap.Stopped || !errors.Is(err, refusal) || e.Kind.MayHaveArrived()):
					t.Errorf("upload %d: %v, want it stopped by the last look", i, err)
				case stop && !strings.Contains(err.Error(), "upload not sent: stopped just before sending: the lease is over"):
					t.Errorf("upload %d: %v", i, err)
				case stop && got != 0:
					t.Errorf("upload %d: %d bytes arrived though it was stopped", i, got)
				case !stop && (err != nil || got == 0):
					t.Errorf("upload %d: %v, %d bytes arrived", i, err, got)
				}
				if looks.Load() == 0 || early.Load() > 0 {
					t.Errorf("upload %d: %d last looks, %d of them before there was a connection", i, looks.Load(), early.Load())
				}
			}
		})
	}
}

// TestLastLookOfEachRequest checks that dry runs and probes have a last look.
func TestLastLookOfEachRequest(t *testing.T) {
	var requests atomic.Int64
	endpoint := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		requests.Add(1)
		_, _ = io.WriteString(w, body("success", 1))
	})
	c := newClient(t, clevertap.Options{Endpoint: endpoint})
	looks := 0
	ctx := clevertap.WithLastLook(t.Context(), func() error { looks++; return nil })
	for range 3 {
		if _, err := c.Upload(ctx, records(1), true); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Probe(ctx); err != nil {
		t.Fatal(err)
	}
	if requests.Load() != 4 || looks != 4 {
		t.Errorf("%d requests, %d last looks; want 4 of each", requests.Load(), looks)
	}
}

// TestLastLookThenAFault checks that once some of the records may have been sent, the error says
// so, whatever a later look says.
func TestLastLookThenAFault(t *testing.T) {
	c := newClient(t, clevertap.Options{Endpoint: parse(t, "http://127.0.0.1:9"), Transport: readThenAgain{}})
	looks := 0
	ctx := clevertap.WithLastLook(t.Context(), func() error {
		if looks++; looks > 1 {
			return errors.New("the lease is over")
		}
		return nil
	})
	if e := failure(t, ctx, c, 1); e.Kind != clevertap.NoResponse || looks != 2 {
		t.Errorf("got %v: %v after %d looks; want no response after 2", e.Kind, e, looks)
	}
}

// readThenAgain is a transport that sends a request twice and fails both times.
type readThenAgain struct{}

func (readThenAgain) RoundTrip(r *http.Request) (*http.Response, error) {
	if _, err := io.ReadAll(r.Body); err != nil {
		return nil, err
	}
	again, err := r.GetBody()
	if err != nil {
		return nil, err
	}
	if _, err := io.ReadAll(again); err != nil {
		return nil, err
	}
	return nil, context.DeadlineExceeded
}
