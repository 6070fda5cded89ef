// Package webtest has an engine with a ledger for tests of the HTTP side, and a browser without
// JavaScript.
package webtest

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/plan"
	"github.com/rowtap/rowtap/internal/row"
)

// Token is the API's token in tests.
const Token = "secret-token"

// Engine is an engine with its ledger.
type Engine struct {
	*engine.Engine
	Ledger *ledger.Ledger
}

// settings has the accounts of the zaps of New, which do not exist.
const settings = `google_accounts: {marketing: {credentials_file: google.json, endpoint: "http://127.0.0.1:9/"}}
clevertap_accounts: {production: {account_id: A, passcode: P, endpoint: "http://127.0.0.1:9"}}
`

const zapFile = `enabled: true
schedule: "@every 1h"
trigger: {app: google_sheets, event: new_spreadsheet_row, account: marketing, spreadsheet: book, worksheet: Signups}
action: {app: clevertap, event: create_update_user_profile, account: production, identity: "{{Email}}"}
`

// New returns an engine with zaps of these names, and a ledger with one held delivery: old/1, of
// sheet row 7.
func New(t *testing.T, zaps ...string) *Engine {
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
		SpreadsheetID: "book", Title: "Signups", Cursor: CursorIn([]byte{1}),
		Header: row.HeaderOf([]string{"Email", "", "Score"}), Action: "upload_event", At: at,
		New: []ledger.NewRow{{
			State: ledger.Held, Reason: "may be an edit of row 4",
			Row: row.Row{Number: 7, Cells: []row.Cell{row.TextCell("a@example.com"), row.BoolCell(false), row.NumberCell(12)}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	e := &Engine{Ledger: l}
	e.Hide(t, ledger.Hides{})
	dir := t.TempDir()
	files := map[string]string{"rowtap.yaml": "{}\n"}
	if len(zaps) > 0 {
		files["rowtap.yaml"] = settings
		files["google.json"] = `{"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r"}`
	}
	for _, name := range zaps {
		files["zaps/"+name+".yaml"] = zapFile
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	load := func() (*plan.Plan, error) { return plan.Load(dir, os.LookupEnv, "test") }
	loaded, err := load()
	if err != nil {
		t.Fatal(err)
	}
	e.Engine, err = engine.New(engine.Options{Plan: loaded, Ledger: l, Load: load, Log: zap.NewNop(), Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// Hide records what the zap old redacts.
func (e *Engine) Hide(t *testing.T, hides ledger.Hides) {
	t.Helper()
	hides.Known = true
	if err := e.Ledger.KeepHides(t.Context(), map[string]ledger.Hides{"old": hides}); err != nil {
		t.Fatal(err)
	}
}

// Fill adds held deliveries of the zap old, in sheet rows from 10.
func (e *Engine) Fill(t *testing.T, rows int) {
	t.Helper()
	p := ledger.Poll{
		SpreadsheetID: "book", Title: "Signups", Cursor: CursorIn([]byte{1}),
		Header: row.HeaderOf([]string{"Email"}), Action: "upload_event", At: time.Date(2026, 11, 24, 11, 0, 0, 0, time.UTC),
	}
	for i := range rows {
		p.New = append(p.New, ledger.NewRow{State: ledger.Held, Row: row.Row{Number: i + 10, Cells: []row.Cell{row.TextCell("a@example.com")}}})
	}
	if _, err := e.Ledger.Commit(t.Context(), "old", p); err != nil {
		t.Fatal(err)
	}
}

// CursorIn returns a cursor of chunks.
func CursorIn(chunks ...[]byte) func(uint64) ledger.CursorUpdate {
	return func(uint64) ledger.CursorUpdate {
		return ledger.CursorUpdate{Chunks: len(chunks), Changed: slices.All(chunks)}
	}
}

// CursorOf returns a cursor of rows whose cells are unknown.
func CursorOf(rows ...detect.Seen) func(uint64) ledger.CursorUpdate {
	return CursorIn(detect.Cursor{Columns: []string{"Email"}, Rows: rows, Cells: make([]uint32, len(rows)), Next: 2}.Encode()...)
}

// Request returns a request with the token.
func Request(t testing.TB, method, path, body string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	r.Host = "localhost"
	r.Header.Set("Authorization", "Bearer "+Token)
	return r
}

// Ask sends a request with the token and returns status and body.
func Ask(t *testing.T, h http.Handler, method, path, body string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, Request(t, method, path, body))
	return w.Code, w.Body.String()
}

// Browser keeps cookies and runs no scripts.
type Browser struct {
	t    *testing.T
	Base string
	HTTP *http.Client
}

// NewBrowser returns a browser for a handler, with no session.
func NewBrowser(t *testing.T, h http.Handler) *Browser {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &Browser{t, srv.URL, &http.Client{Jar: jar}}
}

// Get opens the page at a path and follows redirects.
func (b *Browser) Get(path string) (status int, at, body string) {
	b.t.Helper()
	return b.do(b.request(http.MethodGet, path, nil))
}

func (b *Browser) request(method, path string, body io.Reader) *http.Request {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.Base+path, body)
	if err != nil {
		b.t.Fatal(err)
	}
	return req
}

// Submit sends a form, whose names and values alternate, and follows redirects.
func (b *Browser) Submit(path string, fields ...string) (status int, at, body string) {
	b.t.Helper()
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Add(fields[i], fields[i+1])
	}
	req := b.request(http.MethodPost, path, strings.NewReader(form.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", b.Base)
	return b.do(req)
}

func (b *Browser) do(req *http.Request) (status int, at, body string) {
	b.t.Helper()
	resp, err := b.HTTP.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp.StatusCode, resp.Request.URL.RequestURI(), string(text)
}

// Leads fails unless a path redirects to an address with the given end.
func (b *Browser) Leads(path, end string) {
	b.t.Helper()
	stay := *b.HTTP
	stay.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := stay.Do(b.request(http.MethodGet, path, nil))
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	if to := resp.Header.Get("Location"); resp.StatusCode != http.StatusFound || !strings.HasSuffix(to, end) {
		b.t.Errorf("%s: %s, to %q, want an address that ends in %q", path, resp.Status, to, end)
	}
}

// between is white space with a line break, between two elements.
var between = regexp.MustCompile(`>\s*\n\s*<`)

// Flat returns a page without the line breaks and indentation between its elements.
func Flat(body string) string { return between.ReplaceAllString(body, "><") }

// Sees fails unless a page has a status and contains all texts, with or without line breaks between
// its elements.
func (b *Browser) Sees(what string, status, want int, body string, texts ...string) {
	b.t.Helper()
	if status != want {
		b.t.Fatalf("%s: status %d, want %d: %s", what, status, want, body)
	}
	for _, text := range texts {
		if !strings.Contains(body, text) && !strings.Contains(Flat(body), text) {
			b.t.Errorf("%s: %q is not in the page:\n%s", what, text, body)
		}
	}
}
