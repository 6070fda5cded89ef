package ui_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/row"
	"github.com/rowtap/rowtap/internal/web/webtest"
)

// addFailed adds rows of a zap that failed with an error, each of its own user.
func addFailed(t *testing.T, e *webtest.Engine, zap string, at time.Time, message string, users ...string) {
	t.Helper()
	p := ledger.Poll{Header: row.HeaderOf([]string{"Email"}), Action: "upload_event", At: at}
	for i := range users {
		p.New = append(p.New, ledger.NewRow{State: ledger.Queued, Row: row.Row{Number: 20 + i, Cells: []row.Cell{row.TextCell("x")}}})
	}
	first, err := e.Ledger.Commit(t.Context(), zap, p)
	if err != nil {
		t.Fatal(err)
	}
	var out []ledger.Outcome
	for i, user := range users {
		out = append(out, ledger.Outcome{Number: first + uint64(i), State: ledger.Failed, Identity: user, Problem: &ledger.Problem{Column: "Phone", Message: message}})
	}
	if err := e.Ledger.Finish(t.Context(), zap, out, at); err != nil {
		t.Fatal(err)
	}
}

// Every page has a box that finds a user in all zaps.
func TestAUserIsFoundFromEveryPage(t *testing.T) {
	h, e := open(t)
	now := time.Now()
	addFailed(t, e, "old", now, "not a phone number", "asha@example.com", "ben@example.com")
	addFailed(t, e, "other", now, "no date", "Asha@Example.com")
	addFailed(t, e, "hides", now, "no date", "asha@example.com")
	if err := e.Ledger.KeepHides(t.Context(), map[string]ledger.Hides{"other": {Known: true}, "hides": {Known: true, Identity: true}}); err != nil {
		t.Fatal(err)
	}
	b := webtest.NewBrowser(t, h)
	status, _, body := b.Get("/find")
	if status != 401 || strings.Contains(body, `action="/find"`) {
		t.Errorf("without a session: %d %s", status, body)
	}
	b.Get("/?token=" + testToken)
	for _, page := range []string{"/", "/zaps/old", "/zaps/old/why", "/deliveries/old/1", "/find", "/nothing"} {
		if _, _, body := b.Get(page); !strings.Contains(body, `action="/find"`) || !strings.Contains(body, `name="identity"`) {
			t.Errorf("%s has no box", page)
		}
	}
	status, _, body = b.Get("/find?identity=+asha@example.com")
	b.Sees("the user", status, 200, body, "Deliveries of <bdi>asha@example.com</bdi>", `href="/deliveries/old/2"`, `href="/deliveries/other/1"`, "1 zap not searched",
		`value="asha@example.com"`, `href="/deliveries.csv?columns=true&amp;identity=asha%40example.com&amp;limit=0"`)
	if strings.Contains(body, "old/3") || strings.Contains(body, "hides/1") {
		t.Error("another user is shown, or a redacted one")
	}
	status, _, body = b.Get("/find?identity=asha@example")
	b.Sees("a part", status, 200, body, "No delivery has this identity")
	status, _, body = b.Get("/find")
	b.Sees("nobody", status, 200, body, "Enter an identity in full")
	status, _, body = b.Get("/deliveries.csv?identity=asha@example.com&limit=0")
	b.Sees("as CSV", status, 200, body, "id,zap,row,", "old/2,old,20,failed,asha@example.com,", "other/1,")
}

func TestManyDeliveriesOfAUserArePaged(t *testing.T) {
	h, e := open(t)
	users := make([]string, 120)
	for i := range users {
		users[i] = "asha@example.com"
	}
	addFailed(t, e, "old", time.Now(), "no date", users...)
	b := webtest.NewBrowser(t, h)
	b.Get("/?token=" + testToken)
	for _, tt := range []struct {
		before string
		lines  int
		has    string
	}{
		{"", 50, `href="/find?before=old%2F72&amp;identity=asha%40example.com" rel="next"`},
		{"old/72", 50, ">Newest<"},
		{"old/22", 20, ">Newest<"},
	} {
		status, _, body := b.Get("/find?identity=asha@example.com&before=" + tt.before)
		b.Sees(tt.before, status, 200, body, tt.has)
		if got := strings.Count(body, `data-name="Updated"`); got != tt.lines {
			t.Errorf("before %q: %d lines, want %d", tt.before, got, tt.lines)
		}
		if tt.lines < 50 && strings.Contains(body, `rel="next"`) {
			t.Errorf("before %q: there is another page", tt.before)
		}
	}
}

// Failed rows are grouped by reason, each with a button that replays them.
func TestFailuresAreGroupedByReason(t *testing.T) {
	h, e := open(t)
	addFailed(t, e, "old", time.Now(), "not a phone number", "a", "b", "c")
	addFailed(t, e, "old", time.Now(), "no date", "d")
	b := webtest.NewBrowser(t, h)
	b.Get("/?token=" + testToken)
	status, _, body := b.Get("/zaps/old")
	b.Sees("the zap", status, 200, body, "<h3>Failed, by reason</h3>", "Phone: not a phone number", "Replay 3", "Phone: no date", "Replay 1",
		`href="/zaps/old?error=Phone%3A&#43;not&#43;a&#43;phone&#43;number&amp;state=failed"`, `name="error" value="Phone: no date"`, `name="seen" value="3"`)
	status, _, body = b.Get("/zaps/old?since=2026-11-24")
	b.Sees("a period", status, 200, body, "All failed rows, by reason", "Replay 3")
	status, _, body = b.Get("/zaps/old?state=failed&error=no+date")
	b.Sees("one reason", status, 200, body, "Only with the error <strong>no date</strong>", "#5")
	if strings.Contains(body, "#4<") || strings.Contains(body, "Replay all") {
		t.Error("other reasons are shown, or a button that ignores the reason")
	}
	addFailed(t, e, "old", time.Now(), "no date", "e")
	form := []string{"do", "discard", "zap", "old", "state", "failed", "error", "Phone: no date", "seen", "1"}
	status, _, body = b.Submit("/deliveries", form...)
	b.Sees("a discard asks", status, 200, body, "Discard all failed deliveries of old with the error &#34;Phone: no date&#34;?", `name="error" value="Phone: no date"`)
	form[1] = "replay"
	status, _, body = b.Submit("/deliveries", form...)
	b.Sees("more than was seen", status, 200, body, "1 more since the page was loaded")
	state := func() (s string) {
		for n := uint64(2); n <= 6; n++ {
			d, _, err := e.Ledger.Delivery(t.Context(), "old", n)
			if err != nil {
				t.Fatal(err)
			}
			s += d.State.String()[:1]
		}
		return s
	}
	if got := state(); got != "fffff" {
		t.Fatalf("states %s before the answer", got)
	}
	b.Submit("/deliveries", append(form, "sure", "yes")...)
	if got := state(); got != "fffqq" {
		t.Errorf("states %s after the replay of two", got)
	}
}

// The history has a date range, which also limits the CSV file.
func TestHistoryOfAPeriod(t *testing.T) {
	h, e := open(t)
	day := func(d int) time.Time { return time.Date(2026, 11, d, 12, 0, 0, 0, time.Local) }
	for d := 21; d <= 23; d++ {
		addFailed(t, e, "old", day(d), fmt.Sprintf("error of day %d", d), "a")
	}
	b := webtest.NewBrowser(t, h)
	b.Get("/?token=" + testToken)
	for query, want := range map[string]string{
		"":                                   "4321",
		"?since=2026-11-22":                  "431",
		"?until=2026-11-23":                  "32",
		"?since=2026-11-22&until=2026-11-23": "3",
		"?since=2026-11-22&state=held":       "1",
	} {
		status, _, body := b.Get("/zaps/old" + query)
		b.Sees(query, status, 200, body, "CSV")
		for n, c := range "1234" {
			if got, want := strings.Contains(body, fmt.Sprintf(`<tr data-key="old/%d">`, n+1)), strings.ContainsRune(want, c); got != want {
				t.Errorf("%s: old/%d is shown: %t, want %t", query, n+1, got, want)
			}
		}
	}
	status, _, body := b.Get("/zaps/old?since=2026-11-22&until=2026-11-23")
	b.Sees("the form and the link", status, 200, body, `name="since" type="date" value="2026-11-22"`, `name="until" type="date" value="2026-11-23"`,
		`href="/deliveries.csv?columns=true&amp;limit=0&amp;since=2026-11-22&amp;until=2026-11-23&amp;zap=old"`)
	status, _, body = b.Get("/deliveries.csv?columns=true&limit=0&since=2026-11-22&until=2026-11-23&zap=old")
	if b.Sees("CSV", status, 200, body, "old/3"); strings.Contains(body, "old/2") {
		t.Errorf("CSV has other days: %s", body)
	}
	status, _, body = b.Get("/zaps/old?since=2026-11-23&until=2026-11-22")
	b.Sees("an empty period", status, 200, body, "the end is not after the beginning", "Nothing matches")
}
