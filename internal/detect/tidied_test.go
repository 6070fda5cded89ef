package detect_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/row"
)

// TestTidied: an edit that only changes how a cell is written makes no row new, and does not make
// another row known.
func TestTidied(t *testing.T) {
	o := detect.Options{Require: []string{"Email"}}
	tests := []struct {
		name  string
		polls []string
		want  string
	}{
		{"blanks trimmed", []string{"Email/ a@x.com /b@x.com ", "Email/a@x.com/b@x.com"}, ""},
		{"no-break and zero-width blanks", []string{"Email|Name/a@x.com\u200b|Al\u00a0Ba/b@x.com|\ufeffBo", "Email|Name/a@x.com|Al Ba/b@x.com|Bo"}, ""},
		{"letter case of one", []string{"Email|Name/A@X.com|Al/b@x.com|Bo", "Email|Name/a@x.com|Al/b@x.com|Bo"}, ""},
		{"a cleaning tool", []string{
			"Email|Phone|Name/A@x.com|+91 98200 12345|al ba/B@x.com|+91 98200-54321|bo ca/c@X.com|(080) 2345678|cy da",
			"Email|Phone|Name/a@x.com|+919820012345|Al Ba/b@x.com|+919820054321|Bo Ca/c@x.com|0802345678|Cy Da",
		}, ""},
		{"composed and decomposed", []string{"Email|Name/a@x.com|Rene\u0301/b@x.com|Bo", "Email|Name/a@x.com|Ren\u00e9/b@x.com|Bo"}, ""},
		{"tidied and one appended", []string{"Email/ a@x.com/b@x.com", "Email/a@x.com/b@x.com/c@x.com"}, "c@x.com"},
		{"tidied and sorted", []string{"Email/D@x.com/C@x.com/B@x.com/A@x.com", "Email/a@x.com/b@x.com/c@x.com/d@x.com"}, ""},
		{"one deleted, the same typed elsewhere in another case", []string{
			"Email/Asha@x.com/b@x.com/c@x.com/d@x.com/e@x.com", "Email/b@x.com/c@x.com/d@x.com/e@x.com/asha@x.com",
		}, "asha@x.com:held"},
		{"deleted, and back in another case", []string{
			"Email/b@x.com/c@x.com/d@x.com/e@x.com/Asha@x.com", "Email/b@x.com/c@x.com/d@x.com/e@x.com", "Email/b@x.com/c@x.com/d@x.com/e@x.com/asha@x.com",
		}, "asha@x.com:held"},
		{"zeros where the rest is equal", []string{"Email|Code/a@x.com|007/b@x.com|8", "Email|Code/a@x.com|7/b@x.com|8"}, ""},
		{"amounts as shown", []string{"Email|Sum/a@x.com|$1,234.50/b@x.com|10%", "Email|Sum/a@x.com|1234.5/b@x.com|0.1"}, ""},
		{"days as shown", []string{
			"Email|Day/a@x.com|2024-02-20/b@x.com|18.03.2024/c@x.com|2024-02-20", "Email|Day/c@x.com|45342/b@x.com|45369/a@x.com|20.2.2024",
		}, ""},
		{"another day", []string{"Day/2024-02-20/18.03.2024", "Day/2024-02-20/45370"}, "45370"},
		{"leading zeros of all rows, which have no other cells", []string{"Code/001/002/003/004/005", "Code/1/2/3/4/5"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := o
			if name := tt.polls[0][:4]; name == "Code" || name == "Day/" {
				o = detect.Options{Require: []string{strings.Trim(name, "/")}}
			}
			if got := said(reads(t, o, 1<<30, tt.polls...)); got != tt.want {
				t.Errorf("%q: got %q, want %q", tt.polls, got, tt.want)
			}
		})
	}
}

// TestFoldIsNoIdentity: rows that differ only by tidying may still be different rows.
func TestFoldIsNoIdentity(t *testing.T) {
	for _, tt := range []struct{ name, before, after, want string }{
		{"punctuation of a code", "Code/88-12345/12-34567", "Code/88-12345/123-4567", "123-4567"},
		{"zeros", "Code/9/007", "Code/9/7", "7"},
		{"long numbers", "Code/1234567890123456788/1234567890123456789", "Code/1234567890123456788/1234567890123456787", "1234567890123456787"},
		{"dates", "Code/3/12/2023|x/1/12/2024|x", "Code/3/12/2023|x/11/2/2024|x", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.name == "dates" {
				return
			}
			if got := said(reads(t, detect.Options{Require: []string{"Code"}}, 1<<30, tt.before, tt.after)); got != tt.want {
				t.Errorf("%q, %q: got %q, want %q", tt.before, tt.after, got, tt.want)
			}
		})
	}
	of := func(cells ...string) wholeSheet {
		s := wholeSheet{Header: row.HeaderOf([]string{"Code"})}
		for i, c := range cells {
			s.Rows = append(s.Rows, row.Row{Number: i + 2, Cells: []row.Cell{row.TextCell(c)}})
		}
		return s
	}
	o := detect.Options{Require: []string{"Code"}}
	for _, phones := range []bool{false, true} {
		before, after := []string{"a", "1/12/2024"}, []string{"a", "11/2/2024"}
		if phones {
			before = append([]string{"+91 98200 12345", "+91 98200 12346", "+91 98200 12347"}, before...)
			after = append([]string{"+91 98200 12345", "+91 98200 12346", "+91 98200 12347"}, after...)
		}
		c := begin(of(before...), o, 1<<30, 1, start).Cursor
		if r := diff(c, of(after...), o, start.Add(time.Minute)); said(r) != "11/2/2024" {
			t.Errorf("phones %t: got %q, want the other date", phones, said(r))
		}
	}
}

// TestTypesFlipped: a number that becomes its text, and a checkbox that becomes TRUE, are the same
// cells.
func TestTypesFlipped(t *testing.T) {
	sheet := func(text bool, more ...[]row.Cell) wholeSheet {
		s := wholeSheet{Header: row.HeaderOf([]string{"ID", "Consent", "Sum"})}
		cells := [][]row.Cell{
			{row.NumberCell(42), row.BoolCell(true), row.NumberCell(1.5)},
			{row.NumberCell(43), row.BoolCell(false), row.NumberCell(-2)},
		}
		if text {
			cells = [][]row.Cell{
				{row.TextCell("42"), row.TextCell("TRUE"), row.TextCell("1.5")},
				{row.TextCell("43"), row.TextCell("FALSE"), row.TextCell("-2")},
			}
		}
		for i, c := range append(cells, more...) {
			s.Rows = append(s.Rows, row.Row{Number: i + 2, Cells: c})
		}
		return s
	}
	o := detect.Options{Require: []string{"ID"}}
	for _, text := range []bool{false, true} {
		c := begin(sheet(text), o, 1<<30, 1, start).Cursor
		r := diff(c, sheet(!text, []row.Cell{row.NumberCell(44), {}, {}}), o, start.Add(time.Minute))
		if len(r.Found) != 1 || r.Found[0].Row != 4 || r.Found[0].State != detect.Ready {
			t.Errorf("text %t: found %+v, want row 4 alone", text, r.Found)
		}
	}
}

// TestTidiedIsEdited: any change of a waiting row is reported, because a release would otherwise
// send the old spelling.
func TestTidiedIsEdited(t *testing.T) {
	r := reads(t, detect.Options{Require: []string{"Email"}, MaxNewRows: 1}, 1<<30,
		"Email|Name/a@x.com|Al", "Email|Name/a@x.com|Al/B@x.com|Bo/C@x.com|Cy", "Email|Name/a@x.com|Al/b@x.com|Bo/c@x.com|Cy")
	if got := said(r); got != "1 edited, 2 edited" {
		t.Errorf("got %q, want both held rows reported", got)
	}
}

// TestKeySpelling: which differences count in a key, and which only pair a vanished key with a new
// one.
func TestKeySpelling(t *testing.T) {
	for _, tt := range []struct {
		name, before, after, want string
		identity                  []string
	}{
		{"blanks and invisible characters", "ID|Name/A 1|Al/B 2|Bo", "ID|Name/ A\u00a0 1\u200b|Al/B 2|Bo", "", nil},
		{"letter case counts", "ID|Name/a1|Al/b2|Bo", "ID|Name/a1|Al/b2|Bo/A1|Di", "Di", nil},
		{"but not in the identity", "ID|Name/a1|Al/b2|Bo", "ID|Name/a1|Al/b2|Bo/A1|Di", "Di:held", []string{"ID"}},
		{"respelt in its place", "ID|Name/a-01|Al/b2|Bo", "ID|Name/A1|Al/b2|Bo", "", nil},
		{"respelt, and another name", "ID|Name/a-01|Al/b2|Bo", "ID|Name/A1|Di/b2|Bo", "Di", nil},
		{"respelt elsewhere", "ID|Name/a-01|Al/b2|Bo/c3|Cy", "ID|Name/b2|Bo/c3|Cy/A1|Al", "Al:held", nil},
		{"an equal fold does not make a key seen", "ID|Name/a-01|Al/b2|Bo", "ID|Name/a-01|Al/b2|Bo/A1|Di", "Di", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := detect.Options{Key: []string{"ID"}, Identity: tt.identity}
			r := reads(t, o, 1<<30, tt.before, tt.after)
			got := ""
			for _, f := range r.Found {
				got += r.row(f.Row).Cell(1).String()
				if f.State != detect.Ready {
					got += ":" + f.State.String()
				}
			}
			if got != tt.want {
				t.Errorf("%q, %q: got %q, want %q", tt.before, tt.after, got, tt.want)
			}
		})
	}
}

// TestKeyKeepsItsDelivery: a key that comes back after more than a day keeps its delivery, so that
// no backfill fires it again ([TestBackfillKnowsAKeyThatFiredLongAgo]).
func TestKeyKeepsItsDelivery(t *testing.T) {
	o := detect.Options{Key: []string{"Email"}}
	r := polls(t, o, "abcd", "abcde", "abcd")
	r.Cursor = recoded(t, r.Cursor)
	r = r.then(table("abcde"), o, start.Add(49*time.Hour))
	if got := said(r); got != "1 back" {
		t.Fatalf("e is back: got %q", got)
	}
	if s, _ := r.Cursor.At(6); s.Delivery != 1 || s.Waits {
		t.Errorf("row 6 is %+v, want delivery 1", s)
	}
}

// TestReleasedIsFinished: a held row that an operator released or discarded counts as fired: a
// similar row in its place is another one.
func TestReleasedIsFinished(t *testing.T) {
	o := detect.Options{Require: []string{"Email"}, MaxNewRows: 1}
	line := func(i int, email, score string) string {
		return fmt.Sprintf("/%s|%s|company %d|city %d|%s|%s|owner %d", email, score, i/2, i%7, []string{"IN", "SG", "US"}[i%3], []string{"free", "pro"}[i%2], i%4)
	}
	before := "Email|Score|Company|City|Country|Plan|Owner"
	for i := range 20 {
		before += line(i, fmt.Sprintf("user-%d@example.com", i), fmt.Sprint(i))
	}
	held := before + line(20, "user-20@example.com", "20") + line(21, "user-21@example.com", "21")
	other := before + line(20, "somebody@example.com", "77") + line(21, "user-21@example.com", "21")
	for _, released := range []bool{false, true} {
		r := reads(t, o, 1<<30, before, held)
		if len(r.Found) != 2 || r.Found[0].State != detect.Held {
			t.Fatalf("found %+v, want two held rows", r.Found)
		}
		if released {
			r.open = nil
		}
		r = r.then(written(other), o, start.Add(time.Hour))
		want := map[bool]string{false: "1 edited", true: "somebody@example.com:held, 1 deleted"}[released]
		if got := said(r); got != want {
			t.Errorf("released %t: got %q, want %q", released, got, want)
		}
	}
}
