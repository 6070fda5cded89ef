package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/web/api"
	"github.com/rowtap/rowtap/internal/web/problem"
	"github.com/rowtap/rowtap/internal/web/webtest"
)

var (
	tookOver = time.Date(2026, 11, 29, 10, 0, 0, 0, time.UTC)
	twoHosts = []engine.Machine{
		{Host: "host-a", Address: "127.0.0.1:8321", Version: "v1", Active: true, Since: &tookOver, Seen: tookOver},
		{Host: "host-b", Address: "127.0.0.1:8321", Version: "v1", LagCommits: 3, Seen: tookOver, Trouble: "its copy is of another state"},
	}
)

// standbyRig is a standby's handler, and the state that it shows.
type standbyRig struct {
	http.Handler
	now     api.Standby
	reloads int
	wrong   error // of a reload, and of a backup
}

func newStandbyRig() *standbyRig {
	r := &standbyRig{now: api.Standby{Machines: twoHosts}}
	metrics := engine.NewMirrorMetrics(func() bool { return false }, func() []engine.Machine { return r.now.Machines })
	o := Options{Token: config.NewSecret(testToken), Hosts: []string{"rowtap.example.com"}, Log: zap.NewNop()}
	r.Handler = NewStandby(o, api.StandbyOptions{
		Standby: func() api.Standby { return r.now }, Registry: metrics.Registry("test", func() bool { return r.now.Refused }), Log: zap.NewNop(),
		Reload: func(context.Context) (int, error) { r.reloads++; return 2, r.wrong },
		Backup: func(_ context.Context, w io.Writer) error {
			_, err := io.WriteString(w, "a copy")
			return errors.Join(err, r.wrong)
		},
	})
	return r
}

// without sends a request without a token.
func (r *standbyRig) without(t *testing.T, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	request.Host = "localhost"
	r.ServeHTTP(w, request)
	return w
}

// A standby is healthy and ready, even if it could not take over. Neither needs a token.
func TestStandbyIsReady(t *testing.T) {
	for _, tt := range []struct {
		now  api.Standby
		want string
	}{
		{api.Standby{Machines: twoHosts}, `{"standby":"active is host-a","status":"ready"}`},
		{api.Standby{Refused: true}, `{"degraded":["configuration refused"],"standby":"no machine is active","status":"ready"}`},
		{api.Standby{}, `{"standby":"no machine is active","status":"ready"}`},
		{api.Standby{Machines: twoHosts[1:]}, `{"standby":"no machine is active","status":"ready"}`},
		{
			api.Standby{Machines: twoHosts, Trouble: "its copy is ahead", Hint: "a hint"},
			`{"degraded":["its copy is ahead"],"standby":"active is host-a","status":"ready"}`,
		},
		{
			api.Standby{Machines: twoHosts, Away: "connection refused", Trouble: "its copy is ahead"},
			`{"degraded":["connection refused","its copy is ahead"],"standby":"the active machine is unknown","status":"ready"}`,
		},
		{
			api.Standby{Machines: twoHosts, Differs: true},
			`{"degraded":["this machine runs another configuration than host-a"],"standby":"active is host-a","status":"ready"}`,
		},
	} {
		r := newStandbyRig()
		r.now = tt.now
		if w := r.without(t, "/readyz"); w.Code != http.StatusOK || strings.TrimSpace(w.Body.String()) != tt.want {
			t.Errorf("readyz of %+v: %d %s, want %s", tt.now, w.Code, w.Body, tt.want)
		}
		healthy := `{"status":"ok"}`
		if tt.now.Refused {
			healthy = `{"degraded":["configuration refused"],"status":"ok"}`
		}
		if w := r.without(t, "/healthz"); w.Code != http.StatusOK || strings.TrimSpace(w.Body.String()) != healthy {
			t.Errorf("healthz of %+v: %d %s", tt.now, w.Code, w.Body)
		}
	}
}

func TestStandbyMetrics(t *testing.T) {
	w := newStandbyRig().without(t, "/metrics")
	for _, want := range []string{"\nrowtap_active 0\n", "\nrowtap_standby_lag_commits{host=\"host-b\"} 3\n", "\nrowtap_mirror_seconds_count 0\n", "\nrowtap_build_info{"} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("the metrics lack %q: %s", want, w.Body)
		}
	}
	if strings.Contains(w.Body.String(), "rowtap_zap") {
		t.Error("a standby has metrics of zaps, which the active machine counts")
	}
}

// The API names the active machine and all others, to who has the token.
func TestStandbyRefuses(t *testing.T) {
	r := newStandbyRig()
	for _, tt := range []struct {
		now          api.Standby
		detail, hint string
	}{
		{api.Standby{Machines: twoHosts}, "this machine stands by: active is host-a, http.listen 127.0.0.1:8321", "run it on host-a"},
		{api.Standby{Machines: []engine.Machine{{Host: "host-a", Active: true}}}, "this machine stands by: active is host-a", "run it on host-a"},
		{api.Standby{Machines: twoHosts[1:]}, "this machine stands by: no machine is active", ""},
		{
			api.Standby{Machines: twoHosts, Trouble: "its copy is ahead", Hint: "a hint"},
			"this machine stands by: active is host-a, http.listen 127.0.0.1:8321; its copy is ahead", "a hint",
		},
		{
			api.Standby{Machines: twoHosts, Away: "connection refused", Hint: "check that it runs"},
			"this machine stands by: the active machine is unknown; connection refused", "check that it runs",
		},
	} {
		r.now = tt.now
		for _, request := range []string{"GET /api/v1/status", "GET /api/v1/deliveries", "POST /api/v1/zaps/x/pause", "POST /api/v1/state/handover", "GET /api/v1/nope"} {
			method, path, _ := strings.Cut(request, " ")
			status, body := webtest.Ask(t, r, method, path, "")
			var got api.StandbyProblem
			if err := json.Unmarshal([]byte(body), &got); err != nil {
				t.Fatalf("%s: %v: %s", request, err, body)
			}
			want := api.StandbyProblem{Details: problem.New(http.StatusServiceUnavailable, tt.detail, tt.hint), Machines: tt.now.Machines}
			if diff := cmp.Diff(want, got); diff != "" || status != http.StatusServiceUnavailable {
				t.Errorf("%s: %d (-want +got):\n%s", request, status, diff)
			}
		}
	}
	r.now = api.Standby{}
	if _, body := webtest.Ask(t, r, "GET", "/api/v1/status", ""); !strings.Contains(body, `"machines":[]`) {
		t.Errorf("without machines: %s, which a client takes for another error", body)
	}
	r.now.Machines = twoHosts
	for _, path := range []string{"/api/v1/status", "/api/v1/reload", "/api/v1/state/backup"} {
		if w := r.without(t, path); w.Code != http.StatusUnauthorized || strings.Contains(w.Body.String(), "host-") {
			t.Errorf("%s without a token: %d %s", path, w.Code, w.Body)
		}
	}
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/healthz", nil)
	request.Host = "evil.example"
	w := httptest.NewRecorder()
	if r.ServeHTTP(w, request); w.Code != http.StatusMisdirectedRequest {
		t.Errorf("a foreign host: %d", w.Code)
	}
}

// The page of a standby needs no token, and only names the active machine.
func TestStandbyPage(t *testing.T) {
	r := newStandbyRig()
	r.now.Trouble = "its copy is ahead"
	for _, path := range []string{"/", "/zaps/signups", "/assets/page.css"} {
		w := r.without(t, path)
		if got, want := w.Body.String(), "rowtap stands by on this machine: active is host-a\n"; w.Code != http.StatusServiceUnavailable || strings.TrimSpace(got) != strings.TrimSpace(want) {
			t.Errorf("%s: %d %q, want %q", path, w.Code, got, want)
		}
		if got := w.Header().Get("Content-Type"); got != "text/plain; charset=utf-8" {
			t.Errorf("%s is %s", path, got)
		}
	}
}

// A standby reloads its configuration, which takes effect once it takes over.
func TestStandbyReloads(t *testing.T) {
	r := newStandbyRig()
	status, body := webtest.Ask(t, r, "POST", "/api/v1/reload", "")
	if want := `{"moved":[],"reloaded":true,"zaps":2}`; status != 200 || strings.TrimSpace(body) != want || r.reloads != 1 {
		t.Errorf("reload: %d %s, want %s (%d reloads)", status, body, want, r.reloads)
	}
	r.wrong = fmt.Errorf("the configuration is refused: %w", config.Diagnostics{{Message: "cron: no such day"}})
	if status, body = webtest.Ask(t, r, "POST", "/api/v1/reload", ""); status != http.StatusUnprocessableEntity || !strings.Contains(body, "no such day") {
		t.Errorf("a bad configuration: %d %s", status, body)
	}
	r.wrong = errors.New("rowtap.yaml: permission denied")
	if status, body = webtest.Ask(t, r, "POST", "/api/v1/reload", ""); status != http.StatusUnprocessableEntity || !strings.Contains(body, "permission denied") {
		t.Errorf("an unreadable configuration: %d %s", status, body)
	}
}

func TestStandbyBackup(t *testing.T) {
	r := newStandbyRig()
	if status, body := webtest.Ask(t, r, "GET", "/api/v1/state/backup", ""); status != 200 || body != "a copy" {
		t.Errorf("backup: %d %q", status, body)
	}
	r.wrong = errors.New("the disk is full")
	defer func() {
		if err, _ := recover().(error); !errors.Is(err, http.ErrAbortHandler) {
			t.Errorf("a backup that fails: %v, want the connection to be cut", err)
		}
	}()
	webtest.Ask(t, r, "GET", "/api/v1/state/backup", "")
}

// The response to a handover is its result.
func TestHandOver(t *testing.T) {
	h, e := open(t)
	if status, body := webtest.Ask(t, h, "POST", "/api/v1/state/handover", ""); status != http.StatusConflict || !strings.Contains(body, "set state.postgres") {
		t.Errorf("the state is in a file: %d %s", status, body)
	}
	var result error
	h = New(Options{Engine: e.Engine, Token: config.NewSecret(testToken), Log: zap.NewNop(), HandOver: func(context.Context) error { return result }})
	for _, tt := range []struct {
		result error
		status int
		want   string
	}{
		{nil, 200, `{"handed_over":true}`},
		{fmt.Errorf("%w: active is host-b", ledger.ErrNotActive), 503, "active is host-b"},
		{errors.New("no standby could take over: there is none"), 409, "systemctl stop rowtap"},
	} {
		result = tt.result
		if status, body := webtest.Ask(t, h, "POST", "/api/v1/state/handover", ""); status != tt.status || !strings.Contains(body, tt.want) {
			t.Errorf("handover, %v: %d %s, want %d %s", tt.result, status, body, tt.status, tt.want)
		}
	}
	if status, _ := webtest.Ask(t, h, "GET", "/api/v1/state/handover", ""); status != http.StatusMethodNotAllowed {
		t.Errorf("a handover by GET: %d", status)
	}
	w := httptest.NewRecorder()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/v1/state/handover", bytes.NewReader(nil))
	request.Host = "localhost"
	if h.ServeHTTP(w, request); w.Code != http.StatusUnauthorized {
		t.Errorf("a handover without a token: %d", w.Code)
	}
}
