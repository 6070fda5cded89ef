package ui_test

import (
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/row"
	"github.com/rowtap/rowtap/internal/web"
	"github.com/rowtap/rowtap/internal/web/webtest"
)

// TestAllZapsArePausedAndResumed: for an hour, and only after a question; zaps that were paused
// before keep their pause, and restored ones are named before they are resumed.
func TestAllZapsArePausedAndResumed(t *testing.T) {
	e := webtest.New(t, "a", "b", "c")
	h := web.New(web.Options{Engine: e.Engine, Token: config.NewSecret(testToken), Log: zap.NewNop()})
	must(t, e.Pause(t.Context(), "c", "broken list"))
	b := webtest.NewBrowser(t, h)
	b.Get("/?token=" + testToken)
	status, _, body := b.Get("/")
	b.Sees("overview", status, 200, body, "Pause all for 1 hour", "Resume all")
	status, _, body = b.Submit("/pause-all")
	b.Sees("a question", status, 200, body, "Pause all zaps for 1 hour?", `action="/pause-all"`)
	status, _, body = b.Submit("/pause-all", "sure", "yes")
	b.Sees("paused", status, 200, body, "2 zaps paused for 1 hour; paused before, and without an end: c", "resumes in 1h", "broken list")
	if strings.Contains(body, "Pause all for 1 hour") {
		t.Error("the button to pause is shown although all zaps are paused")
	}
	z, _, err := e.Ledger.Zap(t.Context(), "a")
	if left := time.Until(z.ResumeAt); err != nil || left < 59*time.Minute || left > time.Hour {
		t.Errorf("a: %s left, %v", left, err)
	}
	must(t, e.Ledger.SetPaused(t.Context(), "b", true, "restored from a backup of 2026-11-24 10:00:00 UTC: resume continues from the backup", time.Now()))
	status, _, body = b.Submit("/resume-all")
	b.Sees("restored", status, 200, body, "Resume 1 zap, restored from a backup?", "They are: b")
	for name, want := range map[string]bool{"a": false, "b": true, "c": false} {
		if z, _, err := e.Ledger.Zap(t.Context(), name); err != nil || z.Paused != want {
			t.Errorf("%s is paused: %t, %v; want %t", name, z.Paused, err, want)
		}
	}
	status, _, body = b.Submit("/resume-all", "sure", "yes")
	b.Sees("resumed", status, 200, body, "1 zap resumed")

	status, _, body = b.Get("/zaps/a")
	b.Sees("zap", status, 200, body, "Pause for 1 hour")
	status, _, body = b.Submit("/zaps/a/pause", "for", "1h")
	b.Sees("one zap", status, 200, body, "a is paused: it neither polls nor sends, and resumes in 1 hour")
}

// The overview counts what was sent in the chosen time, for each zap and in total, which includes
// zaps that were removed.
func TestSentInTheChosenTime(t *testing.T) {
	e := webtest.New(t, "a", "b")
	h := web.New(web.Options{Engine: e.Engine, Token: config.NewSecret(testToken), Log: zap.NewNop()})
	now := time.Now()
	sent := func(name string, first uint64, n int, ago time.Duration) {
		t.Helper()
		p := ledger.Poll{SpreadsheetID: "book", Title: "Signups", Header: row.HeaderOf([]string{"Email"}), Action: "upload_event", At: now.Add(-ago)}
		var out []ledger.Outcome
		for i := range n {
			p.New = append(p.New, ledger.NewRow{State: ledger.Queued, Row: row.Row{Number: i + 2, Cells: []row.Cell{row.TextCell("b@example.com")}}})
			out = append(out, ledger.Outcome{Number: first + uint64(i), State: ledger.Sent})
		}
		_, err := e.Ledger.Commit(t.Context(), name, p)
		must(t, err)
		must(t, e.Ledger.Finish(t.Context(), name, out, p.At))
	}
	sent("a", 1, 3, 20*24*time.Hour)
	sent("a", 4, 5, 3*24*time.Hour)
	sent("a", 9, 2, 0)
	sent("b", 1, 1, 3*24*time.Hour)
	sent("removed", 1, 4, 0)
	b := webtest.NewBrowser(t, h)
	b.Get("/?token=" + testToken)
	for span, want := range map[string][]string{
		"":          {`Sent, last 24 hours`, `data-name="Sent">2</td>`, `zero" data-name="Sent">0</td>`, `Last 24 hours, since `, `: 6 sent`},
		"?span=7d":  {`Sent, last 7 days`, `data-name="Sent">7</td>`, `data-name="Sent">1</td>`, `Last 7 days, since `, `: 12 sent`},
		"?span=30d": {`Sent, last 30 days`, `data-name="Sent">10</td>`, `data-name="Sent">1</td>`, `Last 30 days, since `, `: 15 sent`},
	} {
		status, _, body := b.Get("/" + span)
		b.Sees("overview "+span, status, 200, body, want...)
	}
}
