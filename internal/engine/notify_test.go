package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/sandbox"
	"github.com/rowtap/rowtap/internal/sandbox/lab"
)

// hooked is a notifier with its webhook and a clock that can be advanced.
type hooked struct {
	*rig
	*notifier
	url    string
	broken bool // the webhook responds with 502
	posts  int
	got    []Notice
	bodies []string      // as posted
	ahead  time.Duration // of the machine's clock
}

func newHooked(t *testing.T, zaps map[string]string) *hooked {
	t.Helper()
	h := &hooked{rig: newRig(t, zaps)}
	h.opts.Now = func() time.Time { return wallClock().Add(h.ahead) }
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		h.posts++
		if h.broken {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Error(err)
		}
		h.bodies = append(h.bodies, string(body))
		var n Notice
		if err := json.Unmarshal(body, &n); err != nil {
			t.Error(err)
		}
		if len(n.Notices) == 0 || n.Kind == kindSummary {
			n.Notices = []Notice{n}
		}
		h.got = append(h.got, n.Notices...)
	}))
	t.Cleanup(hook.Close)
	h.url = hook.URL
	h.notifies(t, "{webhook: \""+hook.URL+"\"}")
	h.notifier = newNotifier(h.Engine)
	return h
}

// notifies configures the targets of notices.
func (r *rig) notifies(t *testing.T, notify string) {
	t.Helper()
	path := filepath.Join(r.dir, "rowtap.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text, _, _ = bytes.Cut(text, []byte("notify: "))
	if err := os.WriteFile(path, append(text, "notify: "+notify+"\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// looks lets time pass, with a check every notifyEvery. Each ends before the next one.
func (h *hooked) looks(t *testing.T, d time.Duration) {
	t.Helper()
	for end := h.ahead + d; h.ahead < end; {
		h.ahead += notifyEvery
		h.checked(t.Context())
	}
}

// checked is a check with all that it sends.
func (n *notifier) checked(ctx context.Context) {
	n.check(ctx)
	for slices.ContainsFunc(n.targets, func(t *target) bool { return t.busy }) {
		n.finish(ctx, <-n.results)
	}
}

// toldNow compares the notices since the last call: kind, subject and trouble.
func (h *hooked) toldNow(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for _, n := range h.got {
		got = append(got, strings.Join(strings.Fields(fmt.Sprintln(n.Kind, n.Zap, n.Account, n.Trouble)), " "))
		if n.Kind == "attention" && (n.Next == "" || n.Reason == "" || !strings.Contains(n.Text, "\nnext: ")) {
			t.Errorf("the notice lacks a reason or a next step: %+v", n)
		}
	}
	if strings.Join(got, ", ") != strings.Join(want, ", ") {
		t.Errorf("told %q, want %q", got, want)
	}
	h.got = nil
}

func (h *hooked) append(t *testing.T, emails ...string) {
	t.Helper()
	for _, email := range emails {
		if _, err := h.box.Sheets().Append("book", "Signups", []sandbox.Value{sandbox.Text(email), sandbox.Number(1)}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestNotifyOnce: the webhook gets one notice of a trouble that lasts, one of its end, and none of
// a single failed check.
func TestNotifyOnce(t *testing.T) {
	h := newHooked(t, map[string]string{"profiles": profileZap("production")})
	h.once(t)
	h.looks(t, time.Minute)
	if err := h.box.Sheets().Unshare("book"); err != nil {
		t.Fatal(err)
	}
	h.once(t)
	h.looks(t, notifyEvery)
	h.toldNow(t)
	h.looks(t, time.Hour)
	h.toldNow(t, "attention profiles blocked")
	if err := h.box.Sheets().Share("book"); err != nil {
		t.Fatal(err)
	}
	h.once(t)
	h.looks(t, time.Minute)
	h.toldNow(t, "recovered profiles blocked")
}

// TestNotifyRows: many rows are one notice, and old failures do not hide that the zap is blocked.
func TestNotifyRows(t *testing.T) {
	h := newHooked(t, map[string]string{"profiles": profileZap("production")})
	h.append(t, "a@example.com", "b@example.com", "c@example.com")
	for _, user := range []string{"a@example.com", "b@example.com"} {
		h.box.CleverTap().Refuse(lab.Refusal{Code: 514, Identity: user})
	}
	h.once(t)
	h.looks(t, time.Minute)
	if len(h.got) != 1 || !strings.Contains(h.got[0].Text, "zap profiles needs attention: 2 rows failed") {
		t.Errorf("told %+v", h.got)
	}
	h.toldNow(t, "attention profiles failed")
	h.box.CleverTap().Refuse(lab.Refusal{Code: 514, Identity: "d@example.com"})
	h.append(t, "d@example.com")
	h.once(t)
	h.looks(t, time.Minute)
	h.toldNow(t)
	if err := h.box.Sheets().Unshare("book"); err != nil {
		t.Fatal(err)
	}
	h.once(t)
	h.looks(t, time.Minute)
	h.toldNow(t, "attention profiles blocked")
	if _, err := h.Act(t.Context(), Discard, Selection{Zap: "profiles"}); err != nil {
		t.Fatal(err)
	}
	h.looks(t, time.Minute)
	h.toldNow(t, "recovered profiles failed")
}

// TestNotifyAccount: an account that is refused is one notice, however many zaps it blocks.
func TestNotifyAccount(t *testing.T) {
	h := newHooked(t, map[string]string{"one": profileZap("other"), "two": eventZap("other"), "well": profileZap("production")})
	h.append(t, "a@example.com")
	h.once(t)
	h.looks(t, time.Minute)
	h.toldNow(t, "attention other blocked")

	// A zap that is removed is forgotten; it has not recovered.
	h.write(t, "one", "")
	h.write(t, "two", "")
	h.looks(t, time.Minute)
	h.toldNow(t)
}

// TestNotifyDown: CleverTap and Google may be down for a while without a notice.
func TestNotifyDown(t *testing.T) {
	h := newHooked(t, map[string]string{"profiles": profileZap("production")})
	h.once(t)
	h.append(t, "a@example.com")
	if err := h.box.Fault(lab.Fault{API: "clevertap", Status: 503}); err != nil {
		t.Fatal(err)
	}
	if report := h.poll(t, "profiles"); report.Found != 1 {
		t.Fatalf("%+v", report)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := h.sender.Once(ctx)
		done <- err
	}()
	for h.sender.Accounts()["production"].Err == nil {
		runtime.Gosched() // until an upload has failed
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	h.looks(t, 29*time.Minute)
	h.toldNow(t)
	h.looks(t, 2*time.Minute)
	h.toldNow(t, "attention production down")
	h.box.Heal("clevertap")
	h.once(t)
	h.looks(t, time.Minute)
	h.toldNow(t, "recovered production down")

	// The schedule is hourly, so the account's worksheets become overdue.
	down := lab.Fault{API: "sheets", Status: http.StatusServiceUnavailable, Headers: map[string]string{"Retry-After": "3600"}}
	if err := h.box.Fault(down); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Poll(t.Context(), "profiles"); err == nil {
		t.Fatal("Google is not down")
	}
	h.box.Heal("sheets")
	h.looks(t, 80*time.Minute)
	h.toldNow(t)
	h.looks(t, 15*time.Minute)
	h.toldNow(t, "attention marketing unread")
	h.once(t)
	h.looks(t, time.Minute)
	h.toldNow(t, "recovered marketing unread")
}

// TestNotifyPatience: a webhook that is down gets fewer and fewer attempts, and the notice in the
// end.
func TestNotifyPatience(t *testing.T) {
	h := newHooked(t, map[string]string{"profiles": profileZap("production")})
	h.broken = true
	if err := h.box.Sheets().Unshare("book"); err != nil {
		t.Fatal(err)
	}
	h.once(t)
	h.looks(t, time.Hour)
	if h.posts < 10 || h.posts > 30 {
		t.Errorf("a broken webhook got %d requests in an hour", h.posts)
	}
	h.broken = false
	h.looks(t, 6*time.Minute)
	h.toldNow(t, "attention profiles blocked")
}

func TestNoticeText(t *testing.T) {
	c := condition{
		about: about{zap: "z", trouble: TroubleBlocked}, needs: true,
		reason: `the spreadsheet has no worksheet "<!channel> & more"`, next: "rename it",
	}
	got := c.notice(time.Time{})
	if want := "rowtap: zap z needs attention: the spreadsheet has no worksheet \"&lt;!channel&gt; &amp; more\"\nnext: rename it"; got.Text != want || got.Reason != c.reason {
		t.Errorf("got %+v, want the text %q", got, want)
	}
}
