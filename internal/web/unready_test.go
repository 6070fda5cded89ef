package web

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/web/api"
)

// TestUnready: a daemon that waits for a valid configuration answers health to everyone, and shows
// the mistakes to those who have the token; without a token of its own it has nothing but health.
func TestUnready(t *testing.T) {
	wrong := config.Diagnostics{{Pos: config.Pos{File: "zaps/a.yaml", Line: 3, Column: 1}, Message: "shedule: is not a known key"}}
	refused := engine.NewRefusal(wrong, time.Now())
	reloads := 0
	u := api.Unready{
		Refused: func() *engine.Refusal { return refused },
		Reload: func(context.Context) (int, error) {
			reloads++
			if refused != nil {
				return 0, wrong
			}
			return 2, nil
		},
	}
	full, health := NewUnready(Options{Token: config.NewSecret(testToken), Log: zap.NewNop()}, u), NewHealth(u)
	const mistake = "zaps/a.yaml:3:1: shedule"
	tests := []struct {
		name, method, path string
		handler            http.Handler
		token              bool
		status             int
		has, hasNot        string
	}{
		{"health", "GET", "/healthz", full, false, 200, `{"degraded":["configuration refused"],"status":"ok"}`, mistake},
		{"readiness", "GET", "/readyz", full, false, 200, `{"degraded":["configuration refused"],"status":"not ready"}`, mistake},
		{"metrics", "GET", "/metrics", full, false, 200, "rowtap_config_last_reload_successful 0", mistake},
		{"the API without a token", "GET", "/api/v1/status", full, false, 401, "token", mistake},
		{"the API", "GET", "/api/v1/status", full, true, 503, mistake, "Engine"},
		{"a reload without a token", "POST", "/api/v1/reload", full, false, 401, "token", mistake},
		{"a reload", "POST", "/api/v1/reload", full, true, 422, mistake, "panic"},
		{"the page without a token", "GET", "/", full, false, 401, "Log in", mistake},
		{"the page", "GET", "/zaps/a", full, true, 503, mistake, "All zaps"},
		{"assets", "GET", "/assets/page.css", full, false, 200, "body", mistake},
		{"health alone", "GET", "/readyz", health, false, 200, `{"degraded":["configuration refused"],"status":"not ready"}`, mistake},
		{"no API", "GET", "/api/v1/status", health, true, 503, "rowtap.yaml cannot be read", mistake},
		{"no reload", "POST", "/api/v1/reload", health, true, 503, "rowtap.yaml cannot be read", mistake},
	}
	for _, tt := range tests {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), tt.method, tt.path, nil)
		r.Host = "localhost"
		if tt.token {
			r.Header.Set("Authorization", "Bearer "+testToken)
		}
		tt.handler.ServeHTTP(w, r)
		if body := w.Body.String(); w.Code != tt.status || !strings.Contains(body, tt.has) || strings.Contains(body, tt.hasNot) {
			t.Errorf("%s: %d %s, want %d with %q, without %q", tt.name, w.Code, body, tt.status, tt.has, tt.hasNot)
		}
	}
	if reloads != 1 {
		t.Errorf("%d reloads, want 1", reloads)
	}

	// A foreign host gets health only where host names are unknown.
	for i, want := range []int{http.StatusMisdirectedRequest, http.StatusOK} {
		handler := []http.Handler{full, health}[i]
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/readyz", nil)
		r.Host = "foreign.example.com"
		if handler.ServeHTTP(w, r); w.Code != want {
			t.Errorf("a foreign host gets %d, want %d", w.Code, want)
		}
	}

	// The page refreshes itself: it has an ETag, which changes with what it shows.
	page := func(tag string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
		r.Host = "localhost"
		r.Header.Set("Authorization", "Bearer "+testToken)
		r.Header.Set("If-None-Match", tag)
		full.ServeHTTP(w, r)
		return w
	}
	tag := page("").Header().Get("ETag")
	if w := page(tag); w.Code != http.StatusNotModified || w.Body.Len() != 0 {
		t.Errorf("an unchanged page: %d %s", w.Code, w.Body)
	}
	refused = engine.NewRefusal(config.Diagnostics{{Pos: config.Pos{File: "zaps/b.yaml"}, Message: "no actions"}}, time.Now())
	if w := page(tag); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "no actions") || w.Header().Get("ETag") == tag {
		t.Errorf("with another mistake: %d %s", w.Code, w.Body)
	}

	refused = nil // the files are valid, and the engine is not there yet
	for path, want := range map[string]string{"/healthz": `{"status":"ok"}`, "/readyz": `{"status":"not ready"}`, "/": "Rowtap is starting."} {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), "GET", path, nil)
		r.Host = "localhost"
		r.Header.Set("Authorization", "Bearer "+testToken)
		if full.ServeHTTP(w, r); !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %s, want %s", path, w.Body, want)
		}
	}
}
