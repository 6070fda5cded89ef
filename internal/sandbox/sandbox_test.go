package sandbox

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

const readonly = "https://www.googleapis.com/auth/spreadsheets.readonly"

// newSandbox returns a sandbox with only the spreadsheet "book", which has a worksheet T with the
// rows.
func newSandbox(t testing.TB, o Options, rows ...[]Value) *Sandbox {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	must(t, s.Sheets().AddSpreadsheet("book", "Book", "Europe/Paris"))
	must(t, s.Sheets().AddWorksheet("book", "T", 0, rows...))
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// bearer returns an access token with the scope.
func bearer(s *Sandbox, scope string) string {
	now := time.Now()
	return s.tokens.issue(grant{principal: serviceEmail, scopes: []string{scope}, expires: now.Add(tokenLife)}, now)
}

// get reads a path of the Sheets API and returns the response as compact JSON.
func get(t testing.TB, s *Sandbox, path string) (int, string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody)
	r.Header.Set("Authorization", "Bearer "+bearer(s, readonly))
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w.Code, compact(w.Body.String())
}

func compact(s string) string {
	var v json.RawMessage
	if json.Unmarshal([]byte(s), &v) != nil {
		return strings.TrimSpace(s)
	}
	b, err := json.Marshal(v)
	if err != nil {
		return s
	}
	return string(b)
}

func values(rng, query string) string {
	return "/v4/spreadsheets/book/values/" + url.PathEscape(rng) + "?" + query
}

// do sends a request to the admin API, or to CleverTap with valid credentials.
func do(t testing.TB, s *Sandbox, method, path, body string) (int, string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "http://127.0.0.1:9999"+path, strings.NewReader(body))
	if strings.HasPrefix(path, "/1/") {
		id, passcode := s.Credentials()
		r.Header.Set("X-CleverTap-Account-Id", id)
		r.Header.Set("X-CleverTap-Passcode", passcode)
		if method == http.MethodPost {
			r.Header.Set("Content-Type", "application/json; charset=utf-8")
		}
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w.Code, compact(w.Body.String())
}

// serve starts a server on loopback.
func serve(t testing.TB, s *Sandbox) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		s.Close()
		server.Close()
	})
	return server
}

func TestOnlyItsOwnPageReachesAdmin(t *testing.T) {
	s := newSandbox(t, Options{Page: true})
	tests := []struct {
		name, host, origin, site string
		want                     int
	}{
		{"curl", "127.0.0.1:9400", "", "", 200},
		{"localhost", "localhost:9400", "", "", 200},
		{"ipv6", "[::1]:9400", "", "", 200},
		{"its own page", "127.0.0.1:9400", "http://127.0.0.1:9400", "same-origin", 200},
		{"a foreign page", "127.0.0.1:9400", "https://evil.example", "cross-site", 403},
		{"a name pointed at loopback", "evil.example:9400", "", "", 421},
	}
	for _, tt := range tests {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://x/admin/sheets/book/append", http.NoBody)
		r.Host = tt.host
		if tt.origin != "" {
			r.Header.Set("Origin", tt.origin)
			r.Header.Set("Sec-Fetch-Site", tt.site)
		}
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		if w.Code != tt.want {
			t.Errorf("%s: got %d, want %d", tt.name, w.Code, tt.want)
		}
	}
}

func TestPageAsksForNothingOutside(t *testing.T) {
	s := newSandbox(t, Options{Page: true, Link: "http://127.0.0.1:8321/"})
	for path, want := range map[string]string{
		"/": "http://127.0.0.1:8321/", "/assets/page.js": "EventSource", "/assets/page.css": "prefers-color-scheme", "/assets/icon.svg": "<svg",
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1"+path, http.NoBody)
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		if w.Code != 200 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: got %d without %q", path, w.Code, want)
		}
		if csp := w.Header().Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'self'") {
			t.Errorf("%s: Content-Security-Policy is %q", path, csp)
		}
	}
	if code, body := do(t, newSandbox(t, Options{}), "GET", "/", ""); code != 200 || strings.Contains(body, "<html") {
		t.Errorf("without Page: got %d %s", code, body)
	}
}

func TestEventsTellOfChanges(t *testing.T) {
	s := newSandbox(t, Options{})
	server := serve(t, s)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/admin/events", http.NoBody)
	must(t, err)
	answer, err := server.Client().Do(r)
	must(t, err)
	defer answer.Body.Close()
	buffer := make([]byte, 4096)
	read := func() string {
		n, err := answer.Body.Read(buffer)
		must(t, err)
		return string(buffer[:n])
	}
	if got := read(); got != "retry: 1000\n\n" {
		t.Fatalf("the stream starts with %q", got)
	}
	_, err = s.Sheets().Append("book", "T", []Value{Text("a")})
	must(t, err)
	want := "event: sheet\ndata: {\"spreadsheet\":\"book\",\"worksheet\":\"T\"}\n\n"
	if got := read(); got != want {
		t.Errorf("after an edit: got %q, want %q", got, want)
	}
	s.Close()
	if rest, err := io.ReadAll(answer.Body); err != nil || len(rest) > 0 {
		t.Errorf("after Close: got %q, %v, want the stream's end", rest, err)
	}
}

func ExampleNew() {
	s, err := New(Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := s.SeedDemo(); err != nil {
		fmt.Println(err)
		return
	}
	row, err := s.Sheets().Append("demo-signups", "Signups", []Value{Parse("2026-11-24 09:00"), Text("Ada")})
	fmt.Println(row, err)
	// Output: 7 <nil>
}
