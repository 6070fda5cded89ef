package web

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/web/api"
	"github.com/rowtap/rowtap/internal/web/problem"
	"github.com/rowtap/rowtap/internal/web/webtest"
)

const testToken = webtest.Token

// open returns the handler of an engine without zaps and with the delivery old/1.
func open(t *testing.T) (http.Handler, *webtest.Engine) {
	t.Helper()
	e := webtest.New(t)
	return New(Options{
		Engine: e.Engine, Token: config.NewSecret(webtest.Token), Hosts: []string{"rowtap.example.com"}, Log: zap.NewNop(),
	}), e
}

func TestWhoMayAsk(t *testing.T) {
	h, _ := open(t)
	const good = "Bearer " + testToken
	tests := []struct {
		name, method, path, host, auth, origin string
		want                                   int
	}{
		{"no token", "GET", "/api/v1/status", "127.0.0.1:8321", "", "", 401},
		{"wrong token", "GET", "/api/v1/status", "127.0.0.1:8321", "Bearer nope", "", 401},
		{"token", "GET", "/api/v1/status", "127.0.0.1:8321", good, "", 200},
		{"loopback names", "GET", "/api/v1/status", "localhost:8321", good, "", 200},
		{"IPv6 literal", "GET", "/api/v1/status", "[::1]:8321", good, "", 200},
		{"a name of its own", "GET", "/api/v1/status", "rowtap.example.com", good, "", 200},
		{"foreign host before the token", "GET", "/api/v1/status", "evil.example", "", "", 421},
		{"foreign host with the token", "GET", "/api/v1/status", "evil.example", good, "", 421},
		{"foreign host, metrics too", "GET", "/metrics", "evil.example", "", "", 421},
		{"own origin", "POST", "/api/v1/zaps/x/pause", "127.0.0.1:8321", good, "http://127.0.0.1:8321", 404},
		{"foreign origin before the token", "POST", "/api/v1/zaps/x/pause", "127.0.0.1:8321", "", "https://evil.example", 403},
		{"another program's page on this machine", "POST", "/api/v1/zaps/x/pause", "127.0.0.1:8321", good, "http://localhost:3000", 403},
		{"another machine's page", "POST", "/api/v1/zaps/x/pause", "127.0.0.1:8321", good, "http://198.51.100.7", 403},
		{"a named origin", "POST", "/api/v1/zaps/x/pause", "127.0.0.1:8321", good, "https://rowtap.example.com", 404},
		{"null origin", "POST", "/api/v1/zaps/x/pause", "127.0.0.1:8321", good, "null", 403},
		{"no health without a daemon's loop", "GET", "/healthz", "127.0.0.1:8321", "", "", 503},
		{"ready needs no token", "GET", "/readyz", "127.0.0.1:8321", "", "", 200},
		{"metrics need no token", "GET", "/metrics", "127.0.0.1:8321", "", "", 200},
		{"nothing there", "GET", "/api/v1/nope", "127.0.0.1:8321", good, "", 404},
		{"another method", "GET", "/api/v1/zaps/x/pause", "127.0.0.1:8321", good, "", 405},
		{"another method, of a list", "DELETE", "/api/v1/deliveries", "127.0.0.1:8321", good, "", 405},
		{"another method without the token", "DELETE", "/api/v1/deliveries", "127.0.0.1:8321", "", "", 401},
	}
	for _, tt := range tests {
		r := httptest.NewRequestWithContext(t.Context(), tt.method, tt.path, nil)
		r.Host = tt.host
		if tt.auth != "" {
			r.Header.Set("Authorization", tt.auth)
		}
		if tt.origin != "" {
			r.Header.Set("Origin", tt.origin)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != tt.want {
			t.Errorf("%s: %s %s = %d, want %d: %s", tt.name, tt.method, tt.path, w.Code, tt.want, w.Body)
		}
		if w.Code >= 400 {
			var p problem.Details
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.Status != tt.want || p.Detail == "" {
				t.Errorf("%s: no problem in the body: %s", tt.name, w.Body)
			}
		}
	}
}

func TestCrossSite(t *testing.T) {
	h, _ := open(t)
	for site, want := range map[string]int{"": 404, "same-origin": 404, "none": 404, "cross-site": 403, "same-site": 403} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/v1/zaps/x/pause", nil)
		r.Host = "localhost"
		r.Header.Set("Authorization", "Bearer "+testToken)
		r.Header.Set("Sec-Fetch-Site", site)
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != want {
			t.Errorf("Sec-Fetch-Site %q: %d, want %d", site, w.Code, want)
		}
	}
}

func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "api.sock")
	h, _ := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	l, err := Listen(ctx, "unix:"+path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("socket: %v %v, want mode 660", info, err)
	}
	served := make(chan error, 1)
	go func() { served <- Serve(ctx, l, h, zap.NewNop()) }()
	if _, err := Listen(ctx, "unix:"+path); err == nil || !strings.Contains(err.Error(), "another daemon") {
		t.Errorf("a second listener: %v, want an error that says who listens", err)
	}
	cancel()
	if err := <-served; err != nil {
		t.Errorf("Serve = %v after an asked stop", err)
	}
}

// TestStopping: a request learns whether the daemon stops or its client is gone. Only in the first
// case do event streams wait for the outcomes of uploads in flight.
func TestStopping(t *testing.T) {
	for _, stops := range []bool{true, false} {
		ctx, stop := context.WithCancel(t.Context())
		l, err := Listen(ctx, "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		began, cause := make(chan bool), make(chan error, 1)
		served := make(chan error, 1)
		go func() {
			served <- Serve(ctx, l, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				close(began)
				<-r.Context().Done()
				cause <- context.Cause(r.Context())
			}), zap.NewNop())
		}()
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", l.Addr().String())
		if err == nil {
			_, err = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
		}
		if err != nil {
			t.Fatal(err)
		}
		<-began
		if stops {
			stop()
		} else if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-cause; errors.Is(err, api.ErrStopping) != stops {
			t.Errorf("the daemon stops: %t; the cause is %v", stops, err)
		}
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
		_ = conn.Close() // perhaps closed before
	}
}
