package web

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/web/proof"
)

// The daemon proves itself for its own addresses alone: any other may be that of a program that
// passes the question on.
func TestWhereTheDaemonProvesItself(t *testing.T) {
	_, e := open(t)
	srv := httptest.NewServer(New(Options{Engine: e.Engine, Token: config.NewSecret(testToken), Hosts: []string{"rowtap.example.com"}, Listen: "box.lan:8321", Log: zap.NewNop()}))
	defer srv.Close()
	_, port, err := net.SplitHostPort(srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]error{
		"127.0.0.1:" + port:          nil, // of the connection
		"box.lan:8321":               nil, // of http.listen
		"rowtap.example.com:443":     nil, // of http.hosts
		"127.0.0.1:1":                proof.ErrAddress,
		"127.0.0.2:" + port:          proof.ErrAddress,
		"[::1]:" + port:              proof.ErrAddress,
		"localhost:" + port:          proof.ErrAddress,
		"box.lan:8322":               proof.ErrAddress,
		"unix:/run/rowtap/api.sock":  proof.ErrAddress,
		"rowtap.example.com.evil:80": proof.ErrAddress,
	} {
		resp, err := proof.NewClient(srv.URL, address, config.NewSecret(testToken), srv.Client()).Do(t.Context(), "GET", "/api/v1/status", nil, nil)
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", address, err, want)
		}
		if err == nil {
			if b, err := io.ReadAll(resp.Body); resp.StatusCode != 200 || err != nil || !strings.Contains(string(b), `"zaps"`) {
				t.Errorf("%s: status is %d %s %v", address, resp.StatusCode, b, err)
			}
			resp.Body.Close()
		}
	}
}

func TestProofOverASocket(t *testing.T) {
	_, e := open(t)
	path := filepath.Join(t.TempDir(), "api.sock")
	ctx, cancel := context.WithCancel(t.Context())
	l, err := Listen(ctx, "unix:"+path)
	if err != nil {
		t.Fatal(err)
	}
	h := New(Options{Engine: e.Engine, Token: config.NewSecret(testToken), Listen: "unix:" + path, Log: zap.NewNop()})
	served := make(chan error, 1)
	go func() { served <- Serve(ctx, l, h, zap.NewNop()) }()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}}
	defer transport.CloseIdleConnections()
	for address, want := range map[string]error{"unix:" + path: nil, "unix:" + path + "2": proof.ErrAddress, "localhost:80": proof.ErrAddress} {
		resp, err := proof.NewClient("http://localhost", address, config.NewSecret(testToken), &http.Client{Transport: transport}).
			Do(t.Context(), "GET", "/api/v1/events", nil, nil)
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", address, err, want)
		}
		if err == nil {
			if line, err := bufio.NewReader(resp.Body).ReadString('\n'); line != ": rowtap\n" {
				t.Errorf("events begin with %q %v", line, err)
			}
			resp.Body.Close()
		}
	}
	cancel()
	if err := errors.Join(e.Run(ctx), <-served); err != nil { // event streams end with the engine
		t.Error(err)
	}
}

// A CLI gets the same problems as other clients, in responses with a MAC.
func TestProblemsOverAProof(t *testing.T) {
	h, _ := open(t)
	srv := httptest.NewServer(h)
	defer srv.Close()
	c := proof.NewClient(srv.URL, proof.Address(srv.URL), config.NewSecret(testToken), srv.Client())
	for _, tt := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"GET", "/api/v1/nope", "", 404, "there is nothing at"},
		{"DELETE", "/api/v1/status", "", 405, "does not support"},
		{"POST", "/api/v1/deliveries/replay", `{"ids":`, 400, "not the JSON expected"},
		{"POST", "/api/v1/deliveries/replay", `{"ids":["` + strings.Repeat("x", maxBody) + `"]}`, 413, "too large"},
	} {
		resp, err := c.Do(t.Context(), tt.method, tt.path, []byte(tt.body), nil)
		if err != nil {
			t.Errorf("%s %s: %v", tt.method, tt.path, err)
			continue
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != tt.status || !strings.Contains(string(b), tt.says) || err != nil {
			t.Errorf("%s %s: %d %s %v, want %d and %q", tt.method, tt.path, resp.StatusCode, b, err, tt.status, tt.says)
		}
	}
}

func TestNoProofWithoutAToken(t *testing.T) {
	_, e := open(t)
	srv := httptest.NewServer(New(Options{Engine: e.Engine, Log: zap.NewNop()}))
	defer srv.Close()
	resp, err := proof.NewClient(srv.URL, proof.Address(srv.URL), config.NewSecret(testToken), srv.Client()).Do(t.Context(), "GET", "/api/v1/status", nil, nil)
	if !errors.Is(err, proof.ErrAuthOff) {
		t.Errorf("%v, want %v", err, proof.ErrAuthOff)
	}
	if err == nil {
		resp.Body.Close()
	}
}

// A question is for everybody, but not from a foreign page or under a foreign name, and what is
// malformed is refused.
func TestQuestionsThatAreRefused(t *testing.T) {
	h, _ := open(t)
	const nonce = "00112233445566778899aabbccddeeff"
	for _, tt := range []struct {
		method, query, host string
		want                int
	}{
		{"GET", "nonce=" + nonce + "&address=rowtap.example.com:1", "localhost", 200},
		{"GET", "nonce=" + nonce + "&address=rowtap.example.com:1", "evil.example", 421},
		{"GET", "nonce=" + nonce + "&address=evil.example:1", "localhost", 421},
		{"GET", "nonce=" + nonce, "localhost", 400},
		{"GET", "nonce=link+until+1&address=rowtap.example.com:1", "localhost", 400},
		{"GET", "nonce=" + nonce + "&address=rowtap.example.com:" + strings.Repeat("1", 600), "localhost", 400},
		{"POST", "nonce=" + nonce + "&address=rowtap.example.com:1", "localhost", 401},
	} {
		r := httptest.NewRequestWithContext(t.Context(), tt.method, proof.Path+"?"+tt.query, nil)
		r.Host = tt.host
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != tt.want {
			t.Errorf("%s %s: %d %s, want %d", tt.method, tt.query, w.Code, w.Body, tt.want)
		}
	}
}
