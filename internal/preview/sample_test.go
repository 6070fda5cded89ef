package preview_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/plan"
	"github.com/rowtap/rowtap/internal/preview"
	"github.com/rowtap/rowtap/internal/sandbox"
	"github.com/rowtap/rowtap/internal/sandbox/lab"
)

// sampled returns the sheet rows of a sample with their verdicts, such as "5 ready".
func sampled(s *preview.Sample) string {
	var all []string
	for _, r := range s.Rows {
		all = append(all, fmt.Sprint(r.Number, " ", r.Verdict))
	}
	return strings.Join(all, ", ")
}

// TestSampleOfLargeSheets checks that only the end of a worksheet is read, even if the grid
// continues far below the last row.
func TestSampleOfLargeSheets(t *testing.T) {
	r := newRig(t, map[string]string{"profiles": testZap})
	rows := make([][]sandbox.Value, 30_000)
	for i := range rows {
		rows[i] = []sandbox.Value{sandbox.Text(fmt.Sprintf("user-%d@example.com", i)), sandbox.Number(float64(i))}
	}
	if _, err := r.box.Sheets().Append("book", "Signups", rows...); err != nil {
		t.Fatal(err)
	}
	recipe := r.plan.Recipe("profiles")
	tests := []struct {
		name  string
		edit  func(*lab.Sheets) error
		most  int
		want  string
		reads int64
	}{
		{"rows to the end", func(*lab.Sheets) error { return nil }, 2, "30001 ready, 30000 ready", 4},
		{"200,000 blank rows below", func(s *lab.Sheets) error {
			blank := make([][]sandbox.Value, 200_000)
			for i := range blank {
				blank[i] = []sandbox.Value{}
			}
			return s.Insert("book", "Signups", 30_002, blank...)
		}, 1, "30001 ready", 12},
		{"prefilled with unticked checkboxes", func(s *lab.Sheets) error {
			var boxes [][]sandbox.Value
			for range 500 {
				boxes = append(boxes, []sandbox.Value{{}, {}, sandbox.Bool(false)})
			}
			return s.Insert("book", "Signups", 30_002, boxes...)
		}, 1, "30001 ready", 12},
	}
	for _, tt := range tests {
		if err := tt.edit(r.box.Sheets()); err != nil {
			t.Fatal(err)
		}
		before := r.box.Reads()
		s, err := preview.Newest(t.Context(), r.plan, recipe, plan.Binding{}, tt.most)
		if err != nil {
			t.Fatal(err)
		}
		if got := sampled(s); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
		if reads := r.box.Reads() - before; reads > tt.reads {
			t.Errorf("%s: %d reads, want at most %d", tt.name, reads, tt.reads)
		}
	}
}

// TestNewestReady checks that waiting and filtered rows are skipped.
func TestNewestReady(t *testing.T) {
	text := strings.Replace(testZap, "action:", "filter: Score > 100\naction:", 1)
	r := newRig(t, map[string]string{"profiles": text})
	recipe := r.plan.Recipe("profiles")
	ready := func() string {
		s, err := preview.NewestReady(t.Context(), r.plan, recipe, plan.Binding{})
		if err != nil {
			t.Fatal(err)
		}
		return sampled(s)
	}
	r.append(t, [2]string{"a@example.com", "101"}, [2]string{"b@example.com", "102"})
	for i := range 700 {
		r.append(t, [2]string{fmt.Sprintf("c-%d@example.com", i), "1"})
	}
	r.append(t, [2]string{"", "500"}, [2]string{"#N/A", "500"}, [2]string{"d@example.com", "five"})
	if got := ready(); got != "3 ready" {
		t.Errorf("got %q", got)
	}
	if err := r.box.Sheets().Delete("book", "Signups", 2, 3); err != nil {
		t.Fatal(err)
	}
	if got := ready(); got != "" {
		t.Errorf("got %q in a worksheet without a ready row", got)
	}
	s, err := preview.Newest(t.Context(), r.plan, recipe, plan.Binding{}, 4)
	if want := "704 failed, 703 waiting, 702 waiting, 701 skipped"; err != nil || sampled(s) != want {
		t.Errorf("got %s, %v, want %s", sampled(s), err, want)
	}
	if got := s.Rows[1].Lacks; !slices.Equal(got, []string{"Email"}) {
		t.Errorf("row 703 lacks %v", got)
	}
}

// TestRowAt checks the errors for rows that are not data rows.
func TestRowAt(t *testing.T) {
	r := newRig(t, map[string]string{"profiles": strings.Replace(testZap, "start:", "header_row: 2, start:", 1)})
	recipe := r.plan.Recipe("profiles")
	r.append(t, [2]string{"Email", "Score"}, [2]string{"a@example.com", "1"})
	tests := []struct {
		row  int
		want string
	}{
		{3, "3 ready"},
		{2, "row 2 is the header row"},
		{1, "row 1 is above the header row, row 2"},
		{4, "row 4 is blank"},
		{5000, `row 5000 is past the end of worksheet "Signups", which has 1000 rows`},
	}
	for _, tt := range tests {
		s, err := preview.RowAt(t.Context(), r.plan, recipe, plan.Binding{}, tt.row)
		got := ""
		if err != nil {
			got = err.Error()
			if hint.Of(err) != "rowtap test trigger profiles shows the newest rows" {
				t.Errorf("row %d: hint %q", tt.row, hint.Of(err))
			}
		} else {
			got = sampled(s)
		}
		if got != tt.want {
			t.Errorf("row %d: got %s, want %s", tt.row, got, tt.want)
		}
	}
}

// TestSampleOfMisfit checks that all columns missing from the header are reported together.
func TestSampleOfMisfit(t *testing.T) {
	text := strings.Replace(testZap, "start: beginning", "require: [Mail, Score], key: [Mail], ignore: [Notes]", 1)
	r := newRig(t, map[string]string{"profiles": strings.Replace(text, "{{Score}}", "{{Scores}}", 1)})
	r.append(t, [2]string{"a@example.com", "1"})
	s, err := preview.Newest(t.Context(), r.plan, r.plan.Recipe("profiles"), plan.Binding{}, 1)
	if err != nil || sampled(s) != "2 blocked" {
		t.Fatalf("got %s, %v", sampled(s), err)
	}
	var names []string
	for _, m := range s.Columns.Missing {
		names = append(names, m.Name+" "+m.Nearest)
		if m.Pos.Line == 0 {
			t.Errorf("%s has no position", m.Name)
		}
	}
	if want := []string{"Scores Score", "Mail Email", "Notes "}; !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
	if _, ok := errors.AsType[*mapping.ColumnError](error(s.Columns)); !ok {
		t.Error("no column error")
	}
}

// TestSampleFor: a survey shows a zap what the zap's own sample would, and no dry run is made of its
// records.
func TestSampleFor(t *testing.T) {
	text := strings.Replace(testZap, "action:", "filter: Score > 50\naction:", 1)
	text = strings.Replace(text, "start: beginning", "ignore: [Score]", 1)
	text += "redact: [Score]\n"
	r := newRig(t, map[string]string{"profiles": text})
	r.append(t, [2]string{"a@example.com", "60"}, [2]string{"b@example.com", "5"}, [2]string{"", "70"}, [2]string{"c@example.com", "many"})
	recipe := r.plan.Recipe("profiles")
	own, err := preview.Newest(t.Context(), r.plan, recipe, plan.Binding{}, 10)
	if err != nil {
		t.Fatal(err)
	}
	bare := recipe.Trigger
	bare.Ignore = nil
	survey, err := preview.Survey(t.Context(), r.plan, bare, 10)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := sampled(survey), "5 ready, 4 ready, 3 ready, 2 ready"; got != want {
		t.Errorf("surveyed %s, want %s", got, want)
	}
	seen, err := survey.For(recipe)
	if err != nil {
		t.Fatal(err)
	}
	// Row 4 has nothing but an ignored cell.
	if got, want := sampled(seen), "5 failed, 3 skipped, 2 ready"; got != want || sampled(own) != want {
		t.Errorf("for the zap %s, by itself %s, want %s", got, sampled(own), want)
	}
	all, err := preview.Map(recipe, seen, seen.Rows[2], time.Unix(0, 0))
	if err != nil || len(all) != 1 {
		t.Fatalf("%v, %v", all, err)
	}
	const want = `{"type":"profile","identity":"a@example.com","ts":0,"profileData":{"Score":"[redacted]"}}`
	if got := string(all[0].Record); got != want || all[0].DryRun != nil {
		t.Errorf("got %s, dry run %v; want %s", got, all[0].DryRun, want)
	}
	if all, err := preview.Map(recipe, seen, seen.Rows[1], time.Unix(0, 0)); err != nil || len(all) > 0 {
		t.Errorf("a row that the filter skips: %v, %v", all, err)
	}
}
