package detect_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/detect"
)

// TestUndoAfterARename: a column is renamed and a row deleted between two polls. When the row comes
// back unchanged under the new name, it is the row that vanished, and does not fire again.
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

// TestUndoneEditOfARowThatWasCopied: a copy that is typed over at once leaves a vanished row equal
// to its original. When the original is edited later and the edit undone, it is the original again,
// not the copy come back: the person copied is not sent again.
func TestUndoneEditOfARowThatWasCopied(t *testing.T) {
	const header = "Email|Name|City|Score"
	list := []string{
		"asha@example.com|Asha Rao|Pune|12", "ravi@example.com|Ravi Iyer|Goa|677", "mei@example.com|Mei Chen|Delhi|31",
		"tom@example.com|Tom Jones|Pune|900", "lena@example.com|Lena Berg|Oslo|55", "omar@example.com|Omar Khan|Kochi|23",
	}
	with := func(second string, last ...string) wholeSheet {
		rows := append(slices.Clone(list), last...)
		rows[1] = second
		return listed(header, rows)
	}
	for name, edited := range map[string]string{
		"a cell edited":     "ravi@example.com|Ravi Iyer|Agra|677",
		"tidied":            "RAVI@example.com|Ravi Iyer|Goa|677",
		"formatted as text": "ravi@example.com|Ravi Iyer|Goa|677 ",
	} {
		t.Run(name, func(t *testing.T) {
			sent := sentOf(t, waitForCopies(detect.Options{Require: []string{"Email"}}), 1<<30, []wholeSheet{
				with(list[1]), with(list[1], list[1]), with(list[1]), with(edited), with(list[1]),
			})
			if len(sent) > 0 {
				t.Errorf("sent %q, want none", sent)
			}
		})
	}
}

// TestUndoOfARowAndItsCopy: a row and its copy are deleted and come back, with the copy typed over.
// The row is the original, and the other is new.
func TestUndoOfARowAndItsCopy(t *testing.T) {
	const header = "Email|Name|City|Score"
	const added = "paul@example.com|Paul Roy|Agra|8"
	list := []string{
		"asha@example.com|Asha Rao|Pune|12", "ravi@example.com|Ravi Iyer|Goa|677", "mei@example.com|Mei Chen|Delhi|31",
		"tom@example.com|Tom Jones|Pune|900", "lena@example.com|Lena Berg|Oslo|55", "omar@example.com|Omar Khan|Kochi|23",
	}
	// Edited above the copied row, so that only the rows below show which of the two is the copy.
	edited := slices.Clone(list)
	edited[0] = "asha@example.com|Asha Rao|Pune|13"
	at := func(list []string, i int, rows ...string) wholeSheet {
		return listed(header, slices.Insert(slices.Clone(list), i, rows...))
	}
	without := func(list []string) wholeSheet { return listed(header, slices.Delete(slices.Clone(list), 1, 2)) }
	for name, now := range map[string][]string{"as it was": list, "edited above": edited} {
		for place, i := range map[string]int{"below": 2, "above": 1, "at the end": len(list)} {
			t.Run(name+", "+place, func(t *testing.T) {
				sent := sentOf(t, waitForCopies(detect.Options{Require: []string{"Email"}}), 1<<30, []wholeSheet{
					at(list, 0), at(now, i, list[1]), without(now), at(now, i, added),
				})
				if want := []string{added}; !slices.Equal(sent, want) {
					t.Errorf("sent %q, want %q", sent, want)
				}
				sent = sentOf(t, waitForCopies(detect.Options{Require: []string{"Email"}}), 1<<30, []wholeSheet{
					at(list, 0), at(now, i, list[1]), without(now), at(now, i, list[1]),
				})
				if want := []string{list[1]}; !slices.Equal(sent, want) {
					t.Errorf("both unchanged: sent %q, want the copy, %q", sent, want)
				}
			})
		}
	}
}
