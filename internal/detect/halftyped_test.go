package detect_test

import (
	"slices"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/detect"
)

// TestACopyIsNotTheHalfTypedRow: a row that waits for its e-mail may have only a dropdown filled
// in. A copy of another row with the same dropdown is not that row, completed, wherever it is.
func TestACopyIsNotTheHalfTypedRow(t *testing.T) {
	const header = "Email|Name|Phone|City|Plan|Score"
	const half, grown, whole = "||||Pro|", "||+919871469111||Pro|", "bo@example.com|Bo Iyer|+919871469111|Delhi|Pro|422"
	list := []string{
		"asha@example.com|Asha Rao|+919822222221|Pune|Gold|12", "eli@example.com|Eli Lal|+919892739881|Pune|Pro|697",
		"ravi@example.com|Ravi Iyer|+919892739884|Goa|Free|1", "mei@example.com|Mei Chen|+919892739841|Delhi|Free|77",
		"tom@example.com|Tom Jones|+919892731841|Pune|Silver|33", "lena@example.com|Lena Berg|+919592739841|Oslo|Gold|44",
	}
	original := list[1]
	copied := func(text string) bool { return text == original || text == list[0] }
	end := len(list)
	at := func(rows []string, i int, added ...string) []string {
		return slices.Insert(slices.Clone(rows), i, added...)
	}
	tests := []struct {
		name          string
		before, after []string
	}{
		{"next to it, not touched", at(list, 2, half), at(list, 2, original, half)},
		{"next to it, typed on", at(list, 2, half), at(list, 2, original, grown)},
		{"next to it, complete", at(list, 2, half), at(list, 2, original, whole)},
		{"the first row copied, next to it", at(list, 1, "||||Gold|"), at(list, 1, list[0], "||+919871469111||Gold|")},
		{"at the end, typed on", at(list, end, half), at(at(list, end, grown), 2, original)},
		{"at the end, complete", at(list, end, half), at(at(list, end, whole), 2, original)},
		{"above, complete", at(list, 0, half), at(at(list, 2, original), 0, whole)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := waitForCopies(detect.Options{Require: []string{"Email"}})
			r := begin(listed(header, list), o, 1<<30, 1, start)
			r = r.then(listed(header, tt.before), o, start.Add(30*time.Second))
			r = r.then(listed(header, tt.after), o, start.Add(time.Minute))
			for _, f := range r.Found {
				if copied(textOf(r.row(f.Row))) && f.State != detect.Waiting {
					t.Errorf("the copy is %s, want it to wait", f.State)
				}
			}
			for _, c := range r.Changes {
				if c.Kind == detect.BecameReady && copied(textOf(r.row(c.Row))) {
					t.Errorf("the copy, row %d, fires as the half-typed row", c.Row)
				}
			}
		})
	}
}
