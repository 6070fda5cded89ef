package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/rowtap/rowtap/internal/engine"
)

// pseudoTerminal opens a terminal, and its other end, which reads what the terminal shows.
func pseudoTerminal(t *testing.T) (terminal, shown *os.File) {
	t.Helper()
	shown, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = shown.Close() })
	number, err := unix.IoctlGetInt(int(shown.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(shown.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = terminal.Close() })
	return terminal, shown
}

// resize gives a terminal another size.
func resize(t *testing.T, terminal *os.File, rows, columns uint16) {
	t.Helper()
	if err := unix.IoctlSetWinsize(int(terminal.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: columns}); err != nil {
		t.Fatal(err)
	}
}

// TestStatusWatch: each tick shows the status in place, wrapped and cut to the terminal's size. A
// daemon that is gone is reported above its last status, until it is back. At the end the terminal
// has its former content, and the last status.
func TestStatusWatch(t *testing.T) {
	t.Setenv("NO_COLOR", "1")
	sent := func(n int64) engine.Status {
		return engine.Status{Zaps: []engine.ZapStatus{{Zap: "signups", State: engine.Running, Sent: n}}}
	}
	table := func(n int) string {
		return "ZAP      STATE    LAST POLL  NEXT POLL  WAITING  QUEUED  SENT  SKIPPED  FAILED  HELD  REASON\n" +
			fmt.Sprintf("signups  running  -          -          0        0       %d     0        0       0\n", n)
	}
	long := engine.Status{Zaps: []engine.ZapStatus{{Zap: "a", State: engine.Running}, {Zap: "b", State: engine.Running}, {Zap: "c", State: engine.Running}}}
	steps := []struct {
		status        engine.Status
		failure       int // of the response: a status, -1: no daemon, 0: none
		rows, columns uint16
		want          string // of the frame
	}{
		{sent(1), 0, 10, 100, "every 2 s; now 2026-11-30 00:00:00 UTC; Ctrl-C ends\n\n" + table(1)},
		{sent(2), 0, 10, 100, "every 2 s; now 2026-11-30 00:00:02 UTC; Ctrl-C ends\n\n" + table(2)},
		{sent(2), -1, 10, 100, "the connection to the daemon is lost; reconnecting\nstatus at 2026-11-30 00:00:02 UTC:\n\n" + table(2)},
		{sent(2), http.StatusServiceUnavailable, 10, 100, "the daemon starts\nnext: wait\nretrying; status at 2026-11-30 00:00:02 UTC:\n\n" + table(2)},
		{sent(3), 0, 10, 100, "every 2 s; now 2026-11-30 00:00:08 UTC; Ctrl-C ends\n\n" + table(3)},
		{long, 0, 5, 100, "every 2 s; now 2026-11-30 00:00:10 UTC; Ctrl-C ends\n\n" +
			"ZAP  STATE    LAST POLL  NEXT POLL  WAITING  QUEUED  SENT  SKIPPED  FAILED  HELD  REASON\n" +
			"a    running  -          -          0        0       0     0        0       0\n" +
			"… 2 lines more"},
		{sent(4), 0, 10, 80, "every 2 s; now 2026-11-30 00:00:12 UTC; Ctrl-C ends\n\n" +
			"ZAP      STATE    LAST POLL  NEXT POLL  WAITING  QUEUED  SENT  SKIPPED  FAILED  \nHELD  REASON\n" +
			"signups  running  -          -          0        0       4     0        0       \n0\n"},
	}
	terminal, shown := pseudoTerminal(t)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	asked := 0
	daemon := transportFunc(func(r *http.Request) (*http.Response, error) {
		step := steps[asked-1]
		switch {
		case step.failure < 0:
			return nil, syscall.ECONNREFUSED
		case step.failure > 0:
			return handlerTransport{http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(step.failure)
				_, _ = io.WriteString(w, `{"detail":"the daemon starts","hint":"wait"}`)
			})}.RoundTrip(r)
		}
		return handlerTransport{http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _ = printJSON(w, step.status) })}.RoundTrip(r)
	})
	c := &client{base: "http://localhost", http: &http.Client{Transport: daemon}, daemon: true}
	tick := make(chan time.Time)
	w := statusWatch{terminal, tick, clock{time.UTC}, func(ctx context.Context, to io.Writer) error {
		if asked == len(steps) {
			interrupt()
			return ctx.Err()
		}
		asked++
		resize(t, terminal, steps[asked-1].rows, steps[asked-1].columns)
		return printStatus(ctx, c, &globals{utc: true}, "", to, to)
	}}
	began := time.Date(2026, time.November, 30, 0, 0, 0, 0, time.UTC)
	ended := make(chan error, 1)
	go func() { ended <- w.run(ctx, began) }()
	for i := range steps {
		tick <- began.Add(time.Duration(i+1) * watchEvery)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if err := terminal.Close(); err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(shown)
	if !errors.Is(err, syscall.EIO) { // the terminal is closed
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(out), "\r\n", "\n")
	text, ok := strings.CutPrefix(text, "\x1b[?1049h")
	text, left, both := strings.Cut(text, "\x1b[?1049l")
	if !ok || !both || left != table(4) {
		t.Errorf("the terminal is left with %q", left)
	}
	frames := strings.Split(text, "\x1b[H")[1:]
	if len(frames) != len(steps) {
		t.Fatalf("%d frames, want %d", len(frames), len(steps))
	}
	for i, step := range steps {
		want := "\x1b[K" + strings.ReplaceAll(strings.TrimSuffix(step.want, "\n"), "\n", "\n\x1b[K")
		if strings.HasSuffix(step.want, "\n") { // not as high as the terminal
			want += "\n\x1b[J"
		}
		if diff := cmp.Diff(want, frames[i]); diff != "" {
			t.Errorf("frame %d (-want +got):\n%s", i+1, diff)
		}
	}
}

// transportFunc is a round tripper.
type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestStatusWatchEnds: it does not wait for a daemon whose token has changed.
func TestStatusWatchEnds(t *testing.T) {
	terminal, _ := pseudoTerminal(t)
	asked := 0
	tick := make(chan time.Time, 1)
	tick <- time.Time{}
	w := statusWatch{terminal, tick, clock{time.UTC}, func(context.Context, io.Writer) error {
		if asked++; asked > 1 {
			return &unauthorizedError{errors.New("the token is wrong")}
		}
		return nil
	}}
	if err := w.run(t.Context(), time.Time{}); !tokenRefused(err) || asked != 2 {
		t.Errorf("%v, asked %d times", err, asked)
	}
}

// TestStatusWatchProgram runs the real program on a terminal until Ctrl-C, with a daemon and with a
// standby, and where it is refused.
func TestStatusWatchProgram(t *testing.T) {
	var standby atomic.Bool
	daemon := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("since") == "" {
			t.Error("the request has no time")
		}
		if standby.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			_ = printJSON(w, map[string]any{"detail": "this machine is a standby", "machines": []engine.Machine{{Host: "host-b"}}})
			return
		}
		_ = printJSON(w, engine.Status{Total: &engine.Period{From: time.Unix(0, 0)}})
	}))
	defer daemon.Close()
	terminal, shown := pseudoTerminal(t)
	watch := func(kind string, args ...string) *exec.Cmd {
		cmd := program(t.TempDir(), "", append([]string{"status", "--watch", "--since", "1h"}, args...)...)
		cmd.Env = append(cmd.Env, "ROWTAP_URL="+daemon.URL, "TERM="+kind)
		return cmd
	}

	until := func(end string) (out string) {
		t.Helper()
		for some := make([]byte, 4096); !strings.Contains(out, end); {
			n, err := shown.Read(some)
			if err != nil {
				t.Fatal(err)
			}
			out += string(some[:n])
		}
		return out
	}
	for _, want := range [][]string{{"rows since ", "total"}, {"this machine is a standby", "MACHINE", "host-b"}} {
		cmd := watch("xterm")
		cmd.Stdout, cmd.Stderr = terminal, os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		out := until("\x1b[J")
		for _, text := range want {
			if !strings.Contains(out, text) {
				t.Errorf("it shows %q, want %q", out, text)
			}
		}
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("after Ctrl-C: %v", err)
		}
		until("\x1b[?1049l")
		standby.Store(true)
	}

	for _, tt := range []struct {
		kind, want string
		args       []string
		stdout     io.Writer
	}{
		{"xterm", "--watch needs a terminal\n", nil, nil},
		{"dumb", "--watch needs a terminal\n", nil, terminal},
		{"xterm", "--watch and --json cannot be combined\n", []string{"--json"}, terminal},
	} {
		var said bytes.Buffer
		cmd := watch(tt.kind, tt.args...)
		cmd.Stdout, cmd.Stderr = tt.stdout, &said
		err := cmd.Run()
		if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != exitUsage || !strings.Contains(said.String(), tt.want) {
			t.Errorf("TERM=%s %v: %v, %s; want %s", tt.kind, tt.args, err, &said, tt.want)
		}
	}
}
