package web

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/plan"
	"github.com/rowtap/rowtap/internal/row"
)

const token = "secret-token"

// open returns a handler over an engine without zaps and a ledger with one held delivery.
func open(t *testing.T) (http.Handler, *opened) {
	t.Helper()
	l, err := ledger.Open(ledger.Options{Path: filepath.Join(t.TempDir(), "rowtap.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	at := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	_, err = l.Commit(t.Context(), "old", ledger.Poll{
		SpreadsheetID: "book", Title: "Signups", Cursor: cursorIn([]byte{1}),
		Header: row.HeaderOf([]string{"Email", "", "Score"}), Action: "upload_event", At: at,
		New: []ledger.NewRow{{
			State: ledger.Held, Reason: "may be an edit of row 4",
			Row: row.Row{Number: 7, Cells: []row.Cell{row.TextCell("a@example.com"), row.BoolCell(false), row.NumberCell(12)}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	keep(t, l, ledger.Hides{})
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "rowtap.yaml"), []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	plan, err := plan.Load(dir, os.LookupEnv, "test")
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.New(engine.Options{Plan: plan, Ledger: l, Log: zap.NewNop(), Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return New(Options{Engine: e, Token: config.NewSecret(token), Hosts: []string{"rowtap.example.com"}, Log: zap.NewNop()}), &opened{e, l}
}

// opened is an engine, with its ledger at hand.
type opened struct {
	*engine.Engine
	ledger *ledger.Ledger
}

// Ledger returns the engine's ledger.
func (o *opened) Ledger() *ledger.Ledger { return o.ledger }

// keep has the ledger keep what the zap hid.
func keep(t *testing.T, l *ledger.Ledger, hides ledger.Hides) {
	t.Helper()
	hides.Known = true
	if err := l.KeepHides(t.Context(), map[string]ledger.Hides{"old": hides}); err != nil {
		t.Fatal(err)
	}
}

func TestWhoMayAsk(t *testing.T) {
	h, _ := open(t)
	const good = "Bearer " + token
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
			var p Problem
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.Status != tt.want || p.Detail == "" {
				t.Errorf("%s: no problem in the body: %s", tt.name, w.Body)
			}
		}
	}
}

// TestCrossSite sends what a browser adds to requests without an Origin.
func TestCrossSite(t *testing.T) {
	h, _ := open(t)
	for site, want := range map[string]int{"": 404, "same-origin": 404, "none": 404, "cross-site": 403, "same-site": 403} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/v1/zaps/x/pause", nil)
		r.Host = "localhost"
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Sec-Fetch-Site", site)
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != want {
			t.Errorf("Sec-Fetch-Site %q: %d, want %d", site, w.Code, want)
		}
	}
}

// ask sends a request with the token and returns status and body.
func ask(t *testing.T, h http.Handler, method, path, body string) (int, string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	r.Host = "localhost"
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func TestDeliveries(t *testing.T) {
	h, _ := open(t)
	status, body := ask(t, h, "GET", "/api/v1/deliveries?zap=old&state=held", "")
	var list []map[string]any
	if err := json.Unmarshal([]byte(body), &list); status != 200 || err != nil || len(list) != 1 {
		t.Fatalf("%d %s", status, body)
	}
	want := map[string]any{
		"id": "old/1", "zap": "old", "row": 7.0, "state": "held", "action": "upload_event", "identity": "",
		"detected_at": "2026-11-24T10:00:00Z", "updated_at": "2026-11-24T10:00:00Z", "attempts": 0.0,
		"maybe_twice": false, "shadow": false, "error": nil, "reason": "may be an edit of row 4",
	}
	for key, value := range want {
		if list[0][key] != value {
			t.Errorf("%s = %v, want %v", key, list[0][key], value)
		}
	}
	status, body = ask(t, h, "GET", "/api/v1/deliveries/old/1", "")
	if want := `"cells":{"Email":"a@example.com","B":false,"Score":12}`; status != 200 || !strings.Contains(body, want) {
		t.Errorf("%d %s, want %s in it", status, body, want)
	}
	bad := []struct {
		method, path, body string
		want               int
	}{
		{"GET", "/api/v1/deliveries?state=sold", "", 400},
		{"GET", "/api/v1/deliveries?limit=-1", "", 400},
		{"GET", "/api/v1/deliveries?row=x", "", 400},
		{"GET", "/api/v1/deliveries/old/2", "", 404},
		{"GET", "/api/v1/deliveries/old/x", "", 400},
		{"POST", "/api/v1/deliveries/explode", "{}", 404},
		{"POST", "/api/v1/deliveries/replay", "", 400},
		{"POST", "/api/v1/deliveries/replay", `{"ids":`, 400},
		{"POST", "/api/v1/deliveries/replay", `{"idz":[]}`, 400},
		{"POST", "/api/v1/deliveries/replay", `{"ids":["nonsense"]}`, 400},
		{"POST", "/api/v1/deliveries/replay", `{"ids":["` + strings.Repeat("x", maxBody) + `"]}`, 413},
		{"POST", "/api/v1/zaps/nope/poll", "", 404},
	}
	for _, tt := range bad {
		if status, body := ask(t, h, tt.method, tt.path, tt.body); status != tt.want {
			t.Errorf("%s %s %.40s = %d %s, want %d", tt.method, tt.path, tt.body, status, body, tt.want)
		}
	}
}

func TestActIsTold(t *testing.T) {
	h, e := open(t)
	events, cancel := e.Subscribe()
	defer cancel()
	if status, body := ask(t, h, "POST", "/api/v1/deliveries/discard", `{"ids":["old/1"]}`); status != 200 ||
		!strings.Contains(body, `"count":1,"ids":["old/1"]`) {
		t.Fatalf("%d %s", status, body)
	}
	if ev := <-events; ev.State != ledger.Discarded || ev.Number != 1 {
		t.Errorf("event %+v, want old/1 discarded", ev)
	}
	if status, body := ask(t, h, "POST", "/api/v1/deliveries/discard", `{"ids":["old/1"]}`); status != 200 || !strings.Contains(body, `"count":0`) {
		t.Errorf("again: %d %s, want a count of 0", status, body)
	}
}

func TestEvents(t *testing.T) {
	h, _ := open(t)
	srv := httptest.NewServer(h)
	defer srv.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL+"/api/v1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Scan() // the greeting: the stream is open
	if status, body := ask(t, h, "POST", "/api/v1/deliveries/release", `{"zap":"old","state":"held"}`); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	for lines.Scan() {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			if want := `{"id":"old/1","zap":"old","state":"queued"`; !strings.HasPrefix(data, want) {
				t.Errorf("event %s, want %s…", data, want)
			}
			return
		}
	}
	t.Errorf("the stream ended: %v", lines.Err())
}

func TestBackupOpens(t *testing.T) {
	h, _ := open(t)
	status, body := ask(t, h, "GET", "/api/v1/state/backup", "")
	path := filepath.Join(t.TempDir(), "copy.db")
	if err := os.WriteFile(path, []byte(body), 0o600); err != nil || status != 200 {
		t.Fatal(status, err)
	}
	l, err := ledger.Open(ledger.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if _, found, err := l.Delivery(t.Context(), "old", 1); err != nil || !found {
		t.Errorf("the copy lacks old/1: %v %v", found, err)
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
