package detect_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/detect"
)

// values returns n formatted values, each of them repeated times times.
func values(form string, n, times int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf(form, i/times)
	}
	return out
}

// cycled returns n values by repeating the given ones in turn.
func cycled(n int, values ...string) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = values[i%len(values)]
	}
	return out
}

// shuffled returns values in another order, which is always the same.
func shuffled(values []string) []string {
	values = slices.Clone(values)
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(values), func(i, j int) { values[i], values[j] = values[j], values[i] })
	return values
}

// columned returns a written sheet with the given columns.
func columned(header string, columns ...[]string) string {
	lines := []string{header}
	for i := range columns[0] {
		var cells []string
		for _, c := range columns {
			cells = append(cells, c[i])
		}
		lines = append(lines, strings.Join(cells, "|"))
	}
	return strings.Join(lines, "/")
}

// sortedRows shuffles the rows of a sheet.
func sortedRows(sheet string) string {
	lines := strings.Split(sheet, "/")
	return strings.Join(append(lines[:1:1], shuffled(lines[1:])...), "/")
}

// backwards reverses the rows of a sheet.
func backwards(sheet string) string {
	lines := strings.Split(sheet, "/")
	slices.Reverse(lines[1:])
	return strings.Join(lines, "/")
}

// TestRenamedColumn: when a column that disappeared and one that appeared are the same. The values
// are in other rows than before, so the rows are edited if the column is the same, and unchanged if
// not.
func TestRenamedColumn(t *testing.T) {
	const n = 20
	own := values("own %d", n, 1)
	// kept returns the first k of own, followed by new values.
	kept := func(k int) []string { return slices.Concat(own[:k], values("new %d", n-k, 1)) }
	// ordered returns the first k of own in order, and the others reversed.
	ordered := func(k int) []string {
		back := slices.Clone(own[k:])
		slices.Reverse(back)
		return slices.Concat(own[:k], back)
	}
	rotated := func(v []string) []string { return slices.Concat(v[1:], v[:1]) }
	const in, elsewhere = "Email|Town|A|B", "Town|Email|A|B"
	tests := []struct {
		name    string
		was, is []string // the values in City, and in Town
		now     string   // header of the second read
		same    bool
	}{
		{"in its place", own, rotated(own), in, true},
		{"half of the values are there", own, rotated(kept(n / 2)), in, true},
		{"less than half are", own, rotated(kept(n/2 - 1)), in, false},
		{"elsewhere, in order", own, rotated(own), elsewhere, true},
		{"elsewhere, half of it in order", own, ordered(n/2 + 1), elsewhere, true},
		{"elsewhere, less in order", own, ordered(n/2 - 2), elsewhere, false},
		{"elsewhere, in another order", own, shuffled(own), elsewhere, false},
		{"in its place, in another order", own, shuffled(own), in, true},
		{"right of the same column", own, shuffled(own), "Email|Town|B|A", true},
		{"left of the same column", own, shuffled(own), "B|Town|A|Email", true},
		{"between others", own, shuffled(own), "A|Town|Email|B", false},
		{"a dropdown", cycled(n, "gold", "basic", "free"), cycled(n, "basic", "free", "gold"), in, false},
		{"all but one alike", cycled(n, "x"), append(cycled(n-1, "x"), ""), in, false},
		{"a dropdown, few rows", cycled(11, "gold", "basic"), rotated(cycled(11, "gold", "basic")), in, true},
		{"a dropdown, one row more", cycled(12, "gold", "basic"), rotated(cycled(12, "gold", "basic")), in, false},
		{"one value, few rows", append(cycled(10, "x"), ""), append([]string{""}, cycled(10, "x")...), in, false},
		{"two values, few rows", append(cycled(10, "x", "y"), ""), append([]string{""}, cycled(10, "x", "y")...), in, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rows := len(tt.was)
			columns := map[string][]string{"Email": values("u%d@example.com", rows, 1), "Town": tt.is, "A": values("a%d", rows, 1), "B": values("b%d", rows, 1)}
			before := columned("Email|City|A|B", columns["Email"], tt.was, columns["A"], columns["B"])
			var now [][]string
			for name := range strings.SplitSeq(tt.now, "|") {
				now = append(now, columns[name])
			}
			r := reads(t, detect.Options{}, 0, before, columned(tt.now, now...))
			if len(r.Found) > 0 || r.Doubt != "" {
				t.Fatalf("found %v, doubt %q, want none", r.Found, r.Doubt)
			}
			if same := len(r.Changes) > 0; same != tt.same {
				t.Errorf("same column: %v, want %v (%d rows edited)", same, tt.same, len(r.Changes))
			}
		})
	}
}

// TestRenamedRows: what is found in a sheet if a column was renamed, or may have been.
func TestRenamedRows(t *testing.T) {
	mails, plans := values("u%d@example.com", 21, 1), cycled(21, "gold", "basic", "free")
	many, tiers := values("u%d@example.com", 60, 1), cycled(61, "gold", "basic", "free")
	runs := values("plan %d", 21, 2)
	before := columned("Plan|Email", plans[:20], mails[:20])
	lines := func(sheet string, from, to int) string { // moves a row
		l := strings.Split(sheet, "/")
		moved := l[from]
		return strings.Join(slices.Insert(slices.Delete(l, from, from+1), to, moved), "/")
	}
	partly := func(sheet string) string { // reverses the first rows
		l := strings.Split(sheet, "/")
		slices.Reverse(l[1:11])
		return strings.Join(l, "/")
	}
	r500 := rand.New(rand.NewPCG(3, 3))
	dropdown := func(n int) []string {
		out := make([]string, 500)
		for i := range out {
			out[i] = fmt.Sprintf("choice %d", r500.IntN(n))
		}
		return out
	}
	a, b, c := dropdown(2), dropdown(2), dropdown(4)
	tests := []struct {
		name, before, after string
		ready               string // a cell of the only row that fires; "": none does
		held                int
	}{
		{"the identifying column, sorted", before, sortedRows(columned("Plan|Mail", plans, mails)), mails[20], 0},
		{"the identifying column, moved", before, lines(columned("Mail|Plan", mails, plans), 21, 5), mails[20], 0},
		{"the identifying column, moved and sorted", before, sortedRows(columned("Mail|Plan", mails, plans)), "", 1},
		{"the identifying column, moved and backwards", before, backwards(columned("Mail|Plan", mails, plans)), "", 1},
		{"nothing new", before, sortedRows(columned("Mail|Plan", mails[:20], plans[:20])), "", 0},
		{
			"beside columns that tell, sorted", before, sortedRows(columned("Tier|Email", plans, mails)), mails[20], 0,
		},
		{
			"no column tells, in order", columned("Plan|Email|Tier", plans[:20], values("m%d", 20, 20), plans[:20]),
			columned("Plan|Email|Level", plans, values("m%d", 21, 21), plans), plans[20], 0,
		},
		{
			"no column tells, in a run of equal rows", columned("Plan|Email|Tier", runs[:19], values("m%d", 19, 19), plans[:19]),
			columned("Plan|Email|Level", runs[:20], values("m%d", 20, 20), plans[:20]), "", 1,
		},
		{
			"a copy of a row that is told", columned("Plan|Email|Tier", tiers[:60], many[:60], tiers[:60]),
			sortedRows(columned("Plan|Email|Level", tiers, append(many[:60:60], many[0]), tiers)), many[0], 0,
		},
		{
			"the identifying column, moved, and one of other values, sorted", columned("Plan|Email|Old", plans[:20], mails[:20], values("old %d", 20, 1)),
			sortedRows(columned("Mail|Plan", mails, plans)), "", 1,
		},
		{"the identifying column, moved, and some rows reversed", before, partly(columned("Mail|Plan", mails, plans)), "", 1},
		{
			"no column tells, one on top", columned("Plan|Email|Tier", plans[:20], values("m%d", 20, 20), plans[:20]),
			columned("Plan|Email|Level", slices.Concat([]string{"free"}, plans[:20]), values("m%d", 21, 21), slices.Concat([]string{"free"}, plans[:20])), "free", 0,
		},
		{
			"blank columns", columned("Plan|Email|Blank", plans[:20], mails[:20], cycled(20, "")), sortedRows(columned("Plan|None", plans, cycled(21, ""))), plans[20], 0,
		},
		{
			"a column of other values", columned("Plan|Tier", plans[:20], mails[:20]),
			sortedRows(columned("Plan|Note", plans, values("note %d", 21, 1))), plans[20], 0,
		},
		{
			"a column that is gone", columned("Plan|Tier", plans[:20], mails[:20]), sortedRows(columned("Plan", plans)), plans[20], 0,
		},
		{
			"two dropdowns renamed, crosswise by their values", columned("C|A|B", c, a, b), columned("C|P|Q", c, a, b), "", 0,
		},
		{
			"two dropdowns renamed and swapped", columned("C|A|B", c, a, b), columned("C|Q|P", c, b, a), "", 0,
		},
		{
			"an x in late rows, replaced", columned("Email|A|B", mails[:20], append(cycled(12, ""), cycled(8, "x")...), cycled(20, "same")),
			sortedRows(columned("Email|B|C", mails, cycled(21, "same"), append(cycled(12, "x"), cycled(9, "")...))), mails[20], 0,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := reads(t, detect.Options{}, 1<<30, tt.before, tt.after)
			if r.Doubt != "" {
				r = r.then(written(tt.after), detect.Options{}, start.Add(time.Hour))
			}
			var ready []string
			held := 0
			for _, f := range r.Found {
				if f.State == detect.Held {
					held++
					continue
				}
				for _, c := range r.row(f.Row).Cells {
					ready = append(ready, c.Text)
				}
			}
			if (tt.ready == "") != (len(ready) == 0) || tt.ready != "" && !slices.Contains(ready, tt.ready) || held != tt.held {
				t.Errorf("ready %q, %d held (doubt %q), want %q, %d", ready, held, r.Doubt, tt.ready, tt.held)
			}
		})
	}
}

// TestRenamedColumns: of several columns that disappeared or appeared, each pairs with at most one
// other. The rows are where they were, and count as edited if the wrong columns are paired.
func TestRenamedColumns(t *testing.T) {
	const n = 20
	own, mails := values("own %d", n, 1), values("u%d@example.com", n, 1)
	a, b := values("a%d", n, 1), values("b%d", n, 1)
	half := slices.Concat(values("new %d", n/2, 1), own[n/2:])
	rotated := slices.Concat(own[1:], own[:1])
	var between []string // half of the values, in order, with others in between
	for i := range n / 2 {
		between = append(between, own[i], fmt.Sprint("new ", i))
	}
	twice := func(seed int) []string { return slices.Concat(own[:n/2], shuffled(own[seed:n/2]), own[:seed]) }
	for _, tt := range []struct {
		name, before, after string
		edited              bool
	}{
		{"the one that has more of the values", columned("Email|A", mails, own), columned("Email|P|Q", mails, half, own), false},
		{"the one that had more of the values", columned("Email|A|B", mails, half, own), columned("Email|Q", mails, own), false},
		{"the nearer one of two alike", columned("Email|X|Y|A", mails, a, b, own), columned("Email|P|X|Q|Y", mails, rotated, a, own, b), false},
		{"right of the nearest column", columned("Email|A|City|B", mails, a, own, b), columned("A|Town|Email|B", a, shuffled(own), mails, b), true},
		{"right of another column", columned("Email|A|City|B", mails, a, own, b), columned("Email|Town|A|B", mails, shuffled(own), a, b), false},
		{"elsewhere, in order between others", columned("Email|City|A|B", mails, own, a, b), columned("Town|Email|A|B", between, mails, a, b), true},
		{"elsewhere, in the order of first values", columned("Email|City|A|B", mails, twice(0), a, b), columned("Town|Email|A|B", twice(4), mails, a, b), true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := reads(t, detect.Options{}, 0, tt.before, tt.after)
			if len(r.Found) > 0 || r.Doubt != "" {
				t.Fatalf("found %v, doubt %q, want none", r.Found, r.Doubt)
			}
			if edited := len(r.Changes) > 0; edited != tt.edited {
				t.Errorf("edited: %v, want %v: %+v", edited, tt.edited, r.Changes)
			}
		})
	}
}
