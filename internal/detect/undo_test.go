package detect_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/detect"
)

// TestUndoAfterARename: a column is renamed, then a row deleted, and one poll sees both. The row
// comes back under the new name, unchanged: it is the row that vanished, and does not fire again.
func TestUndoAfterARename(t *testing.T) {
	const header = "Email|Name|City|Notes"
	list := []string{
		"asha@example.com|Asha Rao|Pune|vip", "ravi@example.com|Ravi Iyer|Goa|calls back", "mei@example.com|Mei Chen|Delhi|",
		"tom@example.com|Tom Jones|Pune|left", "lena@example.com|Lena Berg|Oslo|annual", "omar@example.com|Omar Khan|Kochi|",
	}
	without := slices.Delete(slices.Clone(list), 1, 2)
	typedOver := slices.Clone(list)
	typedOver[1] = "paul@example.com|Paul Roy|Agra|new here"
	renamed := strings.Replace(header, "Notes", "Remarks", 1)
	o := detect.Options{Require: []string{"Email"}}
	for name, then := range map[string][]string{"deleted": without, "typed over": typedOver} {
		t.Run(name, func(t *testing.T) {
			r := begin(listed(header, list), o, 1<<30, 1, start)
			r = r.then(listed(renamed, then), o, start.Add(time.Minute))
			r.Cursor = recoded(t, r.Cursor)
			r = r.then(listed(renamed, list), o, start.Add(2*time.Minute))
			for _, f := range r.Found {
				t.Errorf("row %d, %q, is %s again", f.Row, textOf(r.row(f.Row)), f.State)
			}
		})
	}
}
