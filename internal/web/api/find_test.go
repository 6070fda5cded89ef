package api_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/web/api"
	"github.com/rowtap/rowtap/internal/web/webtest"
)

func TestQueryOf(t *testing.T) {
	q, err := api.QueryOf(url.Values{"since": {"2026-11-24"}, "until": {"2026-11-25T00:00:00Z"}, "error": {"Phone"}, "identity": {"a@b.c"}, "state": {"failed"}, "row": {"7"}})
	if err != nil || !q.Since.Equal(time.Date(2026, 11, 24, 0, 0, 0, 0, time.Local)) || !q.Until.Equal(time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)) ||
		q.Error != "Phone" || q.Identity != "a@b.c" || q.State.String() != "failed" || q.Row != 7 || q.Limit != 50 {
		t.Errorf("QueryOf = %+v, %v", q, err)
	}
	h, _ := open(t)
	for _, query := range []string{"since=yesterday", "until=x", "since=2026-11-25&until=2026-11-24", "format=xml"} {
		if status, body := webtest.Ask(t, h, "GET", "/api/v1/deliveries?"+query, ""); status != 400 {
			t.Errorf("%s: %d %s", query, status, body)
		}
	}
}

// An action takes the same period and error as a list.
func TestActOnAPeriod(t *testing.T) {
	h, e := open(t)
	e.Fill(t, 3)
	act := func(body string) (done engine.Done) {
		t.Helper()
		status, answer := webtest.Ask(t, h, "POST", "/api/v1/deliveries/discard", body)
		if err := json.Unmarshal([]byte(answer), &done); status != 200 || err != nil {
			t.Fatalf("%s: %d %s", body, status, answer)
		}
		return done
	}
	for body, want := range map[string]int{
		`{"since":"2026-11-24T10:30:00Z","dry_run":true}`:                   3,
		`{"until":"2026-11-24T11:00:00Z","dry_run":true}`:                   1,
		`{"zap":"old","error":"edit OF","dry_run":true}`:                    1,
		`{"error":"edit of","since":"2026-11-24T10:30:00Z","dry_run":true}`: 0,
		`{"state":"failed","since":"2026-11-24T10:00:00Z","dry_run":true}`:  0,
		`{"zap":"old","since":"","until":"","dry_run":true}`:                4,
	} {
		if done := act(body); done.Count != want {
			t.Errorf("%s: %d deliveries, want %d", body, done.Count, want)
		}
	}
	done := act(`{"zap":"old","dry_run":true}`)
	if len(done.Reasons) != 2 || done.Reasons[0] != (engine.Reason{Count: 3}) || done.Reasons[1] != (engine.Reason{Text: "may be an edit of row 4", Count: 1}) {
		t.Errorf("reasons %+v", done.Reasons)
	}
	if done := act(`{"error":"edit of"}`); len(done.IDs) != 1 || done.IDs[0] != "old/1" {
		t.Errorf("done %+v", done)
	}
	for _, body := range []string{`{"since":"yesterday"}`, `{"since":"2026-11-25","until":"2026-11-24"}`, `{"again":true}`} {
		if status, answer := webtest.Ask(t, h, "POST", "/api/v1/deliveries/discard", body); status != 400 {
			t.Errorf("%s: %d %s", body, status, answer)
		}
	}
}

func TestStatusOfAPeriod(t *testing.T) {
	h, _ := open(t)
	status, body := webtest.Ask(t, h, "GET", "/api/v1/status?since=7d", "")
	if status != 200 || !strings.Contains(body, `"total":{"from":"20`) || !strings.Contains(body, `Z","sent":0,`) {
		t.Errorf("%d %s", status, body)
	}
	if status, body := webtest.Ask(t, h, "GET", "/api/v1/status", ""); status != 200 || strings.Contains(body, "total") {
		t.Errorf("%d %s", status, body)
	}
	for _, since := range []string{"yesterday", "31d", "2126-01-01"} {
		if status, body := webtest.Ask(t, h, "GET", "/api/v1/status?since="+since, ""); status != 400 {
			t.Errorf("%s: %d %s", since, status, body)
		}
	}
}
