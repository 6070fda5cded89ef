package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/ledger"
)

func TestParseTime(t *testing.T) {
	kolkata, err := time.LoadLocation("Asia/Kolkata")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 29, 9, 30, 0, 0, kolkata)
	tests := []struct{ text, want string }{
		{"", "0001-01-01T00:00:00Z"},
		{"2026-11-24", "2026-11-24T00:00:00+05:30"},
		{" 2026-11-24 ", "2026-11-24T00:00:00+05:30"},
		{"7d", "2026-11-22T09:30:00+05:30"},
		{"1d12h", "2026-11-27T21:30:00+05:30"},
		{"36h", "2026-11-27T21:30:00+05:30"},
		{"90m", "2026-11-29T08:00:00+05:30"},
		{"2026-11-24T09:00:00Z", "2026-11-24T09:00:00Z"},
		{"2026-11-24T09:00:00.25+01:00", "2026-11-24T09:00:00.25+01:00"},
		{"2026-02-30", ""},
		{"24.11.2026", ""},
		{"yesterday", ""},
		{"-7d", ""},
		{"7", ""},
	}
	for _, tt := range tests {
		at, err := ParseTime(tt.text, now)
		got := at.Format(time.RFC3339Nano)
		if err != nil {
			got = ""
		}
		if got != tt.want {
			t.Errorf("ParseTime(%q) = %s, %v; want %s", tt.text, got, err, tt.want)
		}
	}
	for _, tt := range []struct {
		since, until string
		ok           bool
	}{
		{"2026-11-24", "2026-11-25", true},
		{"7d", "", true},
		{"", "7d", true},
		{"2026-11-24", "2026-11-24", false},
		{"1d", "7d", false},
	} {
		if _, _, err := ParsePeriod(tt.since, tt.until, now); (err == nil) != tt.ok || err != nil && !errors.Is(err, ErrNoPeriod) {
			t.Errorf("ParsePeriod(%q, %q): %v", tt.since, tt.until, err)
		}
	}
	if _, _, err := ParsePeriod("2026-11-30", "2026-11-30", now); err == nil || !strings.HasSuffix(err.Error(), "for one day, give the next one, 2026-12-01") {
		t.Errorf("the same day twice: %v", err)
	}
}

// find returns the IDs of the deliveries that a query lists, sorted.
func (r *rig) find(t *testing.T, q ledger.Query) string {
	t.Helper()
	var found []string
	err := r.EachDelivery(t.Context(), q, func(d ledger.Delivery) error {
		found = append(found, d.ID())
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(found)
	return strings.Join(found, " ")
}

// The deliveries of a user are found in all zaps and states, by the mapping if they were not sent,
// whether or not they are in the index.
func TestDeliveriesOfAUserAreFound(t *testing.T) {
	r := newRig(t, map[string]string{"p": profileZap("production"), "e": eventZap("production"), "gone": eventZap("production"), "hides": eventZap("production") + "redact: [Email]\n"})
	now := r.now()
	for _, name := range []string{"p", "e", "gone", "hides"} {
		r.found(t, name, now, ledger.Queued, "Asha@example.com", "b@example.com")
		r.sent(t, name, now, 1, 2)
		r.found(t, name, now, ledger.Held, "asha@example.com")
		r.found(t, name, now, ledger.Skipped, "asha@example.com", "asha@example.co")
	}
	asha := ledger.Query{Identity: "asha@example.com"}
	for _, when := range []string{"before the index", "with it"} {
		if got, want := r.find(t, asha), "e/1 e/3 e/4 gone/1 gone/3 gone/4 p/1 p/3 p/4"; got != want {
			t.Errorf("%s: found %s, want %s", when, got, want)
		}
		if got, want := r.find(t, ledger.Query{Zap: "p", Identity: "asha@example.com", State: ledger.Held}), "p/3"; got != want {
			t.Errorf("%s: found %s, want %s", when, got, want)
		}
		if got := r.find(t, ledger.Query{Zap: "hides", Identity: "asha@example.com"}); got != "" {
			t.Errorf("%s: found %s of a zap that hides its identities", when, got)
		}
		r.index(t.Context())
	}
	r.write(t, "gone", "") // what was sent has an identity; nothing else can make one
	r.write(t, "p", strings.Replace(profileZap("production"), `"{{Email}}"`, `"{{Email}}!"`, 1))
	for _, when := range []string{"before the index", "with it"} {
		if got, want := r.find(t, asha), "e/1 e/3 e/4 gone/1 p/1"; got != want {
			t.Errorf("%s, after the mapping has changed: found %s, want %s", when, got, want)
		}
		if got, want := r.find(t, ledger.Query{Identity: "asha@example.com!"}), "p/3 p/4"; got != want {
			t.Errorf("%s, after the mapping has changed: found %s, want %s", when, got, want)
		}
		r.index(t.Context())
	}
}

// An error is found by its text, which never has the value of a cell.
func TestHiddenCellsAreNotFoundByTheError(t *testing.T) {
	text := strings.Replace(profileZap("production"), `Score: "{{Score}}"`, `Score: {value: "{{Score}}", type: number}`, 1)
	r := newRig(t, map[string]string{"p": text + "redact: [Score]\n"})
	r.append(t, [2]string{"a@example.com", "secret 77"})
	r.once(t)
	if got := r.states(t, "p"); got != "f" {
		t.Fatalf("states %s, want f", got)
	}
	for search, want := range map[string]string{"NOT A NUMBER": "p/1", "Score": "p/1", "secret": "", "77": "", "a@example.com": ""} {
		if got := r.find(t, ledger.Query{Error: search}); got != want {
			t.Errorf("--error %q found %q, want %q", search, got, want)
		}
	}
}

// failing commits failed rows of a zap with an error.
func (r *rig) failing(t *testing.T, name string, at time.Time, message string, emails ...string) {
	t.Helper()
	first := r.nextDelivery(t, name)
	r.found(t, name, at, ledger.Queued, emails...)
	var out []ledger.Outcome
	for i := range emails {
		out = append(out, ledger.Outcome{Number: first + uint64(i), State: ledger.Failed, Problem: &ledger.Problem{Column: "Phone", Message: message}})
	}
	if err := r.ledger.Finish(t.Context(), name, out, at); err != nil {
		t.Fatal(err)
	}
}

// A replay, a release and a discard act on what was last updated in a period and failed or is held
// for a reason; a dry run counts the reasons.
func TestActionsOnASelection(t *testing.T) {
	r := newRig(t, map[string]string{"e": eventZap("production"), "p": profileZap("production")})
	now := r.now()
	day := 24 * time.Hour
	for _, name := range []string{"e", "p"} {
		r.failing(t, name, now.Add(-3*day), "not a phone number", "a", "b")
		r.failing(t, name, now.Add(-day), "not a phone number", "c")
		r.failing(t, name, now.Add(-day), "no date", "d")
	}
	dry := func(do Action, sel Selection) string {
		t.Helper()
		sel.DryRun = true
		done, err := r.Act(t.Context(), do, sel)
		if err != nil {
			t.Fatal(err)
		}
		s := fmt.Sprint(done.Count)
		for _, reason := range done.Reasons {
			s += fmt.Sprintf("; %d %s", reason.Count, reason.Text)
		}
		return s
	}
	tests := []struct {
		do   Action
		sel  Selection
		want string
	}{
		{Replay, Selection{State: ledger.Failed}, "8; 6 Phone: not a phone number; 2 Phone: no date"},
		{Replay, Selection{Zap: "e"}, "4; 3 Phone: not a phone number; 1 Phone: no date"},
		{Discard, Selection{Error: "NO DATE"}, "2; 2 Phone: no date"},
		{Replay, Selection{Zap: "p", Since: now.Add(-2 * day)}, "2; 1 Phone: no date; 1 Phone: not a phone number"},
		{Replay, Selection{Zap: "p", Until: now.Add(-day).Truncate(time.Millisecond)}, "2; 2 Phone: not a phone number"},
		{Replay, Selection{Since: now.Add(-2 * day), Error: "phone number"}, "2; 2 Phone: not a phone number"},
		{Replay, Selection{IDs: []string{"e/1", "e/4"}, Error: "no date"}, "1; 1 Phone: no date"},
		{Release, Selection{Zap: "e", Error: "phone"}, "0"},
	}
	for _, tt := range tests {
		if got := dry(tt.do, tt.sel); got != tt.want {
			t.Errorf("%s %+v: %s, want %s", tt.do, tt.sel, got, tt.want)
		}
	}
	if reasons, err := r.Reasons(t.Context(), "e", ledger.Failed); err != nil || !slices.Equal(reasons, []Reason{{"Phone: not a phone number", 3}, {"Phone: no date", 1}}) {
		t.Errorf("Reasons = %v, %v", reasons, err)
	}
	if done, err := r.Act(t.Context(), Replay, Selection{Error: "phone number", Since: now.Add(-2 * day)}); err != nil || !slices.Equal(done.IDs, []string{"e/3", "p/3"}) || len(done.Reasons) > 0 {
		t.Errorf("Replay = %+v, %v", done, err)
	}
	if e, p := r.states(t, "e"), r.states(t, "p"); e != "ffqf" || p != "ffqf" {
		t.Errorf("states %s and %s, want ffqf", e, p)
	}
}

// A row with several errors counts for each, as each selects it; a selection by a text is listed
// under the error that has it.
func TestARowWithSeveralErrors(t *testing.T) {
	r := newRig(t, map[string]string{"e": eventZap("production")})
	r.failing(t, "e", r.now(), "not a phone number", "a")
	r.found(t, "e", r.now(), ledger.Queued, "b")
	phone := &ledger.Problem{Column: "Phone", Message: "not a phone number", Next: &ledger.Problem{Column: "Phone", Message: "not a phone number"}}
	both := &ledger.Problem{Column: "Date", Message: "no date", Next: phone}
	if err := r.ledger.Finish(t.Context(), "e", []ledger.Outcome{{Number: 2, State: ledger.Failed, Problem: both}}, r.now()); err != nil {
		t.Fatal(err)
	}
	reasons, err := r.Reasons(t.Context(), "e", ledger.Failed)
	if want := []Reason{{"Phone: not a phone number", 2}, {"Date: no date", 1}}; err != nil || !slices.Equal(reasons, want) {
		t.Errorf("Reasons = %v, %v, want %v", reasons, err, want)
	}
	for _, tt := range []struct {
		text string
		want []Reason
	}{
		{"PHONE number", []Reason{{"Phone: not a phone number", 2}}},
		{"date", []Reason{{"Date: no date", 1}}},
		{"", []Reason{{"Date: no date", 1}, {"Phone: not a phone number", 1}}},
	} {
		done, err := r.Act(t.Context(), Replay, Selection{Zap: "e", State: ledger.Failed, Error: tt.text, DryRun: true})
		if err != nil || !slices.Equal(done.Reasons, tt.want) {
			t.Errorf("--error %q: %v, %v, want %v", tt.text, done.Reasons, err, tt.want)
		}
	}
}

// Counts of a period are those of its hours, of removed zaps, too, with a total.
func TestStatusOfAPeriod(t *testing.T) {
	r := newRig(t, map[string]string{"e": eventZap("production"), "gone": eventZap("production")})
	now := r.now()
	day := 24 * time.Hour
	for i, ago := range []time.Duration{29 * day, 8 * day, 6 * day, 0} {
		for _, name := range []string{"e", "gone"} {
			first := r.nextDelivery(t, name)
			r.found(t, name, now.Add(-ago), ledger.Queued, slices.Repeat([]string{"a"}, i+1)...)
			for n := first; n < r.nextDelivery(t, name); n++ {
				r.sent(t, name, now.Add(-ago), n)
			}
		}
	}
	r.found(t, "e", now, ledger.Skipped, "b")
	r.write(t, "gone", "")
	for _, tt := range []struct {
		since time.Duration
		sent  int64
	}{
		{30 * day, 10},
		{9 * day, 9},
		{7 * day, 7},
		{time.Hour, 4},
	} {
		st, err := r.StatusSince(t.Context(), now.Add(-tt.since))
		if err != nil {
			t.Fatal(err)
		}
		if len(st.Zaps) != 2 || st.Zaps[0].Since.Tally != (Tally{Sent: tt.sent, Skipped: 1}) || st.Zaps[1].Since.Tally != (Tally{Sent: tt.sent}) || st.Total.Tally != (Tally{Sent: 2 * tt.sent, Skipped: 1}) {
			t.Errorf("%s: zaps %+v, total %+v", tt.since, st.Zaps, st.Total)
		}
		within := time.Hour
		if tt.since > 7*day {
			within = day
		}
		if before := now.Add(-tt.since).Sub(st.Total.From); before < 0 || before >= within {
			t.Errorf("%s: counted from %s, %s before", tt.since, st.Total.From, before)
		}
	}
	st, err := r.Status(t.Context())
	if err != nil || len(st.Zaps) != 1 || st.Total != nil || st.Zaps[0].Since != nil {
		t.Errorf("Status without a period: %+v, %v", st, err)
	}
	if got := tallyOf(st.Removed, now.Add(-9*day)); got != (Tally{Sent: 9}) {
		t.Errorf("of the removed zap, %+v was counted, want 9 sent", got)
	}
	if _, err := r.StatusSince(t.Context(), now.Add(-31*day)); !errors.Is(err, ErrTooLongAgo) || hint.Of(err) == "" {
		t.Errorf("31 days: %v, want ErrTooLongAgo with a hint", err)
	}
	if _, err := r.StatusSince(t.Context(), now.Add(time.Hour)); err == nil {
		t.Error("a period in the future has counts")
	}
}

// Counts say from when on they are complete, if that is in their period.
func TestCountsSayWhatIsMissing(t *testing.T) {
	from := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	p := Period{From: from}
	for _, at := range []time.Time{{}, from, from.Add(-time.Hour)} {
		if p.completeFrom(at); p.CompleteFrom != nil {
			t.Errorf("complete from %s, which is not later than the period begins", at)
		}
	}
	p.completeFrom(from.Add(2 * time.Hour))
	p.completeFrom(from.Add(time.Hour))
	if p.CompleteFrom == nil || !p.CompleteFrom.Equal(from.Add(2*time.Hour)) {
		t.Errorf("complete from %v, want the latest", p.CompleteFrom)
	}
}
