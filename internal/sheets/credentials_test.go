package sheets_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/sheets"
)

// google is a token host and the Sheets API in one, on loopback.
type google struct {
	server *httptest.Server
	key    *rsa.PrivateKey

	mu       sync.Mutex
	tokens   int             // tokens issued
	valid    map[string]bool // tokens that the API accepts
	forms    []url.Values    // of token requests
	headers  []http.Header   // of API requests
	refuse   func(w writer)  // serves token requests instead; nil: not set
	requests int             // API requests
}

func newGoogle(t *testing.T) *google {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	g := &google{key: key, valid: make(map[string]bool)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		defer g.mu.Unlock()
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		g.forms = append(g.forms, r.PostForm)
		if g.refuse != nil {
			g.refuse(w)
			return
		}
		g.tokens++
		token := fmt.Sprint("SECRET-TOKEN-", g.tokens)
		g.valid[token] = true
		writeJSON(w, map[string]any{"access_token": token, "expires_in": 3599, "token_type": "Bearer"})
	})
	mux.HandleFunc("GET /v4/spreadsheets/{id}", func(w http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.requests++
		g.headers = append(g.headers, r.Header.Clone())
		if !g.valid[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")] {
			apiError(w, 401, "UNAUTHENTICATED", "Request had invalid authentication credentials.", "")
			return
		}
		if r.PathValue("id") == "unshared" {
			apiError(w, 403, "PERMISSION_DENIED", "The caller does not have permission", "")
			return
		}
		_, _ = io.WriteString(w, `{"properties":{"title":"Webinar","timeZone":"UTC"},"sheets":[{"properties":{"title":"Signups"}}]}`)
	})
	g.server = httptest.NewServer(mux)
	t.Cleanup(g.server.Close)
	return g
}

// serviceAccount returns a service account key for the host.
func (g *google) serviceAccount(t *testing.T, id string) map[string]any {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(g.key)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]any{
		"type": "service_account", "project_id": "p", "private_key_id": id, "client_email": "reader@p.iam.gserviceaccount.com",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), "token_uri": g.server.URL + "/token",
	}
}

func (g *google) user() map[string]any {
	return map[string]any{
		"type": "authorized_user", "client_id": "c", "client_secret": "SECRET-CLIENT", "refresh_token": "SECRET-REFRESH", "token_uri": g.server.URL + "/token",
	}
}

// write writes a key to a file and returns its path.
func write(t *testing.T, path string, key any) string {
	t.Helper()
	if path == "" {
		path = filepath.Join(t.TempDir(), "key.json")
	}
	body, err := json.Marshal(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, body, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// with returns a function that sets the options for the host and a key file.
func (g *google) with(t *testing.T, file string) func(*sheets.Options) {
	endpoint, err := url.Parse(g.server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return func(o *sheets.Options) { o.Endpoint, o.CredentialsFile, o.Transport = endpoint, file, nil }
}

// failed returns err as an *Error, and checks that it contains no secret.
func failed(t *testing.T, err error) *sheets.Error {
	t.Helper()
	e, ok := errors.AsType[*sheets.Error](err)
	if !ok {
		t.Fatalf("got %v, want an *Error", err)
	}
	if text := fmt.Sprintf("%v %+v %s %v", e, e, e.Hint, e.Err); strings.Contains(text, "SECRET") || strings.Contains(text, "PRIVATE KEY") || strings.Contains(text, "assertion") {
		t.Errorf("a secret is in the error: %s", text)
	}
	return e
}

func TestServiceAccount(t *testing.T) {
	g := newGoogle(t)
	a := open(t, nil, g.with(t, write(t, "", g.serviceAccount(t, "k1"))))
	if a.Email() != "reader@p.iam.gserviceaccount.com" || len(g.forms) != 0 {
		t.Errorf("email %q, %d requests for tokens before the first read", a.Email(), len(g.forms))
	}
	for range 2 {
		if s, err := a.Spreadsheet(t.Context(), "id", sheets.Polling); err != nil || s.Title != "Webinar" {
			t.Fatalf("got %+v, %v", s, err)
		}
	}
	if len(g.forms) != 1 || g.headers[0].Get("Authorization") != "Bearer SECRET-TOKEN-1" {
		t.Errorf("%d requests for tokens, want one that is used", len(g.forms))
	}
	parts := strings.Split(g.forms[0].Get("assertion"), ".")
	if len(parts) != 3 {
		t.Fatalf("the assertion is not a JWT: %q", g.forms[0])
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err != nil || rsa.VerifyPKCS1v15(&g.key.PublicKey, crypto.SHA256, sum[:], signature) != nil {
		t.Error("the assertion is not signed with the key")
	}
	var claims struct{ Iss, Scope, Aud string }
	body, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(body, &claims) != nil {
		t.Fatalf("claims: %v", err)
	}
	if claims.Iss != a.Email() || claims.Scope != "https://www.googleapis.com/auth/spreadsheets.readonly" || claims.Aud != g.server.URL+"/token" {
		t.Errorf("claims: %+v", claims)
	}
	_, err = a.Spreadsheet(t.Context(), "unshared", sheets.Polling)
	if e := failed(t, err); e.Kind != sheets.NotShared || !strings.Contains(e.Error(), a.Email()) || !strings.Contains(e.Hint, a.Email()) {
		t.Errorf("not shared: got %v: %v; hint %q", e.Kind, e, e.Hint)
	}
}

func TestAuthorizedUser(t *testing.T) {
	g := newGoogle(t)
	a := open(t, nil, g.with(t, write(t, "", g.user())))
	if _, err := a.Spreadsheet(t.Context(), "id", sheets.Polling); err != nil || a.Email() != "" {
		t.Fatalf("%v, email %q", err, a.Email())
	}
	if f := g.forms[0]; f.Get("grant_type") != "refresh_token" || f.Get("refresh_token") != "SECRET-REFRESH" || f.Get("client_secret") != "SECRET-CLIENT" {
		t.Errorf("the request for a token: %v", f)
	}
	_, err := a.Spreadsheet(t.Context(), "unshared", sheets.Polling)
	if e := failed(t, err); e.Kind != sheets.NotShared || !strings.Contains(e.Hint, "signs in as") {
		t.Errorf("not shared: got %v, hint %q", e, e.Hint)
	}
}

// TestApplicationDefault checks that the environment's credentials are used, and that an emulator
// needs none.
func TestApplicationDefault(t *testing.T) {
	g := newGoogle(t)
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", write(t, "", g.serviceAccount(t, "k1")))
	a := open(t, nil, g.with(t, ""))
	if _, err := a.Spreadsheet(t.Context(), "id", sheets.Polling); err != nil || a.Email() == "" || g.tokens != 1 {
		t.Errorf("%v, email %q, %d tokens", err, a.Email(), g.tokens)
	}
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", "")
	_, err := open(t, nil, g.with(t, "")).Spreadsheet(t.Context(), "id", sheets.Polling)
	if e := failed(t, err); e.Kind != sheets.Unauthorized || g.headers[1].Get("Authorization") != "" || g.requests != 2 {
		t.Errorf("without credentials: got %v; %d requests, the header %q", e, g.requests, g.headers[1].Get("Authorization"))
	}
}

func TestTokenRefused(t *testing.T) {
	tests := []struct {
		name   string
		user   bool
		status int
		body   string
		kind   sheets.Kind
		says   string
	}{
		{"deleted key", false, 400, `{"error":"invalid_grant","error_description":"Invalid JWT Signature."}`, sheets.Unauthorized, "reader@p.iam.gserviceaccount.com was deleted or disabled: make a new one and "},
		{"clock", false, 400, `{"error":"invalid_grant","error_description":"Invalid JWT: Token must be a short-lived token"}`, sheets.Unauthorized, "check this machine's clock"},
		{"revoked user", true, 400, `{"error":"invalid_grant","error_description":"Token has been expired or revoked."}`, sheets.Unauthorized, "sign in again"},
		{"unknown client", true, 401, `{"error":"invalid_client","error_description":"x"}`, sheets.Unauthorized, "does not recognize its client"},
		{"a web page", false, 403, `<html>SECRET</html>`, sheets.Unauthorized, "the token host 127.0.0.1:PORT sent a web page instead of a token (HTTP 403)"},
		{"a web page of another status", true, 404, "\n<!DOCTYPE html>SECRET", sheets.Unauthorized, "a web page instead of a token (HTTP 404) check any proxy in between, and token_uri"},
		{"an empty response", false, 401, ``, sheets.Unauthorized, "neither a token nor a reason (HTTP 401)"},
		{"a redirect", false, 307, ``, sheets.Unauthorized, "the token host 127.0.0.1:PORT sent a redirect"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
			defer other.Close()
			g := newGoogle(t)
			key := g.serviceAccount(t, "k1")
			if test.user {
				key = g.user()
			}
			g.refuse = func(w writer) {
				w.Header().Set("Content-Type", "application/json")
				w.Header().Set("Location", other.URL)
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, test.body)
			}
			_, err := open(t, nil, g.with(t, write(t, "", key))).Spreadsheet(t.Context(), "id", sheets.Polling)
			e := failed(t, err)
			test.says = strings.ReplaceAll(test.says, "127.0.0.1:PORT", strings.TrimPrefix(g.server.URL, "http://"))
			if e.Kind != test.kind || !strings.Contains(e.Message+" "+e.Hint, test.says) || g.requests != 0 || len(g.forms) != 1 {
				t.Errorf("got %v: %v; hint %q; %d requests to the API, %d for tokens\nwant %v, %q", e.Kind, e, e.Hint, g.requests, len(g.forms), test.kind, test.says)
			}
		})
	}
}

// TestTokenForgotten checks that a token which the API no longer accepts is replaced within the
// read, once.
func TestTokenForgotten(t *testing.T) {
	g := newGoogle(t)
	a := open(t, nil, g.with(t, write(t, "", g.serviceAccount(t, "k1"))))
	for range 2 {
		if _, err := a.Spreadsheet(t.Context(), "id", sheets.Polling); err != nil {
			t.Fatal(err)
		}
		clear(g.valid)
	}
	if g.requests != 3 || g.tokens != 2 {
		t.Errorf("%d requests, %d tokens; want 3 and 2", g.requests, g.tokens)
	}
}

// TestKeyReplaced checks that a new key in the same file is used without a restart.
func TestKeyReplaced(t *testing.T) {
	g := newGoogle(t)
	file := write(t, "", g.serviceAccount(t, "k1"))
	a := open(t, nil, g.with(t, file))
	g.refuse = func(w writer) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"error":"invalid_grant","error_description":"Invalid JWT Signature."}`)
		g.refuse = nil
	}
	write(t, file, g.serviceAccount(t, "k2"))
	if _, err := a.Spreadsheet(t.Context(), "id", sheets.Polling); err != nil || len(g.forms) != 2 {
		t.Errorf("%v after %d requests for tokens", err, len(g.forms))
	}
}

// TestKeyFileIsReadAgain checks that a different key in the file is used before the old key's token
// is refused, and that a file with no key or with a half-written one is not.
func TestKeyFileIsReadAgain(t *testing.T) {
	g := newGoogle(t)
	file := write(t, "", g.serviceAccount(t, "k1"))
	a := open(t, nil, g.with(t, file))
	aged := func(age time.Duration) {
		t.Helper()
		at := time.Now().Add(-age)
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
	}
	other := g.serviceAccount(t, "k2")
	other["client_email"] = "other@p.iam.gserviceaccount.com"
	for _, step := range []struct {
		name   string
		key    any
		age    time.Duration
		email  string
		tokens int
	}{
		{"the first key", nil, 0, "reader@p.iam.gserviceaccount.com", 1},
		{"half of a key", "half", time.Minute, "reader@p.iam.gserviceaccount.com", 1},
		{"the same key", g.serviceAccount(t, "k1"), time.Minute, "reader@p.iam.gserviceaccount.com", 1},
		{"another key, being written", other, 0, "reader@p.iam.gserviceaccount.com", 1},
		{"another key", other, 2 * time.Minute, "other@p.iam.gserviceaccount.com", 2},
		{"it is not read again", nil, 0, "other@p.iam.gserviceaccount.com", 2},
	} {
		if step.key != nil {
			write(t, file, step.key)
			aged(step.age)
		}
		if _, err := a.Spreadsheet(t.Context(), "id", sheets.Polling); err != nil || a.Email() != step.email || g.tokens != step.tokens {
			t.Errorf("%s: %v; signed in as %s, %d tokens; want %s, %d", step.name, err, a.Email(), g.tokens, step.email, step.tokens)
		}
	}
}

// TestRefusedKeySaysWhereANewOneGoes checks the hint for a refused key: the file that is read
// again, or under systemd the original file and a restart. Each read requests one token.
func TestRefusedKeySaysWhereANewOneGoes(t *testing.T) {
	g := newGoogle(t)
	g.refuse = func(w writer) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"error":"invalid_grant","error_description":"Invalid JWT Signature."}`)
	}
	unit := filepath.Join(t.TempDir(), "rowtap.service")
	if err := os.Mkdir(unit, 0o700); err != nil {
		t.Fatal(err)
	}
	file := write(t, filepath.Join(unit, "key.json"), g.serviceAccount(t, "k1"))
	a := open(t, nil, g.with(t, file))
	for i, want := range []string{"make a new one and write it to " + file, "systemctl restart rowtap"} {
		if i == 1 {
			t.Setenv("CREDENTIALS_DIRECTORY", filepath.Dir(file))
		}
		_, err := a.Spreadsheet(t.Context(), "id", sheets.Polling)
		if e := failed(t, err); !strings.Contains(e.Hint, want) || len(g.forms) != i+1 {
			t.Errorf("hint %q after %d requests for tokens, want %q", e.Hint, len(g.forms), want)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	_, err := sheets.Open(sheets.Options{Name: "marketing", CredentialsFile: file})
	if e := failed(t, err); !strings.Contains(e.Hint, "systemctl restart rowtap") {
		t.Errorf("no file: hint %q", e.Hint)
	}
}

func TestOpenRefused(t *testing.T) {
	g := newGoogle(t)
	change := func(name string, value any) map[string]any {
		key := g.serviceAccount(t, "SECRET-ID")
		key[name] = value
		return key
	}
	user := g.user()
	user["token_uri"] = "http://evil.example/token"
	tests := []struct {
		name string
		key  any
		says string
	}{
		{"external account", map[string]any{"type": "external_account", "token_url": "https://evil.example"}, `type "external_account" is not accepted`},
		{"impersonation", change("type", "impersonated_service_account"), "is not accepted"},
		{"OAuth client", map[string]any{"installed": map[string]any{"client_secret": "SECRET"}}, "OAuth client, not a key"},
		{"something else", map[string]any{"a": "SECRET"}, "not a Google key"},
		{"no JSON object", "SECRET", "not JSON"},
		{"damaged key", change("private_key", "-----BEGIN PRIVATE KEY-----\nSECRET\n-----END PRIVATE KEY-----"), "private_key is damaged"},
		{"no e-mail", change("client_email", ""), "no client_email"},
		{"token_uri on another host", change("token_uri", "http://evil.example/token"), "token_uri"},
		{"user's token_uri on another host", user, "token_uri"},
		{"larger than a key", change("x", strings.Repeat("x", 1<<20)), "larger than any key"},
	}
	for _, test := range tests {
		file := write(t, "", test.key)
		_, err := sheets.Open(sheets.Options{Name: "marketing", CredentialsFile: file})
		if e := failed(t, err); e.Kind != sheets.Unauthorized || !strings.Contains(e.Message, test.says) || !strings.Contains(e.Message, file) || e.Hint == "" || e.Account != "marketing" {
			t.Errorf("%s: got %v: %v, want %q", test.name, e.Kind, e, test.says)
		}
	}
	_, err := sheets.Open(sheets.Options{Name: "marketing", CredentialsFile: filepath.Join(t.TempDir(), "none.json")})
	if e := failed(t, err); e.Kind != sheets.Unauthorized || !errors.Is(err, os.ErrNotExist) || !strings.Contains(e.Message, "none.json: no such file") {
		t.Errorf("no file: got %v", e)
	}
	_, err = sheets.Open(sheets.Options{Name: "marketing", Endpoint: &url.URL{Scheme: "ftp", Host: "x"}})
	if e := failed(t, err); e.Kind != sheets.Bad {
		t.Errorf("endpoint: got %v", e)
	}
}
