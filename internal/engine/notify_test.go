package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
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

	"github.com/emersion/go-smtp"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/notify/notifytest"
	"github.com/rowtap/rowtap/internal/sandbox"
	"github.com/rowtap/rowtap/internal/sandbox/lab"
)

// hooked is a notifier with its webhook and a clock that can be advanced.
type hooked struct {
	*rig
	*notifier
	url    string
	broken bool   // the webhook responds with 502
	large  string // the webhook refuses bodies with this text; "": none
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
		if h.large != "" && strings.Contains(string(body), h.large) {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
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

// TestNotifyCauses: a notice of failed rows has the most frequent codes with their counts.
func TestNotifyCauses(t *testing.T) {
	h := newHooked(t, map[string]string{"profiles": profileZap("production")})
	for i, code := range []int{514, 515, 516, 514, 519, 520} {
		user := fmt.Sprintf("u%d@example.com", i)
		h.append(t, user)
		h.box.CleverTap().Refuse(lab.Refusal{Code: code, Identity: user, Error: "refused " + user})
	}
	h.once(t)
	h.looks(t, time.Minute)
	if want := "6 rows failed: code 514 (2), code 515 (1), code 516 (1), 2 more causes"; len(h.got) != 1 || h.got[0].Reason != want {
		t.Errorf("told %+v, want %s", h.got, want)
	}
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
	body, err := json.Marshal(messageOf([]condition{c}, time.Unix(0, 0).UTC()).Body)
	if want := `{"text":"rowtap: zap z needs attention: the spreadsheet has no worksheet \"\u0026lt;!channel\u0026gt; \u0026amp; more\"\nnext: rename it","kind":"attention","zap":"z",` +
		`"trouble":"blocked","reason":"the spreadsheet has no worksheet \"\u003c!channel\u003e \u0026 more\"","next":"rename it","at":"1970-01-01T00:00:00Z"}`; err != nil || string(body) != want {
		t.Errorf("a single notice is %s, %v, want %s", body, err, want)
	}
}

// TestLook: what a target is told of the conditions at each check, 5 seconds apart.
func TestLook(t *testing.T) {
	yes, no, unknown := condition{needs: true}, condition{}, condition{unknown: true}
	rows := func(n int64) condition { return condition{needs: n > 0, rows: n} }
	all := config.Notify{}
	for _, tt := range []struct {
		name    string
		target  config.Notify
		trouble Trouble
		checks  []condition
		want    string // for each check: a for attention, r for recovered, - for nothing
	}{
		{"told at the second check, once", all, TroubleBlocked, []condition{yes, yes, yes, no, no, no, yes, yes}, "-a--r--a"},
		{"a single check is nothing", all, TroubleBlocked, []condition{yes, no, yes, no}, "----"},
		{"the last notice stays valid", all, TroubleBlocked, []condition{yes, yes, unknown, no, unknown, no, no, no}, "-a----r-"},
		{"only what is asked for", config.Notify{Events: []config.NoticeEvent{config.NoticeHeld}}, TroubleBlocked, []condition{yes, yes, yes}, "---"},
		{"the event that is asked for", config.Notify{Events: []config.NoticeEvent{config.NoticeHeld}}, TroubleHeld, []condition{yes, yes, yes}, "-a-"},
		{"recovery is not asked for", config.Notify{Events: []config.NoticeEvent{config.NoticeHeld}}, TroubleHeld, []condition{yes, yes, no, no, no, yes, yes}, "-a----a"},
		{"no event at all", config.Notify{Events: []config.NoticeEvent{}}, TroubleHeld, []condition{yes, yes, yes}, "---"},
		{"any failed row", all, TroubleFailed, []condition{rows(1), rows(1), rows(2), rows(0), rows(0)}, "-a--r"},
		{"more than failed_rows", config.Notify{FailedRows: 2}, TroubleFailed, []condition{rows(2), rows(2), rows(3), rows(3), rows(2), rows(2)}, "---a-r"},
		{"failed_rows are those that failed", config.Notify{FailedRows: 2}, TroubleHeld, []condition{rows(1), rows(1)}, "-a"},
		{"time has to pass", all, TroubleDown, []condition{{needs: true, after: 3 * notifyEvery}, {needs: true, after: 3 * notifyEvery}, {needs: true, after: 3 * notifyEvery}, {needs: true, after: 3 * notifyEvery}, {after: 3 * notifyEvery}, {after: 3 * notifyEvery}}, "---a-r"},
	} {
		to := &target{Notify: tt.target}
		got := ""
		for i, c := range tt.checks {
			c.zap, c.trouble = "z", tt.trouble
			due := to.look([]condition{c}, time.Unix(0, 0).Add(time.Duration(i)*notifyEvery))
			switch {
			case len(due) == 0:
				got += "-"
			case due[0].needs:
				got += "a"
			default:
				got += "r"
			}
			to.tell(due)
		}
		if got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// TestTroubleEvents: each trouble belongs to one event, and each event but recovered has one.
func TestTroubleEvents(t *testing.T) {
	for event, troubles := range map[config.NoticeEvent][]Trouble{
		config.NoticeBlocked: {
			TroubleBlocked, TroubleDown, TroubleUnread, TroubleStateFile, TroublePostgres, TroubleReplication, TroubleDiffers, TroubleUnseen, TroubleTakeover,
		},
		config.NoticeFailed:  {TroubleFailed},
		config.NoticeHeld:    {TroubleHeld},
		config.NoticeRefused: {TroubleRefused},
	} {
		for _, trouble := range troubles {
			if got := trouble.event(); got != event {
				t.Errorf("%s belongs to %s, want %s", trouble, got, event)
			}
		}
	}
}

// TestCombined: what changes at once is one message, which stays readable.
func TestCombined(t *testing.T) {
	var changed []condition
	for i := range 120 {
		changed = append(changed, condition{about: about{zap: fmt.Sprint("zap-", i), trouble: TroubleBlocked}, needs: true, reason: "<b>"})
	}
	changed = append(changed, condition{about: about{zap: "well", trouble: TroubleHeld}})
	m := messageOf(changed, time.Unix(0, 0))
	if want := "rowtap: 120 items need attention, 1 item has recovered"; m.Subject != want {
		t.Errorf("subject %q, want %q", m.Subject, want)
	}
	if !strings.HasPrefix(m.Text, "zap zap-0 needs attention: <b>\nnext: rowtap status\n\nzap zap-1 ") || !strings.HasSuffix(m.Text, "zap-49 needs attention: <b>\nnext: rowtap status\n\n… and 71 more\nnext: rowtap status") {
		t.Errorf("text %s", m.Text)
	}
	n := m.Body.(Notice)
	if len(n.Notices) != 121 || n.Kind != "attention" || n.Notices[120].Kind != "recovered" || strings.Contains(n.Text, "<b>") || !strings.HasPrefix(n.Text, m.Subject+"\n\n") {
		t.Errorf("webhook %+v", n)
	}
	m = messageOf(changed[119:], time.Unix(0, 0))
	if want := "rowtap: 1 item needs attention, 1 item has recovered"; m.Subject != want {
		t.Errorf("subject %q, want %q", m.Subject, want)
	}
	left := condition{about: about{zap: "z", trouble: TroubleFailed}, rows: 2}
	if m = messageOf([]condition{left}, time.Unix(0, 0)); m.Subject != "rowtap: zap z has only 2 rows left that failed" {
		t.Errorf("subject %q", m.Subject)
	}
}

// mailTo returns the configuration of a target.
func mailTo(s *notifytest.Server, to string) string {
	return fmt.Sprintf(`email: {to: %s, from: rowtap@example.com, server: %q}`, to, s.Address)
}

// TestNotifyFlood: many zaps that are blocked at once are one message to each target.
func TestNotifyFlood(t *testing.T) {
	zaps := map[string]string{}
	for i := range 20 {
		zaps[fmt.Sprintf("z%02d", i)] = profileZap("production")
	}
	h := newHooked(t, zaps)
	s := notifytest.New(t, notifytest.Plain, "")
	h.notifies(t, fmt.Sprintf("[{webhook: %q}, {%s}]", h.url, mailTo(s, "a@example.com")))
	h.once(t)
	if err := h.box.Sheets().Unshare("book"); err != nil {
		t.Fatal(err)
	}
	h.once(t)
	h.looks(t, time.Hour)
	mails := s.Mails()
	if h.posts != 1 || len(h.got) != 20 || len(mails) != 1 {
		t.Fatalf("%d requests with %d notices, %d mails", h.posts, len(h.got), len(mails))
	}
	if m := mails[0]; m.Subject != "rowtap: 20 items need attention" || strings.Count(m.Text, "needs attention: google account marketing: ") != 20 {
		t.Errorf("mail %+v", m)
	}
}

// TestNotifyEmailsAreSpaced: what changes within a minute of an e-mail is in the next one.
func TestNotifyEmailsAreSpaced(t *testing.T) {
	h := newHooked(t, map[string]string{"a": profileZap("production")})
	s := notifytest.New(t, notifytest.Plain, "")
	h.notifies(t, "{"+mailTo(s, "a@example.com")+"}")
	h.refuses("a@example.com", "b@example.com")
	h.append(t, "a@example.com")
	h.once(t)
	h.looks(t, 2*notifyEvery)
	for range 3 {
		h.write(t, "b", strings.Replace(profileZap("production"), "Score}}", "Gone}}", 1))
		h.once(t)
		h.looks(t, 3*notifyEvery)
		h.write(t, "b", profileZap("production"))
		h.once(t)
	}
	if n := len(s.Mails()); n != 1 {
		t.Errorf("%d mails within a minute", n)
	}
}

// TestNotifyTargetsAreSeparate: a mail server that hangs or refuses delays neither the webhook nor a
// check, and misses nothing that still holds when it is back.
func TestNotifyTargetsAreSeparate(t *testing.T) {
	h := newHooked(t, map[string]string{"profiles": profileZap("production"), "events": eventZap("production")})
	slow, refusing := notifytest.New(t, notifytest.Plain, ""), notifytest.New(t, notifytest.Plain, "")
	release := make(chan struct{})
	slow.Fail = func(stage string, _ *smtp.Conn) error {
		if stage == "hello" {
			<-release
		}
		return nil
	}
	down, refused := true, 0
	refusing.Fail = func(stage string, _ *smtp.Conn) error {
		if stage == "mail" && down {
			refused++
			return errors.New("no")
		}
		return nil
	}
	h.notifies(t, fmt.Sprintf("[{%s}, {%s}, {webhook: %q}]", mailTo(slow, "slow@example.com"), mailTo(refusing, "refusing@example.com"), h.url))
	h.once(t)
	if err := h.box.Sheets().Unshare("book"); err != nil {
		t.Fatal(err)
	}
	h.once(t)
	// looks as in the daemon: a check does not wait for what the previous one sends.
	looks := func(d time.Duration) {
		t.Helper()
		for end := h.ahead + d; h.ahead < end; {
			h.ahead += notifyEvery
			h.check(t.Context())
			for slices.ContainsFunc(h.targets, func(t *target) bool { return t.busy && !slices.Contains(t.recipients(), "slow@example.com") }) {
				h.finish(t.Context(), <-h.results)
			}
		}
	}
	looks(time.Hour)
	h.toldNow(t, "attention events blocked", "attention profiles blocked")
	if refused < 10 || refused > 30 {
		t.Errorf("the mail server that refuses was asked %d times in an hour", refused)
	}

	h.write(t, "events", "")
	down = false
	looks(10 * time.Minute)
	if mails := refusing.Mails(); len(mails) != 1 || mails[0].Subject != "rowtap: zap profiles needs attention" {
		t.Errorf("mails of the server that is back: %+v", mails)
	}

	if err := h.box.Sheets().Share("book"); err != nil {
		t.Fatal(err)
	}
	h.once(t)
	looks(time.Minute)
	h.toldNow(t, "recovered profiles blocked")
	close(release)
	h.looks(t, 2*time.Minute)
	var subjects []string
	for _, m := range slow.Mails() {
		subjects = append(subjects, m.Subject)
	}
	if want := []string{"rowtap: 2 items need attention", "rowtap: zap profiles has recovered"}; !slices.Equal(subjects, want) {
		t.Errorf("the slow server got %q, want %q", subjects, want)
	}
}

func (t *target) recipients() []string {
	if t.Email == nil {
		return nil
	}
	return t.Email.To
}

// TestNotifyReload: a target keeps what it was told when its other settings change, and a new one is
// told what holds.
func TestNotifyReload(t *testing.T) {
	h := newHooked(t, map[string]string{"profiles": profileZap("production")})
	h.refuses("a@example.com")
	h.append(t, "a@example.com")
	h.once(t)
	h.looks(t, time.Minute)
	h.toldNow(t, "attention profiles failed")
	s := notifytest.New(t, notifytest.Plain, "")
	h.notifies(t, fmt.Sprintf("[{%s}, {webhook: %q, summary: '00:00'}]", mailTo(s, "a@example.com"), h.url))
	h.looks(t, time.Minute)
	h.toldNow(t)
	if mails := s.Mails(); len(mails) != 1 || mails[0].Subject != "rowtap: zap profiles needs attention" {
		t.Errorf("mails: %+v", mails)
	}
	h.notifies(t, "[]")
	h.refuses("b@example.com")
	h.looks(t, time.Minute)
	h.toldNow(t)
}

// TestNotifyStops: the notifier ends while a mail server hangs.
func TestNotifyStops(t *testing.T) {
	h := newHooked(t, map[string]string{"profiles": profileZap("production")})
	s := notifytest.New(t, notifytest.Plain, "")
	reached, release := make(chan struct{}), make(chan struct{})
	defer close(release)
	s.Fail = func(stage string, _ *smtp.Conn) error {
		if stage == "hello" {
			close(reached)
			<-release
		}
		return nil
	}
	h.notifies(t, "{"+mailTo(s, "a@example.com")+"}")
	h.refuses("a@example.com")
	h.append(t, "a@example.com")
	h.once(t)
	ctx, cancel := context.WithCancel(t.Context())
	for range 2 {
		h.ahead += notifyEvery
		h.check(ctx)
	}
	<-reached
	cancel()
	if err := h.run(ctx); err != nil {
		t.Error(err)
	}
}

// refuses makes CleverTap refuse the records of some users.
func (r *rig) refuses(users ...string) {
	for _, user := range users {
		r.box.CleverTap().Refuse(lab.Refusal{Code: 514, Identity: user, Error: "refused " + user})
	}
}
