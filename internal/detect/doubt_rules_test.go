package detect_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/detect"
)

// TestDoubtRules has, for each rule about doubtful reads, a case that fails without it.
func TestDoubtRules(t *testing.T) {
	rows := list(8, func(i int) string { return fmt.Sprintf("p%d|q%d|r%d", i, i, i) })
	// Errors in n rows, but in less than half of the cells of each column.
	broken := func(n int) lines {
		l := rows
		for i := range n {
			l = l.with(i, i%3, "Loading...")
		}
		return l
	}
	added := func(l lines) lines { return append(slices.Clip(l), []string{"new", "new", "new"}) }
	for _, tt := range []struct {
		name          string
		before, after wholeSheet
		want          string // the verdict, or part of the doubt
	}{
		{"four of eight rows show errors", rows.sheet(), broken(4).sheet(), "4 of 8 rows show errors"},
		{"three of eight rows show errors", rows.sheet(), broken(3).sheet(), ""},
		{"four of eight rows showed errors before", broken(4).sheet(), broken(4).with(7, 2, "new").sheet(), ""},
		{"three of eight rows showed errors before", broken(3).sheet(), added(broken(5)).sheet(), "5 of 9 rows show errors"},
		{"no row is known, and the header has changed", written("Email|Name"), written("Mail|Person/a@x|Al"), "1 ready"},
		{"rows are known, and the header has changed", written("Email|Name/a@x|Al"), written("Mail|Person/a@x|Al"), "header row has changed"},
		{"only unnamed columns are left of the header", written("Email|Name||/a@x|Al|x|y"), written("|||/a@x|Al|x|y"), "header row has changed"},
		{"unnamed columns were named", written("|/a@x|Al"), written("Email|Name/a@x|Al"), "header row has changed"},
		{"unnamed columns, as before", written("|/a@x|Al"), written("|/a@x|Al/b@x|Bo"), "1 ready"},
		{"all known columns show errors, and one was added", written("Email|Name/a@x|Al/b@x|Bo"), written("Email|Name|Plan/#REF!|#REF!|pro/#REF!|#REF!|free"), "the known columns show errors"},
		{"two thirds of many rows are missing", people(1500, 0).sheet(), people(500, 0).sheet(), "1,000 of 1,500 known rows"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := begin(tt.before, detect.Options{}, math.MaxInt, 1, start).Cursor
			r := diff(c, tt.after, detect.Options{}, start.Add(time.Minute)).Result
			if got := verdict(r); got != tt.want && (r.Doubt == "" || !strings.Contains(r.Doubt, tt.want)) {
				t.Errorf("got %q %q, want %q", got, r.Doubt, tt.want)
			}
			if again := r.Recheck == time.Minute; again != (r.Doubt != "" && !strings.Contains(r.Doubt, "header")) {
				t.Errorf("%q: recheck after %s", r.Doubt, r.Recheck)
			}
		})
	}
}

// TestEmptiedOutlasts: it is remembered through other doubts that a worksheet was empty for two
// reads.
func TestEmptiedOutlasts(t *testing.T) {
	o := detect.Options{Require: []string{"Email"}}
	for _, tt := range []struct {
		sheets []string
		want   string
	}{
		{[]string{"abcdefgh", "", "", "x", "a1"}, "a"},
		{[]string{"abcdefgh", "", "x", "a1"}, ""},
		{[]string{"abcdefgh", "", "", "a1b1c1", "a1b1c1"}, "a, b, c"},
		{[]string{"abcdefgh", "", "", "a1b1c1d1", "a1b1c1d1"}, ""},
	} {
		if got := said(polls(t, o, tt.sheets...)); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.sheets, got, tt.want)
		}
	}
}
