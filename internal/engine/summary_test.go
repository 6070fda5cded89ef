package engine

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/notify/notifytest"
	"github.com/rowtap/rowtap/internal/sandbox"
	"github.com/rowtap/rowtap/internal/sandbox/lab"
)

// daily is a notifier with a webhook whose summary is at 08:00 UTC.
type daily struct{ *hooked }

func newDaily(t *testing.T, zaps map[string]string) *daily {
	t.Helper()
	d := &daily{newHooked(t, zaps)}
	d.notifies(t, fmt.Sprintf(`{webhook: %q, summary: "08:00"}`, d.url))
	return d
}

// at lets the clock show the next time of day, with a check then and 5 seconds later.
func (d *daily) at(t *testing.T, clock string) {
	t.Helper()
	now := d.now()
	next, err := time.Parse("2006-01-02 15:04", now.Format("2006-01-02 ")+clock)
	if err != nil {
		t.Fatal(err)
	}
	if !next.After(now) {
		next = next.AddDate(0, 0, 1)
	}
	d.ahead += next.Sub(now)
	d.looks(t, 2*notifyEvery)
}

// restart continues with a notifier that has read nothing yet.
func (d *daily) restart() { d.notifier = newNotifier(d.Engine) }

// summaries compares the number of summaries since the last call.
func (d *daily) summaries(t *testing.T, when string, want int) {
	t.Helper()
	got := 0
	for _, n := range d.got {
		if n.Kind == kindSummary {
			got++
		}
	}
	if d.got = nil; got != want {
		t.Errorf("%s: %d summaries, want %d", when, got, want)
	}
}

// TestSummaryOnce: there is one summary a day, whatever is restarted when.
func TestSummaryOnce(t *testing.T) {
	d := newDaily(t, map[string]string{"profiles": profileZap("production")})
	d.at(t, "07:00")
	d.at(t, "07:59")
	d.summaries(t, "before the time", 0)
	d.at(t, "08:00")
	d.summaries(t, "at the time", 1)
	d.restart()
	d.looks(t, time.Minute)
	d.summaries(t, "restarted after it", 0)
	d.at(t, "07:59")
	d.restart()
	d.ahead += 3 * time.Minute // down at 08:00
	d.looks(t, time.Minute)
	d.summaries(t, "restarted at the time", 1)
	d.restart()
	d.at(t, "07:59")
	d.summaries(t, "until the next day", 0)
	d.restart()
	d.ahead += 75 * time.Hour // until 10:59 three days later
	d.looks(t, time.Minute)
	d.summaries(t, "down for three days", 1)
	d.at(t, "08:00")
	d.summaries(t, "the day after", 1)

	// Another machine that takes over with the same state.
	other, err := New(d.opts)
	if err != nil {
		t.Fatal(err)
	}
	d.notifier = newNotifier(other)
	d.looks(t, time.Minute)
	d.summaries(t, "another machine", 0)
}

// TestSummaryBegins: a target that is new, or has a summary for the first time, gets it at the next
// time, not at once. Its other settings do not matter.
func TestSummaryBegins(t *testing.T) {
	d := newDaily(t, map[string]string{"profiles": profileZap("production")})
	d.at(t, "15:00")
	d.summaries(t, "new", 0)
	d.notifies(t, fmt.Sprintf(`{webhook: %q, events: [], summary: "08:00"}`, d.url))
	d.at(t, "08:00")
	d.summaries(t, "at its time", 1)
	d.notifies(t, fmt.Sprintf(`{webhook: %q}`, d.url))
	d.at(t, "07:00")
	d.at(t, "09:00")
	d.summaries(t, "without one", 0)
	s := notifytest.New(t, notifytest.Plain, "")
	d.notifies(t, fmt.Sprintf(`[{webhook: %q}, {%s, summary: "10:00"}]`, d.url, mailTo(s, "a@example.com")))
	d.at(t, "09:30")
	if kept, err := d.ledger.Summaries(t.Context()); err != nil || len(kept) != 1 {
		t.Errorf("kept %v, %v: a target without a summary is not forgotten", kept, err)
	}
	d.at(t, "10:00")
	if mails := s.Mails(); len(mails) != 1 {
		t.Errorf("%d mails at the time of a new target", len(mails))
	}
}

// TestSummaryClock: after the clock was ahead, summaries go on at the next time, and a clock that is
// set back a little repeats none.
func TestSummaryClock(t *testing.T) {
	d := newDaily(t, map[string]string{"profiles": profileZap("production")})
	d.at(t, "07:00")
	d.at(t, "08:00")
	d.summaries(t, "at the time", 1)
	d.ahead -= 10 * time.Minute
	d.restart()
	d.looks(t, 20*time.Minute)
	d.summaries(t, "set back by minutes", 0)
	const year = 365 * 24 * time.Hour
	d.ahead += year
	d.looks(t, time.Minute)
	d.summaries(t, "a year ahead", 1)
	d.ahead -= year
	d.restart()
	d.looks(t, time.Minute)
	d.summaries(t, "set right again", 0)
	d.at(t, "08:00")
	d.summaries(t, "the day after", 1)
}

// TestSummaryLate: a target that is down gets the summary when it is back, the last one only.
func TestSummaryLate(t *testing.T) {
	d := newDaily(t, map[string]string{"profiles": profileZap("production")})
	d.at(t, "07:00")
	d.broken = true
	for range 3 {
		d.at(t, "08:00")
	}
	d.looks(t, time.Hour)
	d.broken = false
	d.looks(t, 10*time.Minute)
	d.summaries(t, "back", 1)
	var s DailySummary
	if err := json.Unmarshal([]byte(d.bodies[len(d.bodies)-1]), &s); err != nil {
		t.Fatal(err)
	}
	if s.From.Hour() != 8 || d.now().Sub(s.From) > 26*time.Hour {
		t.Errorf("it counts from %s, now it is %s", s.From, d.now())
	}
}

// TestSummaryRefused: a target that refuses a summary gets the notices nevertheless.
func TestSummaryRefused(t *testing.T) {
	d := newDaily(t, map[string]string{"a": profileZap("production")})
	d.once(t)
	d.at(t, "07:00")
	d.large = "daily summary"
	d.at(t, "08:00")
	d.refuses("b@example.com")
	d.append(t, "b@example.com")
	d.once(t)
	d.looks(t, time.Hour)
	d.toldNow(t, "attention a failed")
	d.large = ""
	d.looks(t, time.Hour)
	d.summaries(t, "accepted again", 1)
}

// TestSummaryText: a summary has the rows of each zap since the previous one, the totals, and what
// needs attention, in the time zone of the target.
func TestSummaryText(t *testing.T) {
	d := newDaily(t, map[string]string{
		"profiles": profileZap("production"), "blocked": strings.Replace(profileZap("production"), "Signups", "Others", 1),
		"idle": strings.Replace(profileZap("production"), "enabled: true", "enabled: false", 1), "waits": profileZap("other"),
	})
	s := notifytest.New(t, notifytest.Plain, "")
	d.notifies(t, fmt.Sprintf(`[{webhook: %q, events: [], summary: "23:59"}, {%s, events: [], summary: "13:30 Asia/Kolkata"}]`, d.url, mailTo(s, "a@example.com")))
	d.at(t, "07:00")
	d.refuses("bad@example.com")
	d.append(t, "a@example.com", "b@example.com", "bad@example.com")
	// Outcomes are counted by the clock of the ledger's callers, which is ahead, too.
	d.once(t)
	d.at(t, "08:00")
	mails := s.Mails()
	if len(mails) != 1 {
		t.Fatalf("%d mails", len(mails))
	}
	m := mails[0]
	since := d.now().AddDate(0, 0, -1).Format("2006-01-02 ") + "13:30 IST"
	for _, want := range []string{
		"Since " + since + ": 2 sent, 1 failed, 3 queued\n\n", "profiles: 2 sent, 1 failed\n", "waits (blocked): 3 queued\n",
		"no rows: blocked (blocked), idle (disabled)\n", "\nNeeds attention:\n\nCleverTap account other needs attention: ",
		"\nzap profiles needs attention: 1 row failed: code 514 (1)\nnext: rowtap history profiles --state failed\n", "\nzap blocked needs attention: ",
	} {
		if !strings.Contains(m.Text, want) {
			t.Errorf("the text lacks %q:\n%s", want, m.Text)
		}
	}
	if want := "rowtap: daily summary: 2 sent, 1 failed, 3 queued; 3 items need attention"; m.Subject != want {
		t.Errorf("subject %q, want %q", m.Subject, want)
	}

	if _, err := d.Act(t.Context(), Discard, Selection{Zap: "profiles", State: ledger.Failed}); err != nil {
		t.Fatal(err)
	}
	d.at(t, "23:59")
	var got DailySummary
	if err := json.Unmarshal([]byte(d.bodies[len(d.bodies)-1]), &got); err != nil {
		t.Fatal(err)
	}
	if got.Kind != kindSummary || len(got.Zaps) != 4 || got.Total.Sent != 2 || got.Total.Failed != 0 || got.Total.Queued != 3 || len(got.Notices) != 2 ||
		!strings.HasPrefix(got.Text, "rowtap: daily summary: 2 sent, 3 queued; 2 items need attention\nSince ") {
		t.Errorf("webhook: %+v", got)
	}
	i := slices.IndexFunc(got.Zaps, func(z ZapDay) bool { return z.Zap == "waits" })
	if i < 0 || got.Zaps[i].Queued != 3 || got.Zaps[i].State != NeedsHand {
		t.Errorf("zaps: %+v", got.Zaps)
	}
}

// TestNoticesHaveNoCells: whatever fails, no cell is in a notice, a summary or an e-mail.
func TestNoticesHaveNoCells(t *testing.T) {
	const mark = "Zebedee"
	cell := mark + "@example.com"
	phone := strings.Replace(profileZap("production"), `{Score: "{{Score}}"}`, `{Score: {value: "{{Score}}", type: phone, country: IN}}`, 1)
	for _, tt := range []struct {
		name    string
		zap     string
		score   string // of the row
		prepare func(t *testing.T, d *daily)
		want    string // part of a notice
	}{
		{"CleverTap refuses the record", profileZap("production"), mark, func(_ *testing.T, d *daily) { d.refuses(cell) }, "1 row failed: code 514 (1)"},
		{"the mapping fails", phone, mark, nil, "1 row failed: code 516 in column Score (1)"},
		{"the mapping's type", strings.Replace(phone, "type: phone, country: IN", "type: number", 1), mark, nil, "1 row failed: column Score (1)"},
		{"an expression fails", strings.Replace(profileZap("production"), "{{Score}}", "{{ int(Score) }}", 1), mark, nil, "1 row failed: column Score (1)"},
		{"the filter fails", profileZap("production") + "filter: int(Score) > 1\n", mark, nil, "1 row failed: column Score (1)"},
		{"a flood", strings.Replace(profileZap("production"), "start: beginning", "start: now, max_new_rows: 1", 1), mark, nil, "2 rows are held"},
		{"a row that may be an edited one", strings.Replace(profileZap("production"), "start: beginning", "start: now, key: [Email]", 1), mark, func(t *testing.T, d *daily) {
			d.once(t)
			d.append(t, "other@example.com")
			d.once(t)
			d.append(t, "other@example.com")
		}, "row is held"},
		{"the header row is deleted", profileZap("production"), mark, func(t *testing.T, d *daily) {
			d.append(t, "Emails")
			d.once(t)
			if err := d.box.Sheets().Delete("book", "Signups", 1, 1); err != nil {
				t.Fatal(err)
			}
		}, "no column"},
		{"a refused account", profileZap("production"), mark, fails(lab.Fault{API: "clevertap", Status: 401, Body: `{"status":"fail","error":"no user ` + cell + `","code":401}`}), "needs attention: clevertap account production: upload refused: Unauthorized (HTTP 401)"},
		{"a closed account", profileZap("production"), mark, fails(lab.Fault{API: "clevertap", Status: 403, Body: cell}), "Forbidden (HTTP 403)"},
		{"a refused body", profileZap("production"), mark, fails(lab.Fault{API: "clevertap", Status: 400, Body: `{"status":"fail","error":"bad value ` + cell + `","code":512}`}), ""},
		{"a response that makes no sense", profileZap("production"), mark, fails(lab.Fault{API: "clevertap", Status: 200, Body: `{"status":"fail","error":"bad value ` + cell + `","code":512}`}), ""},
		{"a server error", profileZap("production"), mark, fails(lab.Fault{API: "clevertap", Status: 503, Body: `{"error":"` + cell + `"}`, Headers: map[string]string{"Retry-After": "7200"}}), "Service Unavailable (HTTP 503)"},
		{"Google refuses", profileZap("production"), mark, fails(lab.Fault{API: "sheets", Status: 403}), "needs attention: google account marketing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDaily(t, map[string]string{"a": tt.zap})
			s := notifytest.New(t, notifytest.Plain, "")
			d.notifies(t, fmt.Sprintf(`[{webhook: %q, summary: "08:00"}, {%s, summary: "08:00"}]`, d.url, mailTo(s, "ops@example.org")))
			d.looks(t, notifyEvery)
			if tt.prepare != nil {
				tt.prepare(t, d)
			} else {
				d.once(t)
			}
			if _, err := d.box.Sheets().Append("book", "Signups", []sandbox.Value{sandbox.Text(cell), sandbox.Text(tt.score)}, []sandbox.Value{sandbox.Text("b@example.org"), sandbox.Text("9845012345")}); err != nil {
				t.Fatal(err)
			}
			_, _ = d.Once(t.Context()) // it may fail
			d.looks(t, time.Minute)
			d.ahead += downFor
			d.looks(t, time.Minute)
			d.at(t, "08:00")
			said := strings.Join(d.bodies, "\n")
			for _, m := range s.Mails() {
				said += m.Subject + m.Text
			}
			if strings.Contains(said, mark) || !strings.Contains(said, "daily summary") || !strings.Contains(said, tt.want) {
				t.Errorf("want %q and no cell:\n%s", tt.want, said)
			}
			if tt.name == "the header row is deleted" && strings.Contains(said, "Emails") {
				t.Errorf("a cell is in the hint:\n%s", said)
			}
		})
	}
}

// fails returns a function that makes an API fail.
func fails(f lab.Fault) func(*testing.T, *daily) {
	return func(t *testing.T, d *daily) {
		d.once(t)
		if err := d.box.Fault(f); err != nil {
			t.Fatal(err)
		}
	}
}
