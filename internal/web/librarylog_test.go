package web

import (
	"bufio"
	"context"
	"fmt"
	stdlog "log"
	"net"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

func TestLibraryLog(t *testing.T) {
	for message, want := range map[string]string{
		`Unsolicited response received on idle HTTP channel starting with "a@b.c \"x\" \xff"; err=<nil>`: `Unsolicited response received on idle HTTP channel starting with "…"; err=<nil>`,
		`malformed HTTP response "a@b.c`:                                         `malformed HTTP response "…"`,
		`malformed MIME header line: a@b.c`:                                      `malformed MIME header line:"…"`,
		"http: Accept error: too many open files; retrying in 5ms":               "http: Accept error: too many open files; retrying in 5ms",
		"http: one\n{\"forged\":\"a@b.c\"}\x1b[2J":                               "http: one",
		"http: panic serving 1.2.3.4:5: oh\ngoroutine 1 [running]:\nmain.main()": "http: panic serving 1.2.3.4:5: oh",
	} {
		core, logged := observer.New(zapcore.DebugLevel)
		LibraryLog(zap.New(core)).Print(message)
		lines := logged.All()
		if len(lines) != 1 || lines[0].ContextMap()["detail"] != want || strings.Contains(fmt.Sprint(lines), "a@b.c") {
			t.Errorf("%q is logged as %v", message, lines)
		}
		if stack, _ := lines[0].ContextMap()["stack"].(string); strings.Contains(message, "panic") != strings.Contains(stack, "main.main()") {
			t.Errorf("%q is logged with the stack %q", message, stack)
		}
	}
}

// A server that sends more than one response has the transport log the bytes.
func TestUnsolicitedResponse(t *testing.T) {
	core, logged := observer.New(zapcore.DebugLevel)
	told := make(chan bool)
	to, flags := stdlog.Writer(), stdlog.Flags()
	stdlog.SetFlags(0)
	stdlog.SetOutput(writerFunc(func(b []byte) (int, error) {
		defer close(told)
		return LibraryLog(zap.New(core)).Writer().Write(b)
	}))
	defer func() { stdlog.SetOutput(to); stdlog.SetFlags(flags) }()

	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	read := make(chan bool)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		if _, err := http.ReadRequest(bufio.NewReader(conn)); err != nil {
			return
		}
		fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		<-read
		fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nX-Secret: a@b.c\r\nContent-Length: 0\r\n\r\n")
		<-told
	}()
	client := &http.Client{Transport: &http.Transport{}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+l.Addr().String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	close(read)
	<-told
	if lines := fmt.Sprint(logged.All()); !strings.Contains(lines, "Unsolicited response") || strings.Contains(lines, "a@b.c") || strings.Contains(lines, "HTTP/1.1") {
		t.Errorf("logged %s", lines)
	}
}

// What the server logs, such as a handler's panic, goes to the daemon's log.
func TestServerLogs(t *testing.T) {
	core, logged := observer.New(zapcore.DebugLevel)
	ctx, cancel := context.WithCancel(t.Context())
	l, err := Listen(ctx, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() {
		served <- Serve(ctx, l, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(`oh "a@b.c"`) }), zap.New(core))
	}()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+l.Addr().String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := (&http.Client{Transport: &http.Transport{}}).Do(req); err == nil {
		resp.Body.Close()
		t.Error("a handler that panics responds")
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
	lines := logged.All()
	if len(lines) != 1 || lines[0].Level != zapcore.ErrorLevel || !strings.Contains(fmt.Sprint(lines[0].ContextMap()), "librarylog_test.go") ||
		strings.Contains(fmt.Sprint(lines), "a@b.c") {
		t.Errorf("logged %v", lines)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }
