package ui_test

import (
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/web"
	"github.com/rowtap/rowtap/internal/web/webtest"
)

// TestAllZapsArePausedAndResumed: for an hour, and only after a question; zaps that were paused
// before keep their pause, and restored ones are named before they are resumed.
func TestAllZapsArePausedAndResumed(t *testing.T) {
	e := webtest.NewOf(t, "a", "b", "c")
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
