package web

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/web/proof"
)

// crowded serves an API with room for few connections.
func crowded(t *testing.T, most int) (address string, conns *connections) {
	t.Helper()
	_, e := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	l, err := Listen(ctx, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address = l.Addr().String()
	conns = newConnections()
	conns.most, conns.grace = most, time.Millisecond
	h := New(Options{Engine: e.Engine, Token: config.NewSecret(testToken), Listen: address, Log: zap.NewNop()})
	served := make(chan error, 1)
	go func() { served <- serve(ctx, l, h, zap.NewNop(), conns) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(e.Run(ctx), <-served); err != nil { // event streams end with the engine
			t.Error(err)
		}
	})
	return address, conns
}

// crowd opens connections that send text and then nothing.
func crowd(t *testing.T, address string, n int, text string) {
	t.Helper()
	for range n {
		var d net.Dialer
		conn, err := d.DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		_, _ = io.WriteString(conn, text) // it may have been closed already
	}
}

// Connections that only hold a place give it up: probes and commands get through, and who has the
// token keeps a stream.
func TestCrowdedListener(t *testing.T) {
	for name, text := range map[string]string{
		"nothing sent":     "",
		"half a header":    "GET /healthz HTTP/1.1\r\nHost: loc",
		"idle":             "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"half a body":      "POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\ntok",
		"half an API body": "POST /api/v1/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{",
	} {
		t.Run(name, func(t *testing.T) {
			const most = 8
			address, conns := crowded(t, most)
			base := "http://" + address
			client := &http.Client{Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			do := func(path string) *http.Response {
				resp, err := proof.NewClient(base, address, config.NewSecret(testToken), client).Do(t.Context(), "GET", path, nil, nil)
				if err != nil {
					t.Fatalf("%s: %v", path, err)
				}
				return resp
			}
			events := do("/api/v1/events")
			defer events.Body.Close()
			stream := bufio.NewReader(events.Body)
			if line, err := stream.ReadString('\n'); err != nil {
				t.Fatal(line, err)
			}
			for range 3 {
				crowd(t, address, 5*most, text)
				probe, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/readyz", nil)
				if err != nil {
					t.Fatal(err)
				}
				resp, err := client.Do(probe)
				if err != nil {
					t.Fatalf("a probe does not get through: %v", err)
				}
				resp.Body.Close()
				if resp.StatusCode != http.StatusOK {
					t.Errorf("the response to a probe is %s", resp.Status)
				}
				client.CloseIdleConnections()
				status := do("/api/v1/status")
				if b, err := io.ReadAll(status.Body); err != nil || !strings.Contains(string(b), `"zaps"`) {
					t.Errorf("status: %s %v", b, err)
				}
				status.Body.Close()
				conns.mu.Lock()
				if n := len(conns.open); n > most {
					t.Errorf("%d connections are open, at most %d may be", n, most)
				}
				conns.mu.Unlock()
			}
			discard := do("/api/v1/deliveries/old/1") // the stream is open still: it tells of what happens
			discard.Body.Close()
			post, err := proof.NewClient(base, address, config.NewSecret(testToken), client).
				Do(t.Context(), "POST", "/api/v1/deliveries/discard", []byte(`{"ids":["old/1"]}`), nil)
			if err != nil {
				t.Fatal(err)
			}
			post.Body.Close()
			for {
				line, err := stream.ReadString('\n')
				if err != nil {
					t.Fatalf("the stream was closed: %v", err)
				}
				if strings.HasPrefix(line, "data: ") {
					break
				}
			}
		})
	}
}

// Of all connections the one without a request is closed first, then the oldest without the token,
// then the oldest.
func TestWhichConnectionIsClosed(t *testing.T) {
	conns := &connections{most: 3, open: map[net.Conn]*connection{}}
	names := map[net.Conn]string{}
	open := func(name string) net.Conn {
		conn, other := net.Pipe()
		t.Cleanup(func() { _, _ = conn.Close(), other.Close() })
		names[conn] = name
		conns.context(t.Context(), conn)
		return conn
	}
	left := func(want string) {
		t.Helper()
		got := ""
		for _, name := range []string{"a", "b", "c", "d", "e", "f", "g"} {
			for conn := range conns.open {
				if names[conn] == name {
					got += fmt.Sprintf("%s%d ", name, conns.open[conn].use)
				}
			}
		}
		if got != want {
			t.Errorf("open are %q, want %q", got, want)
		}
	}
	a, b, c := open("a"), open("b"), open("c")
	conns.follow(a, http.StateActive)
	conns.follow(b, http.StateActive)
	conns.open[a].use = trusted
	left("a2 b1 c0 ")
	d := open("d")
	left("a2 b1 d0 ")
	conns.follow(d, http.StateActive)
	e := open("e")
	left("a2 d1 e0 ")
	conns.follow(a, http.StateIdle)
	open("f") // e is older than a's idleness
	left("a0 d1 f0 ")
	conns.follow(d, http.StateClosed)
	conns.follow(c, http.StateActive) // of one that was closed before
	conns.follow(e, http.StateClosed)
	left("a0 f0 ")
}

// However many come at once, each connection has time to send its request.
func TestNewConnectionsHaveGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const most, grace = 4, 50 * time.Millisecond
		conns := &connections{most: most, grace: grace, open: map[net.Conn]*connection{}}
		began := time.Now()
		for range 10 * most {
			conn, _ := net.Pipe()
			conns.context(t.Context(), conn)
		}
		if took := time.Since(began); took != 9*grace {
			t.Errorf("%d connections at once, %d at a time, took %v, want %v", 10*most, most, took, 9*grace)
		}
		for conn := range conns.open {
			conns.follow(conn, http.StateActive)
			conns.open[conn].use = trusted
		}
		began = time.Now()
		conn, _ := net.Pipe()
		if conns.context(t.Context(), conn); time.Since(began) != 0 || len(conns.open) != most {
			t.Errorf("where all have the token, a new one takes %v, and then %d are open", time.Since(began), len(conns.open))
		}
	})
}
