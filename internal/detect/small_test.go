package detect_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/row"
)

// TestSmall: sheets of a few rows, in which dropdowns and checkboxes seem to identify rows as well
// as the identity does.
func TestSmall(t *testing.T) {
	tests := []struct {
		name    string
		require string
		polls   []string
		want    string
	}{
		{"typed over the test row", "Email", []string{"Email|Score|Consent|Country / test|0|Yes|IN", "Email|Score|Consent|Country / asha|0|Yes|IN"}, "asha"},
		{"after the test row was cleared", "Email", []string{
			"Email|Score|Consent|Country / test|0|Yes|IN",
			"Email|Score|Consent|Country", "Email|Score|Consent|Country", "Email|Score|Consent|Country",
			"Email|Score|Consent|Country / asha|0|Yes|IN",
		}, "asha"},
		{"the test row's own email after it was cleared", "Email", []string{
			"Email|Score|Consent|Country / test|0|Yes|IN",
			"Email|Score|Consent|Country", "Email|Score|Consent|Country",
			"Email|Score|Consent|Country / test|5|Yes|IN",
		}, "test"},
		{"the last of five replaced", "Email", []string{
			"Email|Country|Plan|Consent / a|IN|gold|Yes / b|SG|free|No / c|US|pro|Yes / d|IN|free|No / e|SG|gold|Yes",
			"Email|Country|Plan|Consent / a|IN|gold|Yes / b|SG|free|No / c|US|pro|Yes / d|IN|free|No / new|IN|gold|Yes",
		}, "new"},
		{"the last of five replaced, nothing required", "", []string{
			"Email|Country|Plan|Consent / a|IN|gold|Yes / b|SG|free|No / c|US|pro|Yes / d|IN|free|No / e|SG|gold|Yes",
			"Email|Country|Plan|Consent / a|IN|gold|Yes / b|SG|free|No / c|US|pro|Yes / d|IN|free|No / new|IN|gold|Yes",
		}, "new"},
		{"one replaced by one equal except for the email", "Email", []string{
			"Email|Plan|Consent / a|gold|Yes / b|gold|Yes / c|free|Yes",
			"Email|Plan|Consent / a|gold|Yes / b|gold|Yes / new|free|Yes",
		}, "new"},
		{"a repeated identity does not identify", "Email", []string{
			"Email|Event|Seat / a|x|1 / a|y|2 / a|z|3 / b|x|4",
			"Email|Event|Seat / a|x|1 / a|y|2 / c|z|9 / b|x|4",
		}, "c"},
		{"part of the identity is kept", "Email,Country", []string{"Email|Country / a|IN", "Email|Country / new|IN"}, "new:held"},
		{"part of the identity is kept, and nothing else", "Email,Country", []string{"Email|Country|Seat / a|IN|1", "Email|Country|Seat / new|IN|2"}, "new"},
		{"two formulas recalculated", "Email", []string{
			"Email|Total|Rank / a|10|5 / b|20|4 / c|30|3 / d|40|2 / e|50|1",
			"Email|Total|Rank / a|11|1 / b|22|2 / c|33|3.5 / d|44|4.5 / e|55|5.5",
		}, ""},
		{"two formulas recalculated, and sorted by them", "Email", []string{
			"Email|Total|Rank / a|10|5 / b|20|4 / c|30|3 / d|40|2 / e|50|1",
			"Email|Total|Rank / e|55|1.5 / d|44|2.5 / c|33|3.5 / a|11|4.5 / b|9|5.5",
		}, ""},
		{"two formulas recalculated next to a new row", "Email", []string{
			"Email|Total|Rank / a|10|5 / b|20|4 / c|30|3 / d|40|2 / e|50|1",
			"Email|Total|Rank / a|11|6 / b|22|5.5 / new|1|7 / c|33|4.5 / d|44|3.5 / e|55|2.5",
		}, "new"},
		{"two rows moved and recalculated", "Email", []string{
			"Email|Total|Rank / a|10|5 / b|20|4 / c|30|3 / d|40|2 / e|50|1",
			"Email|Total|Rank / c|30|3 / d|40|2 / e|50|1 / a|11|7 / b|22|6",
		}, ""},
		{"one row deleted, its email typed elsewhere", "Email", []string{
			"Email|Total|Rank / a|10|5 / b|20|4 / c|30|3 / d|40|2 / e|50|1",
			"Email|Total|Rank / b|20|4 / c|30|3 / d|40|2 / e|50|1 / a|11|7",
		}, "a"},
		{"an email typed in its own row's place", "Email", []string{"Email|Event|Seat / a|x|1 / b|y|2 / c|z|3", "Email|Event|Seat / a|x|1 / b|y|2 / c|v|9"}, ""},
		{"recalculated with an email twice", "Email", []string{
			"Email|Total|Name / a|10|Ann / a|20|Bob / c|30|Cem",
			"Email|Total|Name / a|11|Ann / a|21|Bob / c|31|Cem",
		}, ""},
		{"an ignored identity does not count", "Email", []string{"Email|Total|Rank / a|10|5 / b|20|4 / c|30|3", "Email|Total|Rank / a|10|5 / b|20|4 / c|33|7"}, "c"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := detect.Options{}
			if tt.require != "" {
				o.Require = strings.Split(tt.require, ",")
			}
			if strings.HasPrefix(tt.name, "an ignored") {
				o.Ignore = o.Require
			}
			r := reads(t, o, 1<<30, tt.polls...)
			var got []string
			for _, f := range r.Found {
				s := r.row(f.Row).Cell(0).String()
				if f.State != detect.Ready {
					s += ":" + f.State.String()
				}
				got = append(got, s)
			}
			if s := strings.Join(got, ", ") + strings.Repeat("doubt", min(len(r.Doubt), 1)); s != tt.want {
				t.Errorf("%q: got %q, want %q", tt.polls, s, tt.want)
			}
		})
	}
}

// TestSmallEdits: an edit of a column other than the email never fires and is never held, in a
// sheet of any size; nor does an edit of the email from eight rows on.
func TestSmallEdits(t *testing.T) {
	o := detect.Options{Require: []string{"Email"}}
	for n := 1; n <= 40; n++ {
		fired, held := 0, 0
		for seed := range 40 {
			intn := rand.New(rand.NewPCG(uint64(seed), uint64(n))).IntN
			sheet := wholeSheet{Header: row.HeaderOf([]string{"Email", "Name", "Score"})}
			cell := func(k, i int) row.Cell {
				if k == 2 {
					return row.NumberCell(float64(intn(11)))
				}
				return row.TextCell(fmt.Sprintf("%d of %d", k, i))
			}
			for i := range n {
				sheet.Rows = append(sheet.Rows, row.Row{Number: i + 2, Cells: []row.Cell{cell(0, i), cell(1, i), cell(2, i)}})
			}
			c := begin(sheet, o, 0, 1, start).Cursor
			edit := func(i, k int) detect.Result {
				edited := wholeSheet{Header: sheet.Header, Rows: slices.Clone(sheet.Rows)}
				edited.Rows[i].Cells = slices.Clone(edited.Rows[i].Cells)
				edited.Rows[i].Cells[k] = cell(k, n+seed)
				return diff(c, edited, o, start.Add(time.Minute)).Result
			}
			i := intn(n)
			for k := 1; k < 3; k++ {
				if r := edit(i, k); len(r.Found) > 0 || r.Doubt != "" {
					t.Errorf("%d rows, column %d edited: found %+v, doubt %q", n, k, r.Found, r.Doubt)
				}
			}
			if r := edit(i, 0); len(r.Found) > 0 {
				if r.Found[0].State == detect.Held {
					held++
				} else {
					fired++
				}
			}
		}
		if n < 10 {
			t.Logf("%d rows, email edited: %d of 40 held, %d fired", n, held, fired)
		}
		if n >= 8 && held+fired > 0 || n >= 3 && fired > 0 {
			t.Errorf("%d rows, email edited: %d of 40 held, %d fired", n, held, fired)
		}
	}
}

// TestRelabelled: rows with the same cells are the same rows, whatever their columns are called.
func TestRelabelled(t *testing.T) {
	tests := []struct {
		name  string
		o     detect.Options
		polls []string
		want  string // first cells of the rows found
	}{
		{"two labels swapped", detect.Options{Require: []string{"Email"}}, []string{
			"Email|Name / a|Ann / b|Bob / c|Cem / d|Dan / e|Eve",
			"Name|Email / a|Ann / b|Bob / c|Cem / d|Dan / e|Eve",
		}, ""},
		{"two labels swapped, and a new row", detect.Options{Require: []string{"Email"}}, []string{
			"Email|Name / a|Ann / b|Bob / c|Cem / d|Dan / e|Eve",
			"Name|Email / a|Ann / b|Bob / new|Nic / c|Cem / d|Dan / e|Eve",
		}, "new"},
		{"two labels swapped and back", detect.Options{Require: []string{"Email"}}, []string{
			"Email|Name / a|Ann / b|Bob / c|Cem / d|Dan / e|Eve",
			"Name|Email / a|Ann / b|Bob / c|Cem / d|Dan / e|Eve",
			"Email|Name / a|Ann / b|Bob / c|Cem / d|Dan / e|Eve",
		}, ""},
		{"the key's label swapped", detect.Options{Key: []string{"ID"}}, []string{
			"ID|Name / 1|Ann / 2|Bob / 3|Cem / 4|Dan / 5|Eve",
			"Name|ID / 1|Ann / 2|Bob / 3|Cem / 4|Dan / 5|Eve",
		}, ""},
		{"the key's label swapped and back, and a new row", detect.Options{Key: []string{"ID"}}, []string{
			"ID|Name / 1|Ann / 2|Bob / 3|Cem / 4|Dan / 5|Eve",
			"Name|ID / 1|Ann / 2|Bob / 3|Cem / 4|Dan / 5|Eve",
			"ID|Name / 1|Ann / 2|Bob / 3|Cem / 4|Dan / 5|Eve / new|Ann",
		}, "new"},
		{"an ignored key distinguishes rows", detect.Options{Key: []string{"ID"}, Ignore: []string{"ID"}}, []string{
			"ID|Plan|Size / 1|gold|S / 2|gold|M / 3|free|L",
			"ID|Size|Plan / 7|gold|S / 2|gold|M / 3|free|L",
		}, "7"},
		{"a blank column left of unnamed ones", detect.Options{}, []string{
			"Kind|| / a|1|Ann / a|2|Bob / a|3|Cem / a|4|Dan / a|5|Eve",
			"Kind||| / a||1|Ann / a||2|Bob / a||3|Cem / a||4|Dan / a||5|Eve",
		}, ""},
		{"a blank column left of unnamed ones, and a new row", detect.Options{}, []string{
			"Kind|| / a|1|Ann / a|2|Bob / a|3|Cem / a|4|Dan / a|5|Eve",
			"Kind||| / a||1|Ann / a||2|Bob / new||7|Nic / a||3|Cem / a||4|Dan / a||5|Eve",
		}, "new"},
		{"no names at all", detect.Options{}, []string{
			"| / 1|Ann / 2|Bob / 3|Cem / 4|Dan / 5|Eve",
			"|| / |1|Ann / |2|Bob / |3|Cem / |4|Dan / |5|Eve",
		}, ""},
		{"two equal rows and a third", detect.Options{}, []string{
			"Email|Name / a|Ann / a|Ann / c|Cem",
			"Name|Email / a|Ann / a|Ann / a|Ann / c|Cem",
		}, "a"},
	}
	for _, tt := range tests {
		for _, from := range []int{0, 1 << 30} {
			r := reads(t, tt.o, from, tt.polls...)
			var got []string
			for _, f := range r.Found {
				got = append(got, r.row(f.Row).Cell(0).String()+strings.TrimPrefix(":"+f.State.String(), ":ready"))
			}
			if s := strings.Join(got, ", ") + r.Doubt; s != tt.want {
				t.Errorf("%s: got %q, want %q", tt.name, s, tt.want)
			}
			for _, c := range r.Changes {
				if c.Kind == detect.Deleted && tt.want != "7" {
					t.Errorf("%s: delivery %d was deleted", tt.name, c.Delivery)
				}
			}
		}
	}
}
