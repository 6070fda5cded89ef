package api_test

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

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/web"
	"github.com/rowtap/rowtap/internal/web/webtest"
)

// maxBody is the limit of a request's body, in bytes.
const maxBody = 1 << 20

const testToken = webtest.Token

// open returns the handler of an engine without zaps and with the delivery old/1.
func open(t *testing.T) (http.Handler, *webtest.Engine) {
	t.Helper()
	e := webtest.New(t)
	return handlerOf(e), e
}

func handlerOf(e *webtest.Engine) http.Handler {
	return web.New(web.Options{
		Engine: e.Engine, Token: config.NewSecret(webtest.Token), Hosts: []string{"rowtap.example.com"}, Log: zap.NewNop(),
	})
}

func TestDeliveries(t *testing.T) {
	h, _ := open(t)
	status, body := webtest.Ask(t, h, "GET", "/api/v1/deliveries?zap=old&state=held", "")
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
	status, body = webtest.Ask(t, h, "GET", "/api/v1/deliveries/old/1", "")
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
		if status, body := webtest.Ask(t, h, tt.method, tt.path, tt.body); status != tt.want {
			t.Errorf("%s %s %.40s = %d %s, want %d", tt.method, tt.path, tt.body, status, body, tt.want)
		}
	}
}

func TestActIsTold(t *testing.T) {
	h, e := open(t)
	events, cancel := e.Subscribe()
	defer cancel()
	if status, body := webtest.Ask(t, h, "POST", "/api/v1/deliveries/discard", `{"ids":["old/1"]}`); status != 200 ||
		!strings.Contains(body, `"count":1,"ids":["old/1"]`) {
		t.Fatalf("%d %s", status, body)
	}
	if ev := <-events; ev.State != ledger.Discarded || ev.Number != 1 {
		t.Errorf("event %+v, want old/1 discarded", ev)
	}
	if status, body := webtest.Ask(t, h, "POST", "/api/v1/deliveries/discard", `{"ids":["old/1"]}`); status != 200 || !strings.Contains(body, `"count":0`) {
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
	r.Header.Set("Authorization", "Bearer "+testToken)
	r.Header.Set("Accept-Encoding", "gzip") // a stream is sent as it is
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got := resp.Header.Get("Content-Encoding"); got != "" {
		t.Errorf("the stream's Content-Encoding is %s", got)
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Scan() // the greeting: the stream is open
	if status, body := webtest.Ask(t, h, "POST", "/api/v1/deliveries/release", `{"zap":"old","state":"held"}`); status != 200 {
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
	status, body := webtest.Ask(t, h, "GET", "/api/v1/state/backup", "")
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

// TestPauseFor: a pause with a timer, and one that the zap had before.
func TestPauseFor(t *testing.T) {
	e := webtest.New(t, "a")
	h := web.New(web.Options{Engine: e.Engine, Token: config.NewSecret(webtest.Token), Log: zap.NewNop()})
	for _, tt := range []struct {
		path, body string
		status     int
		want       string
	}{
		{"a/pause", `{"for":"1h"}`, 200, `"resume_at":"20`},
		{"a/pause", `{"for":"soon"}`, 400, "is not a duration"},
		{"a/pause", `{"for":"1ms"}`, 400, "a pause lasts from 1s to 366 days"},
		{"b/pause", `{"for":"1h"}`, 404, "no such zap"},
		{"a/pause", `{"reason":"broken list"}`, 200, `"state":"paused"`},
		{"a/pause", `{"for":"1h"}`, 200, `"kept":true,"reason":"broken list"`},
	} {
		if status, body := webtest.Ask(t, h, "POST", "/api/v1/zaps/"+tt.path, tt.body); status != tt.status || !strings.Contains(body, tt.want) {
			t.Errorf("%s %s = %d %s, want %d with %s", tt.path, tt.body, status, body, tt.status, tt.want)
		}
	}
	if status, body := webtest.Ask(t, h, "POST", "/api/v1/reload", ""); status != 200 || !strings.Contains(body, `"runs":[]`) {
		t.Errorf("reload: %d %s", status, body)
	}
}
