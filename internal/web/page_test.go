package web

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/row"
)

// browser is a client that keeps cookies and runs no scripts.
type browser struct {
	t    *testing.T
	base string
	http *http.Client
}

func newBrowser(t *testing.T, h http.Handler) *browser {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t, srv.URL, &http.Client{Jar: jar}}
}

// get returns what a page at path shows, once it has been redirected.
func (b *browser) get(path string) (status int, at, body string) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, b.base+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.do(req)
}

// submit sends a form: names and values in turn.
func (b *browser) submit(path string, fields ...string) (status int, at, body string) {
	b.t.Helper()
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Add(fields[i], fields[i+1])
	}
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", b.base)
	return b.do(req)
}

func (b *browser) do(req *http.Request) (status int, at, body string) {
	b.t.Helper()
	resp, err := b.http.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp.StatusCode, resp.Request.URL.RequestURI(), string(text)
}

// leads fails unless a link leads out of the page, to an address with an end.
func (b *browser) leads(path, end string) {
	b.t.Helper()
	stay := *b.http
	stay.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, b.base+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	resp, err := stay.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	if to := resp.Header.Get("Location"); resp.StatusCode != http.StatusFound || !strings.HasSuffix(to, end) {
		b.t.Errorf("%s: %s, to %q, want one that ends in %q", path, resp.Status, to, end)
	}
}

// cursorIn is a cursor of chunks.
func cursorIn(chunks ...[]byte) func(uint64) ledger.CursorUpdate {
	return func(uint64) ledger.CursorUpdate {
		return ledger.CursorUpdate{Chunks: len(chunks), Changed: slices.All(chunks)}
	}
}

// cursorOf is a cursor of rows, of whose cells nothing is known.
func cursorOf(rows ...detect.Seen) func(uint64) ledger.CursorUpdate {
	return cursorIn(detect.Cursor{Columns: []string{"Email"}, Rows: rows, Cells: make([]uint32, len(rows)), Next: 2}.Encode()...)
}

// sees fails unless a page has all texts.
func (b *browser) sees(what string, status, want int, body string, texts ...string) {
	b.t.Helper()
	if status != want {
		b.t.Fatalf("%s: status %d, want %d: %s", what, status, want, body)
	}
	for _, text := range texts {
		if !strings.Contains(body, text) {
			b.t.Errorf("%s: %q is not in the page:\n%s", what, text, body)
		}
	}
}

func TestLogIn(t *testing.T) {
	h, _ := open(t)
	secret := config.NewSecret(token)
	now := time.Now()
	link := func(token config.Secret, at time.Time) string {
		return strings.TrimPrefix(Link("http://x", token, at), "http://x")
	}
	ways := []struct {
		name string
		in   func(*browser) (int, string, string)
		want int
	}{
		{"nothing", func(b *browser) (int, string, string) { return b.get("/") }, 401},
		{"link", func(b *browser) (int, string, string) { return b.get(link(secret, now)) }, 200},
		{"the token itself", func(b *browser) (int, string, string) { return b.get("/?token=" + token) }, 200},
		{"an old link", func(b *browser) (int, string, string) { return b.get(link(secret, now.Add(-time.Hour))) }, 401},
		{"a link of another token", func(b *browser) (int, string, string) { return b.get(link(config.NewSecret("other"), now)) }, 401},
		{"form", func(b *browser) (int, string, string) { return b.submit("/login", "token", token+"\n", "to", "/") }, 200},
		{"form with another token", func(b *browser) (int, string, string) { return b.submit("/login", "token", "no", "to", "/") }, 401},
		{"a session's pass as a link", func(b *browser) (int, string, string) {
			return b.get("/?token=" + pass(secret, forSession, now.Add(time.Hour)))
		}, 401},
	}
	for _, tt := range ways {
		t.Run(tt.name, func(t *testing.T) {
			b := newBrowser(t, h)
			status, at, body := tt.in(b)
			want := "Log in to rowtap"
			if tt.want == 200 {
				want = `id="headline"`
			}
			b.sees("at first", status, tt.want, body, want)
			if tt.want == 200 && at != "/" {
				t.Errorf("lands at %s, want /, without the token", at)
			}
			status, _, body = b.get("/")
			b.sees("and then", status, tt.want, body, want)
			if strings.Contains(body, token) {
				t.Error("the page holds the token")
			}
			for _, c := range b.http.Jar.Cookies(&url.URL{Scheme: "http", Host: strings.TrimPrefix(b.base, "http://")}) {
				if strings.Contains(c.Value, token) {
					t.Errorf("cookie %s holds the token", c.Name)
				}
			}
		})
	}
}

func TestASessionIsForThePageAlone(t *testing.T) {
	h, _ := open(t)
	b := newBrowser(t, h)
	status, at, body := b.get("/deliveries/old/1?token=" + token)
	b.sees("the link of a page", status, 200, body, "Row 7")
	if at != "/deliveries/old/1" {
		t.Errorf("lands at %s", at)
	}
	status, _, body = b.get("/api/v1/status")
	b.sees("API", status, 401, body, "Authorization: Bearer")
	status, _, body = b.submit("/logout")
	b.sees("logged out", status, 401, body, "Log in to rowtap")
	status, _, body = b.get("/zaps/old")
	b.sees("logged out", status, 401, body, `name="to" value="/zaps/old"`)
	status, at, body = b.submit("/login", "token", token, "to", "//evil.example/x")
	b.sees("a foreign place to go on to", status, 200, body)
	if at != "/" {
		t.Errorf("lands at %s, want /", at)
	}
}

func TestPagesAreSafe(t *testing.T) {
	h, _ := open(t)
	b := newBrowser(t, h)
	b.get("/?token=" + token)
	for _, path := range []string{"/assets/..%2ftemplates%2fzap.html", "/assets/%2e%2e", "/assets/nothing", "/zaps/nobody", "/zaps/nobody/why"} {
		if status, _, _ := b.get(path); status != http.StatusNotFound {
			t.Errorf("%s: status %d, want 404", path, status)
		}
	}
	for _, path := range []string{"/", "/zaps/old", "/deliveries/old/1", "/nowhere", "/assets/page.css"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.base+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := b.http.Do(req)
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
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Origin", "https://evil.example")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	if w.Code != http.StatusForbidden {
		t.Errorf("a form of a foreign page: %d, want 403", w.Code)
	}
}

func TestActOnThePage(t *testing.T) {
	h, e := open(t)
	b := newBrowser(t, h)
	b.get("/?token=" + token)
	state := func() ledger.State {
		t.Helper()
		d, _, err := e.Ledger().Delivery(t.Context(), "old", 1)
		if err != nil {
			t.Fatal(err)
		}
		return d.State
	}
	status, _, body := b.get("/")
	b.sees("overview", status, 200, body, "1 thing needs a hand", "1 row held for you", "Release 1", "removed from the configuration")

	status, _, body = b.submit("/deliveries", "do", "release", "zap", "old", "state", "held", "seen", "0")
	b.sees("more than was seen", status, 200, body, "Release all held deliveries of old?", "1 more came since you saw them")
	status, _, body = b.submit("/deliveries", "do", "discard", "id", "old/1", "zap", "old", "back", "/zaps/old?state=held")
	b.sees("discard asks", status, 200, body, "Discard old/1?", `href="/zaps/old?state=held"`)
	if got := state(); got != ledger.Held {
		t.Fatalf("before it is sure it is %s", got)
	}
	status, at, body := b.submit("/deliveries", "do", "discard", "id", "old/1", "zap", "old", "back", "/zaps/old?state=held", "sure", "yes")
	b.sees("discarded", status, 200, body, "1 delivery discarded", "Nothing matches")
	if at != "/zaps/old?state=held" {
		t.Errorf("comes back to %s", at)
	}
	if got := state(); got != ledger.Discarded {
		t.Errorf("it is %s, want discarded", got)
	}
	status, _, body = b.get("/zaps/old?state=held")
	if b.sees("once more", status, 200, body); strings.Contains(body, "1 delivery discarded") {
		t.Error("the note is told twice")
	}
	status, _, body = b.get("/")
	b.sees("overview", status, 200, body, "All good")
	status, _, body = b.submit("/deliveries", "do", "replay", "zap", "old")
	b.sees("nothing ticked", status, 200, body, "Nothing is ticked")
	status, _, body = b.submit("/deliveries", "do", "replay", "zap", "old", "id", "old/1")
	b.sees("what cannot be replayed", status, 200, body, "0 deliveries queued again", "replay is for those that are failed")
	status, _, body = b.submit("/deliveries", "do", "release", "zap", "old", "state", "discarded", "seen", "0")
	b.sees("none of a state", status, 200, body, "0 deliveries queued")
	status, _, body = b.submit("/zaps/old/resume", "skip", "yes")
	b.sees("skipping asks", status, 200, body, "Resume old and skip", `action="/zaps/old/resume"`, `name="skip" value="yes"`, `href="/zaps/old"`)
	status, _, body = b.submit("/zaps/old/pause")
	b.sees("a zap that is gone", status, 200, body, "no such zap")
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
	l := e.Ledger()
	if _, err := l.Commit(t.Context(), "old", p); err != nil {
		t.Fatal(err)
	}
	if err := l.Finish(t.Context(), "old", out, p.At); err != nil {
		t.Fatal(err)
	}
	b := newBrowser(t, h)
	b.get("/?token=" + token)
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
		status, _, body := b.get("/zaps/old" + tt.query)
		b.sees(tt.query, status, 200, body, tt.has)
		if got := count(body); got != tt.lines {
			t.Errorf("%q shows %d deliveries, want %d", tt.query, got, tt.lines)
		}
	}
}

func TestAnIdentityDoesNotTurnTheSentenceRound(t *testing.T) {
	h, e := open(t)
	const identity = "rtl\u202egpj.exe@example.com"
	l := e.Ledger()
	if _, err := l.Move(t.Context(), "old", []uint64{1}, []ledger.State{ledger.Held}, ledger.Queued, "", time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := l.Finish(t.Context(), "old", []ledger.Outcome{{Number: 1, State: ledger.Sent, Identity: identity}}, time.Now()); err != nil {
		t.Fatal(err)
	}
	b := newBrowser(t, h)
	b.get("/?token=" + token)
	status, _, body := b.get("/deliveries/old/1")
	b.sees("delivery", status, 200, body, "<bdi>"+identity+"</bdi></strong>, from sheet row")
}

func TestAHeldRowIsShownBesideTheOther(t *testing.T) {
	h, e := open(t)
	_, err := e.Ledger().Commit(t.Context(), "old", ledger.Poll{
		Header: row.HeaderOf([]string{"Email", "City"}), Action: "upload_event", At: time.Now(),
		New: []ledger.NewRow{{
			State: ledger.Held, Reason: "may be an edit of row 7: Email differs", Like: 1,
			Row: row.Row{Number: 8, Cells: []row.Cell{row.TextCell("b@example.com"), row.TextCell("<Pune>")}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	b := newBrowser(t, h)
	b.get("/?token=" + token)
	for _, path := range []string{"/zaps/old?state=held", "/deliveries/old/2"} {
		status, _, body := b.get(path)
		b.sees(path, status, 200, body, "may be an edit of row 7", `<tr class="differs"><th scope="row">Email</th><td>b@example.com</td><td>a@example.com <span class="mark">differs</span></td></tr>`,
			"&lt;Pune&gt;", `href="/deliveries/old/1"`)
	}
}

func TestAZapThatIsGoneHidesWhatItHid(t *testing.T) {
	h, e := open(t)
	l := e.Ledger()
	keep(t, l, ledger.Hides{Columns: []string{"Email"}, Identity: true})
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
	if _, err := l.Commit(t.Context(), "bare", poll); err != nil { // whose recipe nobody knows
		t.Fatal(err)
	}
	b := newBrowser(t, h)
	b.get("/?token=" + token)
	for path, shows := range map[string]string{
		"/zaps/old":          "[redacted]",
		"/deliveries/old/2":  ">77<",
		"/zaps/old?q=sekret": "Nothing matches",
		"/zaps/old?q=d":      "Nothing matches", // of [redacted]
		"/zaps/old?q=8":      "#2",
		"/zaps/bare":         "#1",
		"/deliveries/bare/1": "<em>[redacted]</em>",
	} {
		status, _, body := b.get(path)
		b.sees(path, status, 200, body, shows)
		if strings.Contains(body, "ted@") || path == "/deliveries/bare/1" && strings.Contains(body, ">77<") {
			t.Errorf("%s shows what is hidden", path)
		}
	}
}

func TestScheduleInWords(t *testing.T) {
	for line, want := range map[string]string{
		"*/2 * * * *": "every 2 minutes", "* * * * *": "every minute", "0 * * * *": "every hour", "15 * * * *": "every hour at minute 15 UTC",
		"CRON_TZ=Asia/Kolkata 15 * * * *": "every hour at minute 15 (Asia/Kolkata)", "CRON_TZ=Asia/Kolkata */20 * * * *": "every 20 minutes",
		"@monthly": "on the first of every month at 00:00 UTC", "CRON_TZ=Asia/Kolkata @yearly": "every 1 January at 00:00 (Asia/Kolkata)",
		"*/1 * * * *": "every minute", "*/45 * * * *": "on schedule */45 * * * * UTC", "*/7 * * * *": "on schedule */7 * * * * UTC",
		"*/60 * * * *": "every hour", "*/90 * * * *": "on schedule */90 * * * * UTC",
		"@every 30s": "every 30 seconds", "@every 1m": "every minute", "@every 90s": "every 90 seconds", "@hourly": "every hour",
		"@daily": "every day at 00:00 UTC", "CRON_TZ=Asia/Kolkata @weekly": "every Sunday at 00:00 (Asia/Kolkata)",
		"0 9 * * *": "every day at 09:00 UTC", "CRON_TZ=Asia/Kolkata 30 9 * * *": "every day at 09:30 (Asia/Kolkata)",
		"TZ=Asia/Kolkata 30 9 * * *": "every day at 09:30 (Asia/Kolkata)", "CRON_TZ=Asia/Kolkata */45 * * * *": "on schedule */45 * * * * (Asia/Kolkata)",
		"0 9 * * 1-5": "on schedule 0 9 * * 1-5 UTC", "*/5 9-17 * * *": "on schedule */5 9-17 * * * UTC",
	} {
		if got := scheduleInWords(line); got != want {
			t.Errorf("scheduleInWords(%q) = %q, want %q", line, got, want)
		}
	}
}

func TestPlot(t *testing.T) {
	now := time.Date(2026, 11, 25, 14, 30, 0, 0, time.UTC)
	at := func(hours int) time.Time { return now.Truncate(time.Hour).Add(time.Duration(hours) * time.Hour) }
	hours := []ledger.Hour{{At: at(-30 * 24), Sent: 3}, {At: at(-29 * 24), Sent: 5}, {At: at(-7*24 + 1), Skipped: 2}, {At: at(-24), Sent: 7}, {At: at(-23), Sent: 400}, {At: at(0), Sent: 1}}
	for _, c := range []struct {
		span, label, data string
		most              int64
		axis              []time.Time
		drawn             []string
	}{
		{
			"", "Rows in the last 24 hours: 1,001 sent, 2 validated, 1 failed", "1000" + strings.Repeat(" ", 23) + "1,2,,,1", 1000,
			[]time.Time{at(-23), at(-17), at(-11), at(-5)},
			[]string{`<path class="sent" d="M3.5 5v19M187.5 23v1"/>`, `<path class="failed" d="M187.5 21v1"/>`, `data-bar="3600"`},
		},
		{
			"7d", "Rows in the last 7 days: 1,008 sent, 2 validated, 2 skipped, 1 failed", ",,2" + strings.Repeat(" ", 143) + "7 1000" + strings.Repeat(" ", 23) + "1,2,,,1", 1000,
			[]time.Time{at(-167), at(-143), at(-119), at(-95), at(-71), at(-47), at(-23)},
			nil,
		},
		{
			"30d", "Rows in the last 30 days: 1,013 sent, 2 validated, 2 skipped, 1 failed", "5" + strings.Repeat(" ", 22) + ",,2" + strings.Repeat(" ", 6) + "1007 1,2,,,1", 1007,
			[]time.Time{at(-14 - 29*24), at(-14 - 24*24), at(-14 - 19*24), at(-14 - 14*24), at(-14 - 9*24), at(-14 - 4*24)},
			[]string{`data-bar="86400"`},
		},
	} {
		p := newPlot(spanOf(c.span), now, false)
		p.add(hours)
		p.add([]ledger.Hour{{At: at(-23), Sent: 600}, {At: at(0), Failed: 1, Validated: 2}})
		if got := p.Label(); got != c.label {
			t.Errorf("label %q, want %q", got, c.label)
		}
		if got := p.data(); got != c.data {
			t.Errorf("%s: data %q, want %q", c.label, got, c.data)
		}
		if p.Most() != c.most || !slices.Equal(p.Axis(), c.axis) {
			t.Errorf("%s: highest %d, axis %v; want %d, %v", c.label, p.Most(), p.Axis(), c.most, c.axis)
		}
		for _, want := range c.drawn {
			if svg := string(p.svg()); !strings.Contains(svg, want) {
				t.Errorf("%s is not in %s", want, svg)
			}
		}
	}
}

// A delivery's link to its row leads there only where the row still is: not every sort or edit is followed.
func TestARowThatHasGoneIsNotLinkedTo(t *testing.T) {
	h, e := open(t)
	b := newBrowser(t, h)
	b.submit("/login", "token", token, "to", "/")
	status, _, body := b.get("/deliveries/old/1")
	b.sees("a delivery", status, 200, body, `href="/deliveries/old/1/row"`)
	if strings.Contains(body, "when found") {
		t.Error("the row of a held delivery is followed, and not where it was when found")
	}
	keepCursor := func(rows ...detect.Seen) {
		t.Helper()
		if _, err := e.Ledger().Commit(t.Context(), "old", ledger.Poll{SpreadsheetID: "book", Title: "Signups", Cursor: cursorOf(rows...)}); err != nil {
			t.Fatal(err)
		}
	}
	keepCursor(detect.Seen{Number: 2}, detect.Seen{Number: 9, Delivery: 1})
	b.leads("/deliveries/old/1/row", "https://docs.google.com/spreadsheets/d/book/edit#gid=0&range=9:9")
	keepCursor(detect.Seen{Number: 2})
	status, _, body = b.get("/deliveries/old/1/row")
	b.sees("a row that has gone", status, 404, body, "has moved or gone", "It was row 7 when found", "https://docs.google.com/spreadsheets/d/book/edit#gid=0\"")
	status, _, body = b.get("/deliveries/old/2/row")
	b.sees("no delivery", status, 404, body, "There is no delivery old/2")
}

func TestRecordFields(t *testing.T) {
	fields, differ := recordFields([]byte(`{"a":{"b":1,"c":[1,{"d":null}],"e":{}},"f":"x"}`), []byte(`{"a":{"b":2,"c":[1]},"g":true,"f":"x"}`))
	want := []recordField{
		{"a.b", "1", "2", "changed"},
		{"a.c[0]", "1", "1", ""},
		{"a.c[1].d", "null", "", "added"},
		{"a.e", "{}", "", "added"},
		{"f", `"x"`, `"x"`, ""},
		{"g", "", "true", "removed"},
	}
	if d := cmp.Diff(want, fields); d != "" || !differ {
		t.Errorf("fields, %t (-want +got):\n%s", differ, d)
	}
	for _, tt := range []struct{ path, value, want string }{
		{"profileData.Joined", `"$D_1521611063"`, "2018-03-21 05:44:23 UTC"},
		{"evtData.On", `"$D_-86400"`, "1969-12-31 00:00:00 UTC"},
		{"ts", "1521611063", "2018-03-21 05:44:23 UTC"},
		{"profileData.Score", "1521611063", ""},
		{"profileData.Joined", `"$D_soon"`, ""},
		{"ts", "", ""},
	} {
		if got := (recordField{Path: tt.path, Now: tt.value}).NowTime(); got != tt.want {
			t.Errorf("the time of %s %s: %q, want %q", tt.path, tt.value, got, tt.want)
		}
	}
	if fields, differ := recordFields([]byte(`{"a":1}`), nil); differ || len(fields) != 1 || fields[0].Mark != "" {
		t.Errorf("without a record that was tried: %v, %t", fields, differ)
	}
}

func TestLocal(t *testing.T) {
	for to, want := range map[string]string{
		"/zaps/a?state=held": "/zaps/a?state=held", "/%2Fevil.example": "/", "/%5Cevil.example": "/", "": "/", "zaps": "/", "//evil.example": "/", "https://evil.example/": "/", `/\evil.example`: "/",
		"javascript:alert(1)": "/", "/a\nb": "/",
	} {
		if got := local(to); got != want {
			t.Errorf("local(%q) = %q, want %q", to, got, want)
		}
	}
}

// All that is wrong with a row is shown, the first also by itself; a line counts them.
func TestAllMistakesOfARow(t *testing.T) {
	_, e := open(t)
	problem := &ledger.Problem{Code: "516", Message: "no phone number", Column: "Mobile", Next: &ledger.Problem{Message: "no date", Column: "Joined"}}
	d := ledger.Delivery{Zap: "old", Number: 3, State: ledger.Failed, Problem: problem}
	s := &server{Options: Options{Engine: e.Engine}}
	v := s.shown(t.Context(), d)
	if len(v.Errors) != 2 || v.Error == nil || *v.Error != v.Errors[0] || v.Errors[1].Column != "Joined" {
		t.Errorf("error %v, errors %v", v.Error, v.Errors)
	}
	if got, want := v.Why(), "2 mistakes: 516: no phone number"; got != want {
		t.Errorf("why %q, want %q", got, want)
	}
}
