package engine

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/poll"
	"github.com/rowtap/rowtap/internal/sandbox"
)

// dueTogether polls zaps as the scheduler does when they are due together, and returns the result
// of each poll and the number of reads.
func (r *rig) dueTogether(t *testing.T, names ...string) (reports map[string]PollReport, errs map[string]error, reads int64) {
	t.Helper()
	account := r.current().Google["marketing"].Opened()
	if account != nil {
		_, reads = account.Usage()
	}
	reports, errs = map[string]PollReport{}, map[string]error{}
	var mu sync.Mutex
	r.poller.Visit(t.Context(), names, func(end poll.End) {
		mu.Lock()
		defer mu.Unlock()
		reports[end.Zap], errs[end.Zap] = end.Report, end.Err
	})
	_, all := r.current().Google["marketing"].Opened().Usage()
	return reports, errs, all - reads
}

// seed appends rows whose cells do not compress.
func (r *rig) seed(t *testing.T, worksheet string, rows int) {
	t.Helper()
	var list [][]sandbox.Value
	for i := range rows {
		id := uint64(i+1) * 0x9e3779b97f4a7c15
		list = append(list, []sandbox.Value{sandbox.Text(fmt.Sprintf("%016x@example.com", id)), sandbox.Number(float64(id >> 11))})
	}
	if _, err := r.box.Sheets().Append("book", worksheet, list...); err != nil {
		t.Fatal(err)
	}
}

// TestLargeWorksheet is too large for a complete read at every poll: changes that move or follow
// the last rows show in a few rows, and then it is read completely.
func TestLargeWorksheet(t *testing.T) {
	text := strings.Replace(fromNow(eventZap("production")), `"@every 1h"`, `"@every 1s"`, 1)
	text = strings.Replace(text, "start: now", "start: now, recheck: 1h", 1)
	r := newRig(t, map[string]string{"e": text})
	r.seed(t, "Signups", 8000)
	sheets := r.box.Sheets()
	row := func(email string) []sandbox.Value { return []sandbox.Value{sandbox.Text(email), sandbox.Number(7)} }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	appended := func(email string) { _, err := sheets.Append("book", "Signups", row(email)); must(err) }
	steps := []struct {
		name  string
		edit  func()
		found int
		reads int64 // 0: it takes several pages
	}{
		{"the first read", func() {}, 0, 0},
		{"nothing", func() {}, 0, 1},
		{"a row at the end", func() { appended("a@example.com") }, 1, 3},
		{"an edit in the middle", func() { must(sheets.Set("book", "Signups", 4000, 2, sandbox.Number(1))) }, 0, 1},
		{"a row inserted in the middle", func() { must(sheets.Insert("book", "Signups", 5000, row("b@example.com"))) }, 1, 0},
		{"a row deleted, another appended", func() {
			must(sheets.Delete("book", "Signups", 100, 100))
			appended("c@example.com")
		}, 1, 0},
		{"sorted", func() { must(sheets.Sort("book", "Signups", 1, true)) }, 0, 0},
		{"nothing after that", func() {}, 0, 1},
		{"a half-typed row", func() {
			_, err := sheets.Append("book", "Signups", []sandbox.Value{sandbox.Text(""), sandbox.Number(3)})
			must(err)
		}, 1, 3},
		{"another below it", func() { appended("e@example.com") }, 1, 3},
		{"a thousand rows", func() { r.seedMore(t, 1000) }, 1000, 0},
		{"the half-typed one is complete", func() { must(sheets.Set("book", "Signups", 8004, 1, sandbox.Text("d@example.com"))) }, 0, 3},
	}
	for _, step := range steps {
		step.edit()
		reports, errs, reads := r.dueTogether(t, "e")
		if err := errs["e"]; err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if got := reports["e"]; got.Found != step.found || step.reads > 0 && reads != step.reads {
			t.Errorf("%s: %d found with %d reads, want %d with %d", step.name, got.Found, reads, step.found, step.reads)
		}
	}
	z, _, err := r.ledger.Zap(t.Context(), "e")
	must(err)
	if want := (ledger.Counts{Queued: 1005}); z.Counts != want {
		t.Errorf("%+v, want %+v", z.Counts, want)
	}
}

func (r *rig) seedMore(t *testing.T, rows int) {
	t.Helper()
	var list [][]sandbox.Value
	for i := range rows {
		list = append(list, []sandbox.Value{sandbox.Text(fmt.Sprintf("more%d@example.com", i)), sandbox.Number(float64(i))})
	}
	if _, err := r.box.Sheets().Append("book", "Signups", list...); err != nil {
		t.Fatal(err)
	}
}

// TestLargeWorksheetHeader: a mapped column that is missing from a large worksheet blocks its zap
// with one read per poll after the first. Rows added in the meantime are found once it is back.
func TestLargeWorksheetHeader(t *testing.T) {
	text := strings.Replace(fromNow(eventZap("production")), `"@every 1h"`, `"@every 1s"`, 1)
	text = strings.Replace(text, "start: now", "start: now, recheck: 1h", 1)
	r := newRig(t, map[string]string{"e": text})
	r.seed(t, "Signups", 8000)
	r.dueTogether(t, "e")
	name := func(s string) {
		if err := r.box.Sheets().Set("book", "Signups", 1, 1, sandbox.Text(s)); err != nil {
			t.Fatal(err)
		}
	}
	name("E-mail")
	r.append(t, [2]string{"a@example.com", "1"})
	// The first also looks up the titles: another worksheet may have taken this one's.
	for _, want := range []int64{2, 1} {
		if _, errs, reads := r.dueTogether(t, "e"); errs["e"] == nil || !strings.Contains(errs["e"].Error(), `"E-mail"`) || reads != want {
			t.Errorf("%v after %d reads, want the nearest column after %d", errs["e"], reads, want)
		}
	}
	name("Email")
	if reports, errs, _ := r.dueTogether(t, "e"); errs["e"] != nil || reports["e"].Found != 1 {
		t.Errorf("%+v, %v, want 1 found", reports["e"], errs["e"])
	}
}

// TestSharedReads: zaps of one spreadsheet that are due together share a request, and a failure
// affects only its own zap.
func TestSharedReads(t *testing.T) {
	text := fromNow(eventZap("production"))
	r := newRig(t, map[string]string{
		"a": text, "b": text, "other": strings.Replace(text, "Signups", "Other", 1),
		"gone": strings.Replace(text, "Signups", "Gone", 1),
	})
	r.other(t)
	if err := r.box.Sheets().AddWorksheet("book", "Gone", 9, []sandbox.Value{sandbox.Text("Email"), sandbox.Text("Score")}); err != nil {
		t.Fatal(err)
	}
	all := []string{"a", "b", "gone", "other"}
	if _, errs, reads := r.dueTogether(t, all...); reads != 2 || errs["a"] != nil || errs["other"] != nil {
		t.Errorf("first reads: %d reads, %v; want 2: where the worksheets are, and their cells", reads, errs)
	}
	if _, _, reads := r.dueTogether(t, all...); reads != 1 {
		t.Errorf("%d reads when nothing is new, want 1", reads)
	}
	r.append(t, [2]string{"x@example.com", "1"})
	if _, err := r.box.Sheets().Append("book", "Other", []sandbox.Value{sandbox.Text("y@example.com"), sandbox.Number(1)}); err != nil {
		t.Fatal(err)
	}
	reports, _, reads := r.dueTogether(t, all...)
	if reads != 3 || reports["a"].Found != 1 || reports["b"].Found != 1 || reports["other"].Found != 1 {
		t.Errorf("%+v with %d reads, want a row each with 3", reports, reads)
	}
	if err := r.box.Sheets().DeleteWorksheet("book", "Gone"); err != nil {
		t.Fatal(err)
	}
	// The first poll reads together, then each alone, and looks the deleted worksheet up. The
	// second reads the deleted one next to the others.
	for i, want := range []int64{1 + 4 + 1, 2} {
		r.append(t, [2]string{"", ""})
		reports, errs, reads := r.dueTogether(t, all...)
		if errs["gone"] == nil || !strings.Contains(errs["gone"].Error(), "was deleted") || errs["a"] != nil || errs["other"] != nil {
			t.Errorf("poll %d: %+v, %v", i, reports, errs)
		}
		if reads > want {
			t.Errorf("poll %d: %d reads, want %d at most", i, reads, want)
		}
	}
}
