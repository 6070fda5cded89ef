package cli

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/sandbox"
)

// CSV files of Excel and CRMs have a byte order mark, quotes and CRLF.
func TestCSVZapIdentity(t *testing.T) {
	for text, want := range map[string]string{
		"\ufeff\"Email\",\"First name\"\r\n\"asha@example.com\",\"Asha\"\r\n": `identity: "{{Email}}"`,
		"\ufeffName,\"User ID\"\n":              `identity: "{{User ID}}"`,
		"Name,Mobile\n":                         `identity: "{{Mobile}}"`,
		"A":                                     `identity: "{{A}}"`,
		"Name,Contact\nAsha,asha@example.com\n": `identity: "{{Contact}}"`, // as rowtap new does
		"\ufeff\"Full name\",\"E-mail address\"\r\nA,a@b.co": `identity: "{{E-mail address}}"`,
		"10%,2024-01-01\nx,y\n":                              `identity: "{{10%}}"`,
		"\"Name \"\"x\"\"\",Customer ID\n":                   `identity: "{{Customer ID}}"`,
	} {
		path := filepath.Join(t.TempDir(), "a.csv")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		recipe, err := csvZap(path)
		if err != nil || !strings.Contains(recipe, want) {
			t.Errorf("%q: %v, want %s in\n%s", text, err, want, recipe)
		}
	}
}

// The demo's sheet shows for each unsent row why it was not sent.
func TestDemoNotes(t *testing.T) {
	daemon := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(map[string]string{
			"failed":  `[{"id":"profiles/7","zap":"profiles","row":8,"state":"failed","error":{"code":516,"message":"not a phone number","column":"Mobile"}}]`,
			"held":    `[]`,
			"waiting": `[{"id":"events/6","zap":"events","row":7,"state":"waiting","reason":"waits for Email"}]`,
		}[r.URL.Query().Get("state")]))
	}))
	defer daemon.Close()
	notes, err := demoNotes(strings.TrimPrefix(daemon.URL, "http://"))(t.Context())
	want := []sandbox.Note{
		{Row: 8, Zap: "profiles", State: "failed", Why: "Mobile: 516: not a phone number", Link: daemon.URL + "/deliveries/profiles/7"},
		{Row: 7, Zap: "events", State: "waiting", Why: "waits for Email", Link: daemon.URL + "/deliveries/events/6"},
	}
	if err != nil || !slices.Equal(notes, want) {
		t.Errorf("%+v, %v; want %+v", notes, err, want)
	}
}

// TestStartedAs: the command to restart a program is the one it was started with, or go run for the
// temporary binary of go run.
func TestStartedAs(t *testing.T) {
	for arg, want := range map[string]string{
		"/tmp/go-build123/b001/exe/rowtap": "go run ./cmd/rowtap", "rowtap": "rowtap", "./rowtap": "./rowtap", "/usr/bin/rowtap": "/usr/bin/rowtap",
	} {
		if got := startedAs(arg); got != want {
			t.Errorf("startedAs(%q) = %q, want %q", arg, got, want)
		}
	}
}

// TestDemoInProcess runs the demo without a child process or signals, as every operating system can: rows arrive, a second demo
// takes another port, and nothing is left at the end.
func TestDemoInProcess(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp) // of Unix
	t.Setenv("TMP", temp)    // of Windows
	taken, _, err := listenLoopback(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if free, err := freeAddress(t.Context(), taken.Addr().String()); err != nil || free == taken.Addr().String() {
		t.Errorf("instead of %s, which is in use: %s, %v", taken.Addr(), free, err)
	}
	if err := taken.Close(); err != nil {
		t.Fatal(err)
	}
	if c, err := dialer("http://" + taken.Addr().String()); err != nil || !errors.Is(c.get(t.Context(), "/healthz", &struct{}{}), errRefused) {
		t.Errorf("where nobody listens: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	said, out := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := demo(ctx, demoOptions{listen: "127.0.0.1:0"}, out, io.Discard)
		_ = out.CloseWithError(err)
		ended <- err
	}()
	lines := bufio.NewScanner(said)
	var base, dir string
	for dir == "" && lines.Scan() {
		if at, ok := strings.CutPrefix(lines.Text(), "rowtap demo: "); ok {
			base = strings.TrimSuffix(at, "/")
		}
		if _, after, ok := strings.Cut(lines.Text(), " --config "); ok {
			dir = after
		}
	}
	go func() { _, _ = io.Copy(io.Discard, said) }() // until the demo closes it
	if base == "" || filepath.Dir(dir) != filepath.Clean(temp) {
		t.Fatalf("the demo says that it is at %q, with files in %q; temporary files are in %s: %v", base, dir, temp, lines.Err())
	}
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(base, "http://"))
	if err := eventually(ctx, 20*time.Millisecond, func(context.Context) bool { return demoAccepted(port) == "9" }); err != nil {
		t.Errorf("the records of the demo do not arrive: %v; accepted: %s", err, demoAccepted(port))
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("the demo ends with %v", err)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left in %s: %v, %v", temp, left, err)
	}
}
