package web

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// piped is a listener of one connection, whose other end is the caller's.
type piped struct {
	conns chan net.Conn
	done  chan struct{}
}

func (p piped) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p piped) Close() error   { close(p.done); return nil }
func (p piped) Addr() net.Addr { return &net.IPAddr{} }

// serveOne serves one request to a reader, and returns how long the handler took.
func serveOne(t *testing.T, h http.Handler, path string, read func(net.Conn)) (took time.Duration) {
	t.Helper()
	ours, theirs := net.Pipe()
	l := piped{make(chan net.Conn, 1), make(chan struct{})}
	l.conns <- theirs
	done := make(chan struct{})
	srv := &http.Server{ReadHeaderTimeout: time.Hour, ErrorLog: log.New(io.Discard, "", 0), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(done)
		began := time.Now()
		defer func() { took = time.Since(began) }()
		h.ServeHTTP(w, r)
	})}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	if _, err := io.WriteString(ours, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "+testToken+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	read(ours)
	<-done
	_ = ours.Close()
	if err := srv.Shutdown(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
	return took
}

// The handler of a stalled reader ends after readTimeout. A slow reader gets all of the response,
// however long it takes, and the time before a handler writes does not count.
func TestAStalledReaderIsLeft(t *testing.T) {
	const size, each, pause = 1 << 20, 16 << 10, 15 * time.Second
	var wrote error
	long := patient(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		wait(time.Minute)
		_, wrote = io.WriteString(w, strings.Repeat("x", size))
	}))
	stall := func(conn net.Conn) {
		if _, err := bufio.NewReader(conn).ReadString('\n'); err != nil {
			t.Error(err)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		if took := serveOne(t, long, "/", stall); wrote == nil || took != time.Minute+readTimeout {
			t.Errorf("a stalled reader: %s, %v; want an error after a minute of work and %s", took, wrote, readTimeout)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		took := serveOne(t, long, "/", func(conn net.Conn) {
			buffer := make([]byte, each)
			for got := 0; got < size; {
				n, err := io.ReadFull(conn, buffer)
				if got += n; err != nil {
					t.Errorf("after %d bytes: %v", got, err)
					return
				}
				wait(pause)
			}
			go func() { _, _ = io.Copy(io.Discard, conn) }()
		})
		if wrote != nil || took < size/each*pause {
			t.Errorf("a slow reader: %s, %v; want all of it", took, wrote)
		}
	})
	for _, path := range []string{"/api/v1/state/backup", "/api/v1/status", "/"} {
		synctest.Test(t, func(t *testing.T) {
			h, _ := open(t)
			if took := serveOne(t, h, path, stall); took != readTimeout && path == "/api/v1/state/backup" || took > readTimeout {
				t.Errorf("%s: a stalled reader holds it for %s, want %s", path, took, readTimeout)
			}
		})
	}
}

func wait(d time.Duration) { <-time.After(d) }
