package detect_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/detect"
)

// TestTypedOverACopyBeforeItIsSeen: a poll seldom comes between the duplication of a row and the
// first cell that is typed into the copy. A row first seen with the required cells of one that was
// there, and half of its content, is a copy that somebody is typing over: it waits as an equal one
// does, so that the person copied is not sent again and the new one is.
func TestTypedOverACopyBeforeItIsSeen(t *testing.T) {
	const header = "Email|Name|City|Plan"
	list := []string{
		"asha@example.com|Asha Rao|Pune|Gold", "ravi@example.com|Ravi Iyer|Goa|Free", "mei@example.com|Mei Chen|Delhi|Free",
		"tom@example.com|Tom Jones|Pune|Silver", "lena@example.com|Lena Berg|Oslo|Gold", "omar@example.com|Omar Khan|Kochi|Free",
		"yuki@example.com|Yuki Sato|Goa|Gold", "nina@example.com|Nina Costa|Delhi|Silver",
	}
	const added = "new@example.com|Nia New|Pune|Gold"
	at := func(i int, rows ...string) []string { return slices.Insert(slices.Clone(list), i, rows...) }
	end := len(list)
	tests := []struct {
		name  string
		from  int        // see begin: 0: the rows at the start were sent, else they are old; -1: Name is required, too
		polls [][]string // the rows at each poll after the first
		want  []string   // the rows sent
	}{
		{"name, then mail, below the row copied", 1 << 30, [][]string{
			at(1, "asha@example.com|Nia New|Pune|Gold"), at(1, added),
		}, []string{added}},
		{"name, then mail, at the end", 1 << 30, [][]string{
			at(end, "asha@example.com|Nia New|Pune|Gold"), at(end, added),
		}, []string{added}},
		{"plan, then name, then mail", 1 << 30, [][]string{
			at(1, "asha@example.com|Asha Rao|Pune|Free"), at(1, "asha@example.com|Nia New|Pune|Free"), at(1, "new@example.com|Nia New|Pune|Free"),
		}, []string{"new@example.com|Nia New|Pune|Free"}},
		{"name, then mail, both required", -1, [][]string{
			at(1, "asha@example.com|Nia New|Pune|Gold"), at(1, added),
		}, []string{added}},
		{"of a row that was sent", 0, [][]string{
			at(end, "nina@example.com|Nia New|Delhi|Silver"), at(end, "new@example.com|Nia New|Delhi|Silver"),
		}, []string{"new@example.com|Nia New|Delhi|Silver"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sheets := []wholeSheet{listed(header, list)}
			for _, p := range tt.polls {
				sheets = append(sheets, listed(header, p))
			}
			o, from := waitForCopies(detect.Options{Require: []string{"Email"}}), tt.from
			if from < 0 {
				o.Require, from = []string{"Email", "Name"}, 1<<30
			}
			got := sentOf(t, o, from, sheets)
			if !slices.Equal(got, tt.want) {
				t.Errorf("sent %q, want %q", got, tt.want)
			}
		})
	}
}

// TestACopyIsNotTheHalfTypedRow: of a row that waits for its mail only a dropdown may be known yet.
// A copy of another row with the same dropdown is not that row, completed, whatever place it has.
func TestACopyIsNotTheHalfTypedRow(t *testing.T) {
	const header = "Email|Name|Phone|City|Plan|Score"
	const half, grown, whole = "||||Pro|", "||+919871469111||Pro|", "bo@example.com|Bo Iyer|+919871469111|Delhi|Pro|422"
	list := []string{
		"asha@example.com|Asha Rao|+919822222221|Pune|Gold|12", "eli@example.com|Eli Lal|+919892739881|Pune|Pro|697",
		"ravi@example.com|Ravi Iyer|+919892739884|Goa|Free|1", "mei@example.com|Mei Chen|+919892739841|Delhi|Free|77",
		"tom@example.com|Tom Jones|+919892731841|Pune|Silver|33", "lena@example.com|Lena Berg|+919592739841|Oslo|Gold|44",
	}
	original := list[1]
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
				if textOf(r.row(f.Row)) == original && f.State != detect.Waiting {
					t.Errorf("the copy is %s, want it to wait", f.State)
				}
			}
			for _, c := range r.Changes {
				if c.Kind == detect.BecameReady && textOf(r.row(c.Row)) == original {
					t.Errorf("the copy, row %d, fires as the half-typed row", c.Row)
				}
			}
		})
	}
}

// TestWhenTypingHasBegun: a new row is a copy of which somebody has begun to type over if it has the
// required cells of a row that was there, and half of its content, and if such cells tell rows
// apart. Else it is a new row, as any other.
func TestWhenTypingHasBegun(t *testing.T) {
	const header = "Email|Name|City|Street|Phone"
	people := func(mail func(i int) int) []string {
		return list(12, func(i int) string {
			return fmt.Sprintf("u%d@example.com|Name %d|City %d|Street %d|Phone %d", mail(i), i, i, i, i)
		}).joined()
	}
	own := people(func(i int) int { return i })
	// Two of twelve have another one's mail.
	twice := people(func(i int) int { return i % 10 })
	// One of twelve has.
	once := people(func(i int) int { return i % 11 })
	for _, tt := range []struct {
		name  string
		list  []string
		added string
		want  string
	}{
		{"three cells of five", own, "u3@example.com|Name 3|City 3|New Street|New Phone", "1 waiting"},
		{"two cells of five", own, "u3@example.com|Name 3|New City|New Street|New Phone", "1 ready"},
		{"the mail alone", own, "u3@example.com|New Name|New City|New Street|New Phone", "1 ready"},
		{"three cells, the others are blank", own, "u3@example.com|Name 3|City 3||", "1 waiting"},
		{"all but the mail", own, "new@example.com|Name 3|City 3|Street 3|Phone 3", "1 ready"},
		{"a twelfth of the mails repeats", once, "u3@example.com|Name 3|City 3|Street 3|New Phone", "1 waiting"},
		{"a sixth of the mails repeats", twice, "u3@example.com|Name 3|City 3|Street 3|New Phone", "1 ready"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := waitForCopies(detect.Options{Require: []string{"Email"}})
			r := begin(listed(header, tt.list), o, 1<<30, 1, start)
			r = r.then(listed(header, append(slices.Clone(tt.list), tt.added)), o, start.Add(time.Minute))
			if got := verdict(r.Result); got != tt.want {
				t.Errorf("got %q, want %q: %+v", got, tt.want, r.Found)
			}
		})
	}
}

// joined returns the rows as [listed] takes them.
func (l lines) joined() []string {
	var rows []string
	for _, cells := range l {
		rows = append(rows, strings.Join(cells, "|"))
	}
	return rows
}
