package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/rowtap/rowtap/internal/clevertap"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/plan"
	"github.com/rowtap/rowtap/internal/sandbox"
	"github.com/rowtap/rowtap/internal/sandbox/lab"
)

// bubble is an engine that runs against a sandbox without sockets: its real clients reach the
// sandbox through a wire, so that in a synctest bubble hours of timeouts and retries pass at once.
// The accounts named witness, of Google and of CleverTap, belong to another sandbox, which never
// fails.
type bubble struct {
	*rig
	witness   *lab.Sandbox
	google    *wire // of account marketing
	cleverTap *wire // of account production
	clock     *shiftedClock
	options   func(*Options) // changes those of engines made by open; nil: none
}

const bubbleSettings = `google_accounts:
  marketing: {credentials_file: google.json, reads_per_minute: 6000, endpoint: "http://127.0.0.1:9/"}
  witness: {credentials_file: witness.json, reads_per_minute: 6000, endpoint: "http://127.0.0.1:9/"}
clevertap_accounts:
  production: {account_id: TEST-000-000-000Z, passcode: SBX-PASS-0000, endpoint: "http://127.0.0.1:9", on_unknown: %s}
  witness: {account_id: TEST-000-000-000Z, passcode: SBX-PASS-0000, endpoint: "http://127.0.0.1:9"}
state: {path: state/rowtap.db}
`

const bubbleZap = `enabled: true
schedule: "@every 1m"
trigger: {app: google_sheets, event: new_spreadsheet_row, account: %s, spreadsheet: book, worksheet: Signups, start: beginning, max_new_rows: 0}
action:
  app: clevertap
  event: %s
  account: %s
  identity: "{{Email}}"
  properties: {Score: "{{Score}}"}
`

func bubbleProfiles() string {
	return fmt.Sprintf(bubbleZap, "marketing", "create_update_user_profile", "production")
}

func bubbleEvents() string {
	return fmt.Sprintf(bubbleZap, "marketing", "upload_event\n  event_name: Signup", "production")
}

func bubbleWitness() string {
	return fmt.Sprintf(bubbleZap, "witness", "upload_event\n  event_name: Signup", "witness")
}

// newBubble makes an engine of zaps in a synctest bubble and starts it. It is stopped when the test
// ends.
func newBubble(t *testing.T, onUnknown string, zaps map[string]string) *bubble {
	t.Helper()
	b := readyBubble(t, onUnknown, zaps)
	b.start(t)
	return b
}

// readyBubble is newBubble without starting the engine.
func readyBubble(t *testing.T, onUnknown string, zaps map[string]string) *bubble {
	t.Helper()
	box, key := newBox(t)
	witness, witnessKey := newBox(t)
	files := map[string]string{
		"rowtap.yaml": fmt.Sprintf(bubbleSettings, onUnknown), "google.json": key, "witness.json": witnessKey,
	}
	for name, text := range zaps {
		files["zaps/"+name+".yaml"] = text
	}
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b := &bubble{
		rig: &rig{box: box, dir: dir}, witness: witness, clock: &shiftedClock{},
		google: &wire{handler: box.Handler()}, cleverTap: &wire{handler: box.Handler()},
	}
	b.open(t)
	return b
}

// newBox makes a sandbox with the worksheet Signups of the spreadsheet book, and a key for it.
func newBox(t *testing.T) (*lab.Sandbox, string) {
	t.Helper()
	box, err := lab.New(sandbox.Options{ReadsPerMinute: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(box.Close)
	if err := box.Sheets().AddSpreadsheet("book", "Book", "Etc/UTC"); err != nil {
		t.Fatal(err)
	}
	if err := box.Sheets().AddWorksheet("book", "Signups", 0, []sandbox.Value{sandbox.Text("Email"), sandbox.Text("Score")}); err != nil {
		t.Fatal(err)
	}
	key, err := box.AuthorizedUserKey("http://127.0.0.1:9/token")
	if err != nil {
		t.Fatal(err)
	}
	return box, string(key)
}

// open makes an engine from the configuration and the state file.
func (b *bubble) open(t *testing.T) {
	t.Helper()
	loaded, err := plan.Load(b.dir, os.LookupEnv, "rowtap/test")
	if err != nil {
		t.Fatal(err)
	}
	well := &wire{handler: b.witness.Handler()}
	loaded.Google["marketing"].Options.Transport, loaded.Google["witness"].Options.Transport = b.google, well
	for name, w := range map[string]*wire{"production": b.cleverTap, "witness": well} {
		a := loaded.Config.CleverTapAccounts[name]
		loaded.CleverTap[name], err = clevertap.New(clevertap.Options{
			Name: name, AccountID: a.AccountID, Passcode: a.Passcode.Reveal(), Endpoint: a.Endpoint, Transport: w,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	l, err := ledger.Open(ledger.Options{Path: loaded.Config.State.Path})
	if err != nil {
		t.Fatal(err)
	}
	o := Options{
		Plan: loaded, Ledger: l, Log: zaptest.NewLogger(t, zaptest.Level(zap.ErrorLevel)), Version: "test", Now: b.clock.now,
		Load: func() (*plan.Plan, error) { return nil, errors.New("not in a bubble") },
	}
	if b.options != nil {
		b.options(&o)
	}
	if b.Engine, err = New(o); err != nil {
		t.Fatal(err)
	}
}

// start runs the engine until the test ends, and waits for the first polls.
func (b *bubble) start(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := b.ledger.Close(); err != nil {
			t.Error(err)
		}
	})
	b.pass(time.Second)
}

// pass lets time pass.
func (b *bubble) pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// until lets time pass until a condition holds, and returns how long that took. It fails the test
// after longest.
func (b *bubble) until(t *testing.T, what string, longest time.Duration, holds func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	for !holds() {
		if time.Since(began) > longest {
			t.Errorf("%s: not within %s; states %s", what, longest, b.all(t))
			break
		}
		b.pass(time.Second)
	}
	return time.Since(began)
}

// add adds rows EMAIL, SCORE to the worksheets of both sandboxes.
func (b *bubble) add(t *testing.T, rows ...[2]string) {
	t.Helper()
	for _, box := range []*lab.Sandbox{b.box, b.witness} {
		for _, row := range rows {
			if _, err := box.Sheets().Append("book", "Signups", []sandbox.Value{sandbox.Parse(row[0]), sandbox.Parse(row[1])}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// marked is states with a capital letter for each delivery that is marked 'maybe twice'.
func (b *bubble) marked(t *testing.T, name string) string {
	t.Helper()
	letters := []byte(b.states(t, name))
	ds, err := b.Deliveries(t.Context(), ledger.Query{Zap: name})
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range ds {
		if d.MaybeTwice {
			at := len(letters) - 1 - i
			letters[at] -= 'a' - 'A'
		}
	}
	return string(letters)
}

// all returns marked for zaps p and e.
func (b *bubble) all(t *testing.T) string {
	t.Helper()
	return b.marked(t, "p") + " " + b.marked(t, "e")
}

// seen returns how often CleverTap accepted the records of the rows with the scores 1 to n, those
// of profiles and those of events. More than twice is a plus.
func (b *bubble) seen(t *testing.T, n int) string {
	t.Helper()
	count := map[string]map[int]int{"profile": {}, "event": {}}
	for _, r := range b.box.CleverTap().Records(sandbox.RecordQuery{}) {
		count[r.Type][int(scoreOf(t, r))]++
	}
	var s strings.Builder
	for _, kind := range []string{"profile", "event"} {
		for score := 1; score <= n; score++ {
			s.WriteByte("012++++"[min(count[kind][score], 3)])
		}
		s.WriteByte(' ')
	}
	return strings.TrimSpace(s.String())
}

func (b *bubble) account(t *testing.T, name string) AccountStatus {
	t.Helper()
	st, err := b.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range st.Accounts {
		if a.Account == name {
			return a
		}
	}
	t.Fatalf("no account %s", name)
	return AccountStatus{}
}

func (b *bubble) zap(t *testing.T, name string) ZapStatus {
	t.Helper()
	st, err := b.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, z := range st.Zaps {
		if z.Zap == name {
			return z
		}
	}
	t.Fatalf("no zap %s", name)
	return ZapStatus{}
}

// shiftedClock is the bubble's wall clock, which can be set.
type shiftedClock struct {
	mu sync.Mutex
	by time.Duration
}

func (c *shiftedClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return wallClock().Add(c.by)
}

func (c *shiftedClock) set(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.by = by
}

// wire is a RoundTripper to a handler.
type wire struct {
	handler http.Handler

	mu    sync.Mutex
	dead  bool        // connections are refused
	times []time.Time // of the requests
	looks int         // requests for a spreadsheet's worksheet titles
	// before, if not nil, is called when a request begins, before its body is read.
	before func()
}

// lookups returns the number of requests for a spreadsheet's worksheet titles.
func (w *wire) lookups() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.looks
}

// refuse makes the wire refuse connections, or stop doing so.
func (w *wire) refuse(dead bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dead = dead
}

// requests returns the number of requests so far.
func (w *wire) requests() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.times)
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	dead := w.dead
	w.times = append(w.times, time.Now())
	if strings.Contains(r.URL.Path, "/spreadsheets/") && !strings.Contains(r.URL.Path, "values") {
		w.looks++
	}
	before := w.before
	w.mu.Unlock()
	if before != nil {
		before()
	}
	if dead {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		_ = r.Body.Close()
	}
	if trace := httptrace.ContextClientTrace(r.Context()); trace != nil && trace.GetConn != nil {
		trace.GetConn("")
		trace.GotConn(httptrace.GotConnInfo{})
		trace.WroteHeaders()
	}
	answer := &answerWriter{header: http.Header{}, code: http.StatusOK}
	done := make(chan bool, 1)
	go func() {
		request := r.Clone(r.Context())
		request.RequestURI, request.Body = r.URL.RequestURI(), io.NopCloser(bytes.NewReader(body))
		request.Host = r.URL.Host
		done <- answer.serve(w.handler, request)
	}()
	select {
	case whole := <-done:
		return answer.response(r, whole)
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

// answerWriter buffers a response.
type answerWriter struct {
	header http.Header
	code   int
	wrote  bool
	body   bytes.Buffer
}

func (a *answerWriter) Header() http.Header { return a.header }

func (a *answerWriter) WriteHeader(code int) { a.code, a.wrote = code, true }

func (a *answerWriter) Write(b []byte) (int, error) {
	a.wrote = true
	return a.body.Write(b)
}

// serve reports whether the handler completed, that is, did not drop the connection.
func (a *answerWriter) serve(h http.Handler, r *http.Request) (whole bool) {
	defer func() {
		wrong := recover()
		if err, _ := wrong.(error); wrong != nil && !errors.Is(err, http.ErrAbortHandler) {
			panic(wrong)
		}
	}()
	h.ServeHTTP(a, r)
	return true
}

func (a *answerWriter) response(r *http.Request, whole bool) (*http.Response, error) {
	var body io.Reader = &a.body
	switch {
	case !whole && !a.wrote:
		return nil, &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	case !whole:
		body = io.MultiReader(body, brokenOff{})
	}
	return &http.Response{
		StatusCode: a.code, Status: http.StatusText(a.code), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: maps.Clone(a.header), Body: io.NopCloser(body), ContentLength: -1, Request: r,
	}, nil
}

type brokenOff struct{}

func (brokenOff) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
