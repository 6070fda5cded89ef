package ui_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/row"
	"github.com/rowtap/rowtap/internal/web"
	"github.com/rowtap/rowtap/internal/web/ui"
	"github.com/rowtap/rowtap/internal/web/webtest"
)

const testToken = webtest.Token

// open returns the handler of an engine without zaps and with the delivery old/1.
func open(t *testing.T) (http.Handler, *webtest.Engine) {
	t.Helper()
	e := webtest.New(t)
	return web.New(web.Options{Engine: e.Engine, Token: config.NewSecret(testToken), Log: zap.NewNop()}), e
}

func TestLogIn(t *testing.T) {
	h, _ := open(t)
	secret := config.NewSecret(testToken)
	now := time.Now()
	link := func(token config.Secret, at time.Time) string {
		return strings.TrimPrefix(ui.Link("http://x/", token, at), "http://x")
	}
	ways := []struct {
		name string
		in   func(*webtest.Browser) (int, string, string)
		want int
	}{
		{"nothing", func(b *webtest.Browser) (int, string, string) { return b.Get("/") }, 401},
		{"link", func(b *webtest.Browser) (int, string, string) { return b.Get(link(secret, now)) }, 200},
		{"the token itself", func(b *webtest.Browser) (int, string, string) { return b.Get("/?token=" + testToken) }, 200},
		{"an old link", func(b *webtest.Browser) (int, string, string) { return b.Get(link(secret, now.Add(-time.Hour))) }, 401},
		{"a link of another token", func(b *webtest.Browser) (int, string, string) { return b.Get(link(config.NewSecret("other"), now)) }, 401},
		{"form", func(b *webtest.Browser) (int, string, string) {
			return b.Submit("/login", "token", testToken+"\n", "to", "/")
		}, 200},
		{"form with another token", func(b *webtest.Browser) (int, string, string) { return b.Submit("/login", "token", "no", "to", "/") }, 401},
		{"a session's pass as a link", func(b *webtest.Browser) (int, string, string) {
			return b.Get("/?token=" + ui.SignPass(secret, ui.ForSession, now.Add(time.Hour)))
		}, 401},
	}
	for _, tt := range ways {
		t.Run(tt.name, func(t *testing.T) {
			b := webtest.NewBrowser(t, h)
			status, at, body := tt.in(b)
			want := "Log in to rowtap"
			if tt.want == 200 {
				want = `id="headline"`
			}
			b.Sees("at first", status, tt.want, body, want)
			if tt.want == 200 && at != "/" {
				t.Errorf("lands at %s, want /, without the token", at)
			}
			status, _, body = b.Get("/")
			b.Sees("and then", status, tt.want, body, want)
			if strings.Contains(body, testToken) {
				t.Error("the page holds the token")
			}
			for _, c := range b.HTTP.Jar.Cookies(&url.URL{Scheme: "http", Host: strings.TrimPrefix(b.Base, "http://")}) {
				if strings.Contains(c.Value, testToken) {
					t.Errorf("cookie %s holds the token", c.Name)
				}
			}
		})
	}
}

func TestASessionIsForThePageAlone(t *testing.T) {
	h, _ := open(t)
	b := webtest.NewBrowser(t, h)
	status, at, body := b.Get("/deliveries/old/1?token=" + testToken)
	b.Sees("the link of a page", status, 200, body, "Row 7")
	if at != "/deliveries/old/1" {
		t.Errorf("lands at %s", at)
	}
	status, _, body = b.Get("/api/v1/status")
	b.Sees("API", status, 401, body, "Authorization: Bearer")
	status, _, body = b.Submit("/logout")
	b.Sees("logged out", status, 401, body, "Log in to rowtap")
	status, _, body = b.Get("/zaps/old")
	b.Sees("logged out", status, 401, body, `name="to" value="/zaps/old"`)
	status, at, body = b.Submit("/login", "token", testToken, "to", "//evil.example/x")
	b.Sees("a foreign place to go on to", status, 200, body)
	if at != "/" {
		t.Errorf("lands at %s, want /", at)
	}
}

func TestPagesAreSafe(t *testing.T) {
	h, _ := open(t)
	b := webtest.NewBrowser(t, h)
	b.Get("/?token=" + testToken)
	for _, path := range []string{"/assets/..%2ftemplates%2fzap.html", "/assets/%2e%2e", "/assets/nothing", "/zaps/nobody", "/zaps/nobody/why"} {
		if status, _, _ := b.Get(path); status != http.StatusNotFound {
			t.Errorf("%s: status %d, want 404", path, status)
		}
	}
	for _, path := range []string{"/", "/zaps/old", "/deliveries/old/1", "/nowhere", "/assets/page.css"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.Base+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := b.HTTP.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if csp := resp.Header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'self';") {
			t.Errorf("%s: Content-Security-Policy %q", path, csp)
		}
	}
	req := httptest.NewRequestWithContext(t.Context(), "POST", "/deliveries", strings.NewReader("do=release&id=old/1"))
	req.Host = "localhost"
	req.Header.Set("Authorization", "Bearer "+testToken)
	req.Header.Set("Origin", "https://evil.example")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	if w.Code != http.StatusForbidden {
		t.Errorf("a form of a foreign page: %d, want 403", w.Code)
	}
}

func TestActOnThePage(t *testing.T) {
	h, e := open(t)
	b := webtest.NewBrowser(t, h)
	b.Get("/?token=" + testToken)
	state := func() ledger.State {
		t.Helper()
		d, _, err := e.Ledger.Delivery(t.Context(), "old", 1)
		if err != nil {
			t.Fatal(err)
		}
		return d.State
	}
	status, _, body := b.Get("/")
	b.Sees("overview", status, 200, body, "1 item needs attention", "1 row held for review", "Release 1", "removed from the configuration")

	status, _, body = b.Submit("/deliveries", "do", "release", "zap", "old", "state", "held", "seen", "0")
	b.Sees("more than was seen", status, 200, body, "Release all held deliveries of old?", "1 more since the page was loaded")
	status, _, body = b.Submit("/deliveries", "do", "discard", "id", "old/1", "zap", "old", "back", "/zaps/old?state=held")
	b.Sees("discard asks", status, 200, body, "Discard old/1?", `href="/zaps/old?state=held"`)
	if got := state(); got != ledger.Held {
		t.Fatalf("before it is sure it is %s", got)
	}
	status, at, body := b.Submit("/deliveries", "do", "discard", "id", "old/1", "zap", "old", "back", "/zaps/old?state=held", "sure", "yes")
	b.Sees("discarded", status, 200, body, "1 delivery discarded", "Nothing matches")
	if at != "/zaps/old?state=held" {
		t.Errorf("comes back to %s", at)
	}
	if got := state(); got != ledger.Discarded {
		t.Errorf("it is %s, want discarded", got)
	}
	status, _, body = b.Get("/zaps/old?state=held")
	if b.Sees("once more", status, 200, body); strings.Contains(body, "1 delivery discarded") {
		t.Error("the flash is shown twice")
	}
	status, _, body = b.Get("/")
	b.Sees("overview", status, 200, body, "All good")
	status, _, body = b.Submit("/deliveries", "do", "replay", "zap", "old")
	b.Sees("nothing selected", status, 200, body, "No deliveries are selected")
	status, _, body = b.Submit("/deliveries", "do", "replay", "zap", "old", "id", "old/1")
	b.Sees("what cannot be replayed", status, 200, body, "0 deliveries queued again", "replay works on failed deliveries")
	status, _, body = b.Submit("/deliveries", "do", "release", "zap", "old", "state", "discarded", "seen", "0")
	b.Sees("none of a state", status, 200, body, "0 deliveries queued")
	status, _, body = b.Submit("/zaps/old/resume", "skip", "yes")
	b.Sees("skipping asks", status, 200, body, "Resume old and skip", `action="/zaps/old/resume"`, `name="skip" value="yes"`, `href="/zaps/old"`)
	status, _, body = b.Submit("/zaps/old/pause")
	b.Sees("a zap that is gone", status, 200, body, "no such zap")
}

func TestHistoryIsSearchedAndPaged(t *testing.T) {
	h, e := open(t)
	p := ledger.Poll{Header: row.HeaderOf([]string{"Email"}), Action: "upload_event", At: time.Date(2026, 11, 24, 11, 0, 0, 0, time.UTC)}
	var out []ledger.Outcome
	for i := range 120 {
		n := uint64(i + 2)
		p.New = append(p.New, ledger.NewRow{State: ledger.Queued, Row: row.Row{Number: 100 + i, Cells: []row.Cell{row.TextCell("x")}}})
		out = append(out, ledger.Outcome{Number: n, State: ledger.Sent, Identity: fmt.Sprintf("User%d@example.com", i)})
	}
	l := e.Ledger
	if _, err := l.Commit(t.Context(), "old", p); err != nil {
		t.Fatal(err)
	}
	if err := l.Finish(t.Context(), "old", out, p.At); err != nil {
		t.Fatal(err)
	}
	b := webtest.NewBrowser(t, h)
	b.Get("/?token=" + testToken)
	count := func(body string) int { return strings.Count(body, `class="tick"><input`) }
	tests := []struct {
		query string
		lines int
		has   string
	}{
		{"", 50, "rel=\"next\""},
		{"?before=old/72", 50, "Newest"},
		{"?before=old/22", 21, "old/1"},
		{"?q=user119@", 1, "User119@example.com"},
		{"?q=150", 1, ">150</a>"},            // a sheet row
		{"?q=7", 1, "edit of row 4"},         // a sheet row, though it is a part of identities
		{"?q=11", 11, "User110@example.com"}, // no sheet row: identities
		{"?q=%2317", 1, ">#17</a>"},
		{"?q=nobody", 0, "Nothing matches"},
		{"?state=held", 1, "Release all 1"},
		{"?state=held&q=user", 0, "Nothing matches"},
	}
	for _, tt := range tests {
		status, _, body := b.Get("/zaps/old" + tt.query)
		b.Sees(tt.query, status, 200, body, tt.has)
		if got := count(body); got != tt.lines {
			t.Errorf("%q shows %d deliveries, want %d", tt.query, got, tt.lines)
		}
	}
}

func TestAnIdentityDoesNotTurnTheSentenceRound(t *testing.T) {
	h, e := open(t)
	const identity = "rtl\u202egpj.exe@example.com"
	l := e.Ledger
	if _, err := l.Move(t.Context(), "old", []uint64{1}, []ledger.State{ledger.Held}, ledger.Queued, "", time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := l.Finish(t.Context(), "old", []ledger.Outcome{{Number: 1, State: ledger.Sent, Identity: identity}}, time.Now()); err != nil {
		t.Fatal(err)
	}
	b := webtest.NewBrowser(t, h)
	b.Get("/?token=" + testToken)
	status, _, body := b.Get("/deliveries/old/1")
	b.Sees("delivery", status, 200, body, "<bdi>"+identity+"</bdi></strong>, from sheet row")
}

func TestAHeldRowIsShownBesideTheOther(t *testing.T) {
	h, e := open(t)
	_, err := e.Ledger.Commit(t.Context(), "old", ledger.Poll{
		Header: row.HeaderOf([]string{"Email", "City"}), Action: "upload_event", At: time.Now(),
		New: []ledger.NewRow{{
			State: ledger.Held, Reason: "may be an edit of row 7: Email differs", Like: 1,
			Row: row.Row{Number: 8, Cells: []row.Cell{row.TextCell("b@example.com"), row.TextCell("<Pune>")}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	b := webtest.NewBrowser(t, h)
	b.Get("/?token=" + testToken)
	for _, path := range []string{"/zaps/old?state=held", "/deliveries/old/2"} {
		status, _, body := b.Get(path)
		b.Sees(path, status, 200, body, "may be an edit of row 7", `<tr class="differs"><th scope="row">Email</th><td>b@example.com</td><td>a@example.com <span class="mark">differs</span></td></tr>`,
			"&lt;Pune&gt;", `href="/deliveries/old/1"`)
	}
}

func TestAZapThatIsGoneHidesWhatItHid(t *testing.T) {
	h, e := open(t)
	l := e.Ledger
	e.Hide(t, ledger.Hides{Columns: []string{"Email"}, Identity: true})
	poll := ledger.Poll{
		Header: row.HeaderOf([]string{"Email", "Score"}), Action: "upload_event", At: time.Now(),
		New: []ledger.NewRow{{State: ledger.Queued, Row: row.Row{Number: 8, Cells: []row.Cell{row.TextCell("ted@sekret.org"), row.NumberCell(77)}}}},
	}
	if _, err := l.Commit(t.Context(), "old", poll); err != nil {
		t.Fatal(err)
	}
	if err := l.Finish(t.Context(), "old", []ledger.Outcome{{Number: 2, State: ledger.Sent, Identity: "ted@sekret.org"}}, poll.At); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Commit(t.Context(), "bare", poll); err != nil { // a zap that is not in the configuration
		t.Fatal(err)
	}
	b := webtest.NewBrowser(t, h)
	b.Get("/?token=" + testToken)
	for path, shows := range map[string]string{
		"/zaps/old":          "[redacted]",
		"/deliveries/old/2":  ">77<",
		"/zaps/old?q=sekret": "Nothing matches",
		"/zaps/old?q=d":      "Nothing matches", // of [redacted]
		"/zaps/old?q=8":      "#2",
		"/zaps/bare":         "#1",
		"/deliveries/bare/1": "<em>[redacted]</em>",
	} {
		status, _, body := b.Get(path)
		b.Sees(path, status, 200, body, shows)
		if strings.Contains(body, "ted@") || path == "/deliveries/bare/1" && strings.Contains(body, ">77<") {
			t.Errorf("%s shows what is hidden", path)
		}
	}
}

// A delivery's link to its row leads there only where the row still is: not every sort or edit is
// followed.
func TestARowThatHasGoneIsNotLinkedTo(t *testing.T) {
	h, e := open(t)
	b := webtest.NewBrowser(t, h)
	b.Submit("/login", "token", testToken, "to", "/")
	status, _, body := b.Get("/deliveries/old/1")
	b.Sees("a delivery", status, 200, body, `href="/deliveries/old/1/row"`)
	if strings.Contains(body, "when found") {
		t.Error("the row of a held delivery is followed, and not where it was when found")
	}
	keepCursor := func(rows ...detect.Seen) {
		t.Helper()
		if _, err := e.Ledger.Commit(t.Context(), "old", ledger.Poll{SpreadsheetID: "book", Title: "Signups", Cursor: webtest.CursorOf(rows...)}); err != nil {
			t.Fatal(err)
		}
	}
	keepCursor(detect.Seen{Number: 2}, detect.Seen{Number: 9, Delivery: 1})
	b.Leads("/deliveries/old/1/row", "https://docs.google.com/spreadsheets/d/book/edit#gid=0&range=9:9")
	keepCursor(detect.Seen{Number: 2})
	status, _, body = b.Get("/deliveries/old/1/row")
	b.Sees("a row that has gone", status, 404, body, "was moved or deleted", "It was row 7 when found", "https://docs.google.com/spreadsheets/d/book/edit#gid=0\"")
	status, _, body = b.Get("/deliveries/old/2/row")
	b.Sees("no delivery", status, 404, body, "There is no delivery old/2")
}
