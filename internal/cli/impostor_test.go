package cli

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/web"
)

const testToken = "3f9ad1c05b7e48d2" // the daemon's token

// asConfigured writes a configuration whose daemon listens at a URL. It returns the directory.
func asConfigured(t *testing.T, base string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"rowtap.yaml": "state: {path: rowtap.db}\nhttp: {listen: \"" + strings.TrimPrefix(base, "http://") + "\"}\n",
		"api.token":   testToken + "\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// realDaemon serves the API of a daemon without zaps. It returns the URL.
func realDaemon(t *testing.T) string {
	t.Helper()
	l, err := ledger.Open(ledger.Options{Path: filepath.Join(t.TempDir(), "rowtap.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	plan, err := loadPlan(asConfigured(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.New(engine.Options{Plan: plan, Ledger: l, Log: zap.NewNop(), Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(web.New(web.Options{Engine: e, Token: config.NewSecret(testToken), Log: zap.NewNop()}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// A program that took the daemon's port receives no token from any command, and no requests other
// than for health and proof.
func TestImpostorsOnTheDaemonsPort(t *testing.T) {
	daemon := realDaemon(t)
	target, err := url.Parse(daemon)
	if err != nil {
		t.Fatal(err)
	}
	commands := [][]string{
		{"status"},
		{"history"},
		{"show", "a/1"},
		{"why", "a", "1"},
		{"tail"},
		{"open"},
		{"reload"},
		{"poll", "a"},
		{"pause", "a"},
		{"resume", "a"},
		{"replay", "a/1"},
		{"release", "a/1"},
		{"discard", "a/1"},
		{"backfill", "a", "--rows", "2:3"},
		{"state", "check"},
		{"state", "backup", filepath.Join(t.TempDir(), "b.db")},
		{"state", "rename", "a", "b"},
		{"state", "compact"},
	}
	for name, tt := range map[string]struct {
		handler http.Handler
		says    string
	}{
		"200": {http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"zaps":[]}`) }), "did not prove that it is this daemon"},
		"404": {http.NotFoundHandler(), "an older release of rowtap"},
		"401, an older daemon": {http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusUnauthorized)
		}), "restart the daemon, if it is an older one"},
		"echo": {http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, r.URL.RawQuery)
			_, _ = io.Copy(w, r.Body)
		}), "did not prove that it is this daemon"},
		"relay to the daemon": {httputil.NewSingleHostReverseProxy(target), "does not listen at this address"},
	} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			var got []string
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				dump, err := httputil.DumpRequest(r, true)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				got = append(got, string(dump))
				mu.Unlock()
				tt.handler.ServeHTTP(w, r)
			}))
			defer srv.Close()
			dir := asConfigured(t, srv.URL)
			for _, command := range commands {
				var out, said bytes.Buffer
				mu.Lock()
				got = nil
				mu.Unlock()
				code := Main(append(command, "--config", dir), strings.NewReader(""), &out, &said)
				if code == exitOK || out.Len() > 0 || !strings.Contains(said.String(), tt.says) || !strings.Contains(said.String(), "\nnext: ") {
					t.Errorf("%s: exit code %d, printed %q, said %q; want %q", command, code, &out, &said, tt.says)
				}
				mu.Lock()
				asked := slices.Clone(got)
				mu.Unlock()
				if len(asked) < 2 {
					t.Errorf("%s asked %q, want health and a proof", command, asked)
				}
				for _, request := range asked {
					if strings.Contains(request, testToken) || strings.Contains(request, "Authorization") ||
						!strings.HasPrefix(request, "GET /healthz ") && !strings.HasPrefix(request, "GET /api/v1/proof?") {
						t.Errorf("%s sent %q", command, request)
					}
				}
			}
		})
	}
}

// A token from the environment is not sent to an impostor either, and a daemon with another token
// is not the configured one.
func TestOtherTokens(t *testing.T) {
	daemon := realDaemon(t)
	dir := asConfigured(t, daemon)
	for name, tt := range map[string]struct {
		url, token string
		code       int
		says       string
	}{
		"the file's":            {"", "", exitOK, ""},
		"the environment's":     {"", testToken, exitOK, ""},
		"another":               {"", "another", exitFailed, "the tokens differ"},
		"by ROWTAP_URL":         {daemon, testToken, exitOK, ""},
		"by ROWTAP_URL, none":   {daemon, "", exitFailed, "the token is missing or wrong"},
		"by ROWTAP_URL by name": {strings.Replace(daemon, "127.0.0.1", "localhost", 1), testToken, exitOK, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("ROWTAP_URL", tt.url)
			t.Setenv("ROWTAP_TOKEN", tt.token)
			for _, command := range []string{"status", "open", "reload"} {
				var out, said bytes.Buffer
				code := Main([]string{command, "--config", dir}, strings.NewReader(""), &out, &said)
				if command == "reload" && tt.code == exitOK {
					continue // the request was sent; this daemon has no files
				}
				if code != tt.code || !strings.Contains(said.String(), tt.says) || (command == "open") && (out.Len() > 0) != (code == exitOK) {
					t.Errorf("%s: exit code %d, printed %q, said %q; want %d and %q", command, code, &out, &said, tt.code, tt.says)
				}
			}
		})
	}
	t.Run("an empty file", func(t *testing.T) {
		if err := os.WriteFile(filepath.Join(dir, "api.token"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		var out, said bytes.Buffer
		if code := Main([]string{"status", "--config", dir}, strings.NewReader(""), &out, &said); code != exitFailed ||
			!strings.Contains(said.String(), "the token file is empty") {
			t.Errorf("exit code %d, said %q", code, &said)
		}
	})
}
