package engine

import (
	"slices"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/plan"
	"github.com/rowtap/rowtap/internal/preview"
	"github.com/rowtap/rowtap/internal/row"
	"github.com/rowtap/rowtap/internal/sandbox"
	"github.com/rowtap/rowtap/internal/sandbox/lab"
	"github.com/rowtap/rowtap/internal/sheets"
)

const datedZap = `enabled: true
schedule: "@every 1h"
trigger: {app: google_sheets, event: new_spreadsheet_row, account: marketing, spreadsheet: book, worksheet: Signups, start: beginning, require: [%REQUIRE%]}
action:
  app: clevertap
  event: create_update_user_profile
  account: production
  identity: "{{Email}}"
  properties: {January: "{{%JANUARY%}}", Share: "{{%SHARE%}}"}
`

func zapOf(require, january, share string) string {
	return strings.NewReplacer("%REQUIRE%", require, "%JANUARY%", january, "%SHARE%", share).Replace(datedZap)
}

// head writes the header row of worksheet Signups.
func (r *rig) head(t *testing.T, cells ...sandbox.Value) {
	t.Helper()
	for i, c := range cells {
		if err := r.box.Sheets().Set("book", "Signups", 1, i+1, c); err != nil {
			t.Fatal(err)
		}
	}
}

// add adds a row to worksheet Signups.
func (r *rig) add(t *testing.T, cells ...sandbox.Value) {
	t.Helper()
	if _, err := r.box.Sheets().Append("book", "Signups", cells); err != nil {
		t.Fatal(err)
	}
}

func (r *rig) account(t *testing.T) *sheets.Account {
	t.Helper()
	a := r.current().Google["marketing"].Opened()
	if a == nil {
		t.Fatal("the account is not open")
	}
	return a
}

func person(name string, january float64) []sandbox.Value {
	return []sandbox.Value{sandbox.Text(name + "@example.com"), sandbox.Number(january), sandbox.Text("x")}
}

var datedHeader = []sandbox.Value{sandbox.Text("Email"), sandbox.Date(45292, "m/d/yyyy"), sandbox.Formatted(0.1, "0%")}

// Columns are named by what the header shows. The names of earlier releases still work, with a
// warning once and at each reload. An idle poll makes no extra request; a poll that finds other
// values in the header makes one.
func TestHeaderAsShown(t *testing.T) {
	r := newRig(t, map[string]string{"new": zapOf("1/1/2024", "1/1/2024", "10%"), "old": zapOf("45292", "45292", "0.1")})
	core, logged := observer.New(zap.WarnLevel)
	var err error
	if r.Engine, err = New(Options{Plan: r.current(), Ledger: r.ledger, Log: zap.New(core), Load: r.opts.Load}); err != nil {
		t.Fatal(err)
	}
	r.head(t, datedHeader...)
	r.add(t, person("a", 3)...)
	if s := r.once(t); s.Sent != 2 || s.Blocked != 0 {
		t.Fatalf("%+v, want the row sent by both zaps", s)
	}
	for _, rec := range r.box.CleverTap().Records(sandbox.RecordQuery{}) {
		if !strings.Contains(string(rec.Body), `"profileData":{"January":3,"Share":"x"}`) {
			t.Errorf("sent %s", rec.Body)
		}
	}
	reads := func(do func()) int64 {
		before := r.readsSoFar()
		do()
		return r.readsSoFar() - before
	}
	both := func() { r.poll(t, "new"); r.poll(t, "old") }
	if n := reads(both); n != 2 {
		t.Errorf("%d reads for two idle polls, want 2", n)
	}
	warned := func() (names []string) {
		for _, e := range logged.TakeAll() {
			if name, ok := strings.CutPrefix(e.Message, "column "); ok && strings.Contains(name, " is now called ") {
				names = append(names, strings.Fields(name)[0])
			}
		}
		slices.Sort(names)
		return names
	}
	if got, want := warned(), []string{`"0.1"`, `"45292"`}; !slices.Equal(got, want) {
		t.Errorf("warned of %q, want %q", got, want)
	}
	if err := r.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := warned(), []string{`"0.1"`, `"45292"`}; !slices.Equal(got, want) || len(r.FormerNames()) != 2 {
		t.Errorf("at a reload: warned of %q, want %q; %v", got, want, r.FormerNames())
	}
	r.write(t, "old", zapOf("1/1/2024", "1/1/2024", "0.1"))
	if got, want := warned(), []string{`"0.1"`}; !slices.Equal(got, want) {
		t.Errorf("when one is corrected: warned of %q, want %q", got, want)
	}
	r.head(t, sandbox.Text("Email"), sandbox.Date(45292, "m/d/yyyy"), sandbox.Text("10%"))
	if n := reads(func() { r.poll(t, "new") }); n != 2 {
		t.Errorf("%d reads after the header changed, want 2", n)
	}
	r.head(t, sandbox.Text("Email"), sandbox.Text("1/1/2024"), sandbox.Text("10%"))
	if n := reads(func() { r.poll(t, "new") }); n != 1 {
		t.Errorf("%d reads when the header is text, want 1", n)
	}
	if _, err := r.Poll(t.Context(), "old"); err == nil || !strings.Contains(err.Error(), `no column "0.1"`) {
		t.Errorf("%v, want no column 0.1", err)
	}
}

// A header cell that gets another format keeps its value, so no read shows the change. A zap that
// uses the name now shown still recovers automatically.
func TestHeaderFormatChanges(t *testing.T) {
	r := newRig(t, map[string]string{"z": zapOf("Email", "45292", "10%")})
	r.head(t, sandbox.Text("Email"), sandbox.Number(45292), sandbox.Text("10%"))
	r.poll(t, "z")
	r.write(t, "z", zapOf("Email", "1/1/2024", "10%"))
	if _, err := r.Poll(t.Context(), "z"); err == nil {
		t.Error("there is no column 1/1/2024, and no error")
	}
	r.head(t, datedHeader[:2]...)
	r.poll(t, "z")
	r.head(t, sandbox.Text("Email"), sandbox.Date(45292, "mmm yyyy"))
	r.poll(t, "z") // the zap works again
	r.write(t, "z", zapOf("Email", "Jan 2024", "10%"))
	r.poll(t, "z")
}

// A column that an earlier release called 45292 continues: no old row is sent, failed rows are not
// retried, and stored rows are mapped by either name.
func TestUpgradeToShownNames(t *testing.T) {
	r := newRig(t, map[string]string{"z": zapOf("45292", "45292", "0.1")})
	r.head(t, sandbox.Text("Email"), sandbox.Number(45292), sandbox.Number(0.1)) // what an earlier release read
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		r.add(t, person(name, 3)...)
	}
	r.box.CleverTap().Refuse(lab.Refusal{Identity: "a@example.com", Code: 515})
	if s := r.once(t); s.Sent != 4 || s.Failed != 1 {
		t.Fatalf("%+v, want 4 sent, 1 failed", s)
	}
	r.head(t, datedHeader...)
	r.account(t).ForgetHeaders("book")
	if report := r.poll(t, "z"); report.Found != 0 || report.Doubt != "" {
		t.Errorf("after the upgrade: %+v, want nothing new", report)
	}
	r.write(t, "z", zapOf("1/1/2024", "1/1/2024", "10%"))
	r.add(t, person("new", 9)...)
	if report := r.poll(t, "z"); report.Found != 1 || report.Doubt != "" {
		t.Errorf("one added: %+v, want only that row", report)
	}
	if s := r.states(t, "z"); s != "fssssq" {
		t.Errorf("states %s, want fssssq: the failed row is the same as before", s)
	}
	r.write(t, "z", zapOf("45292", "45292", "0.1")) // the old names find what was stored under the new ones
	if s := r.once(t); s.Sent != 1 || s.Failed != 0 {
		t.Errorf("%+v, want the new row sent", s)
	}
	r.write(t, "z", zapOf("1/1/2024", "1/1/2024", "10%")) // and the new names what was stored under the old ones
	if done, err := r.Act(t.Context(), Replay, Selection{IDs: []string{"z/2"}, Again: true}); err != nil || done.Count != 1 {
		t.Fatalf("%+v, %v", done, err)
	}
	if s := r.once(t); s.Sent != 1 || s.Failed != 0 {
		t.Errorf("%+v, want the replayed row sent", s)
	}
	r.write(t, "z", zapOf("1/1/2024", "1/1/2024", "10%")+"redact: [1/1/2024]\n")
	d, _, _, err := r.Delivery(t.Context(), "z", 2)
	if err != nil || !r.Hidden(t.Context(), d)[1] {
		t.Errorf("hidden of a row stored under the old name: %v, %v; want its column 1", r.Hidden(t.Context(), d), err)
	}
}

// A window of a large worksheet includes the header: what it shows is requested once.
func TestHeaderAsShownInWindow(t *testing.T) {
	text := strings.NewReplacer("{{Score}}", "{{45292}}", "@every 1h", "@every 1s", "start: beginning", "start: now, recheck: 1h").Replace(eventZap("production"))
	r := newRig(t, map[string]string{"e": text})
	r.head(t, sandbox.Text("Email"), sandbox.Number(45292))
	r.seed(t, "Signups", 8000)
	steps := []struct {
		name  string
		edit  func()
		found int
		reads int64 // 0: it takes several pages
	}{
		{"the first read", func() {}, 0, 0},
		{"nothing", func() {}, 0, 1},
		{"the header has another format", func() {
			r.head(t, sandbox.Text("Email"), sandbox.Date(45292, "m/d/yyyy"))
			r.account(t).ForgetHeaders("book")
		}, 0, 2},
		{"nothing again", func() {}, 0, 1},
		{"a row at the end", func() { r.add(t, sandbox.Text("a@example.com"), sandbox.Number(7)) }, 1, 3},
		{"nothing after it", func() {}, 0, 1},
		{"another date", func() { r.head(t, sandbox.Text("Email"), sandbox.Date(45323, "m/d/yyyy")) }, 0, 0},
	}
	for i, step := range steps {
		step.edit()
		reports, errs, reads := r.dueTogether(t, "e")
		if last := i == len(steps)-1; (errs["e"] != nil) != last {
			t.Fatalf("%s: %v", step.name, errs["e"])
		}
		if got := reports["e"]; got.Found != step.found || step.reads > 0 && reads != step.reads {
			t.Errorf("%s: %d found with %d reads, want %d with %d", step.name, got.Found, reads, step.found, step.reads)
		}
	}
}

// Whether a row was corrected does not depend on the format of its dates, which polls do not read.
// Stored rows have it.
func TestFailedRowWithDateStays(t *testing.T) {
	r := newRig(t, map[string]string{"z": profileZap("production")})
	r.head(t, sandbox.Text("Email"), sandbox.Text("Score"))
	r.add(t, sandbox.Text("a@example.com"), sandbox.Date(2, "m/d/yyyy"))
	r.box.CleverTap().Refuse(lab.Refusal{Identity: "a@example.com", Code: 515})
	if s := r.once(t); s.Failed != 1 {
		t.Fatalf("%+v, want 1 failed", s)
	}
	for range 3 {
		r.poll(t, "z")
	}
	ds, err := r.Deliveries(t.Context(), ledger.Query{Zap: "z"})
	if err != nil || len(ds) != 1 || ds[0].State != ledger.Failed || ds[0].Attempts != 1 {
		t.Fatalf("%+v, %v; want it to stay failed", ds, err)
	}
	if got, want := ds[0].Row.Cell(1), row.ShownDate(2, "1/1/1900"); got != want {
		t.Errorf("stored as %+v, want %+v", got, want)
	}
	if err := r.box.Sheets().Set("book", "Signups", 2, 2, sandbox.Date(3, "m/d/yyyy")); err != nil {
		t.Fatal(err)
	}
	r.poll(t, "z")
	if s := r.states(t, "z"); s != "q" {
		t.Errorf("once the date is another: %s, want it queued", s)
	}
}

// Everything that reads a header reads it this way: a test of the trigger, check --online, a
// backfill, and a new zap file.
func TestHeaderAsShownElsewhere(t *testing.T) {
	r := newRig(t, map[string]string{"z": strings.Replace(zapOf("1/1/2024", "1/1/2024", "0.1"), "start: beginning", "start: now", 1)})
	r.head(t, datedHeader...)
	r.add(t, person("a", 3)...)
	p := r.current()
	want := []string{"Email", "1/1/2024", "10%"}
	s, err := preview.Newest(t.Context(), p, p.Recipe("z"), plan.Binding{}, 1)
	if err != nil || !slices.Equal(s.Header.Names()[:3], want) || s.Columns != nil || s.Rows[0].Verdict != preview.SampleReady {
		t.Errorf("test trigger: %+v, %v", s, err)
	}
	found, err := preview.Look(t.Context(), p, nil)
	if z := found.Zaps[0]; err != nil || z.Err != nil || len(z.Missing) > 0 || len(z.Warnings) != 1 || !slices.Equal(z.Header.Names()[:3], want) {
		t.Errorf("check --online: %+v, %v; want one warning", z, err)
	}
	if s, err = preview.Survey(t.Context(), p, p.Recipe("z").Trigger, 1); err != nil || !slices.Equal(s.Header.Names()[:3], want) {
		t.Errorf("new: %+v, %v", s, err)
	}
	text := strings.Replace(zapOf("1/1/2024", "1/1/2024", "10%"), "schedule", "name: fresh\nschedule", 1)
	if _, err := p.CheckFile("zaps/fresh.yaml", []byte(text), func(string) (string, bool) { return "", false }, s.Header); err != nil {
		t.Errorf("a zap file for it: %v", err)
	}
	r.poll(t, "z")
	if b, err := r.Backfill(t.Context(), "z", "", false, nil); err != nil || b.Queued != 1 {
		t.Errorf("backfill: %+v, %v; want 1 queued", b, err)
	}
	if s := r.once(t); s.Sent != 1 {
		t.Errorf("%+v, want 1 sent", s)
	}
}
