package detect_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/row"
)

// tailed reads the window of a table and compares it.
func tailed(c detect.Cursor, t wholeSheet, o detect.Options, now time.Time) (outcome, detect.Tailed) {
	w, ok := c.Tail(o)
	for how := detect.ReadMore; ok && how == detect.ReadMore; w, ok = w.Further() {
		var r detect.Result
		if r, how = detect.DiffTail(c, readingOf(windowOf(t, w), o), w, o, now); how != detect.ReadMore {
			return outcome{table: t, open: o.Open}.took(r), how
		}
	}
	return outcome{table: t}, detect.Inconclusive
}

// windowOf returns the rows of a window.
func windowOf(t wholeSheet, w detect.Window) wholeSheet {
	part := wholeSheet{Header: t.Header}
	for _, r := range t.Rows {
		if _, single := slices.BinarySearch(w.Rows, r.Number); single || r.Number >= w.From && r.Number <= w.To {
			part.Rows = append(part.Rows, r)
		}
	}
	return part
}

// TestTail: what a window shows, and when it is inconclusive.
func TestTail(t *testing.T) {
	o := detect.Options{Require: []string{"Email"}}
	tests := []struct {
		name  string
		polls []string // the sheet at each read; the last one is read as a window
		want  string   // "whole": the window is inconclusive
	}{
		{"nothing", []string{"abcdefgh", "abcdefgh"}, ""},
		{"append", []string{"abcdefgh", "abcdefghi"}, "i"},
		{"append two", []string{"abcdefgh", "abcdefghij"}, "i, j"},
		{"append below a blank row", []string{"abcdefgh", "abcdefgh.i"}, "i"},
		{"append half-typed", []string{"abcdefgh", "abcdefghi-"}, "i:waiting"},
		{"half-typed, then complete", []string{"abcdefgh", "abcdefghi-", "abcdefghi"}, "1 became ready"},
		{"half-typed, then edited, one below it", []string{"abcdefgh", "abcdefghi-", "abcdefghi-1j"}, "j, 1 edited"},
		{"half-typed further up, then complete", []string{"abc-defghijklm", "abcdefghijklm"}, "c"},
		{"half-typed further up at the start, edited", []string{"abc-defghijklm", "abc-1defghijklm"}, ""},
		{"half-typed further up, deleted", []string{"ab-cdefghijkl", "a.cdefghijkl"}, "whole"},
		{"typed into a blank row above the last", []string{"abcdefg.h", "abcdefgxh"}, "x"},
		{"edit the last", []string{"abcdefgh", "abcdefgh1"}, ""},
		{"edit the last and append", []string{"abcdefgh", "abcdefgh1i"}, "i"},
		{"edit the last two", []string{"abcdefgh", "abcdefg1h1"}, ""},
		{"edit the last three", []string{"abcdefgh", "abcdef1g1h1"}, "whole"},
		{"the last replaced", []string{"abcdefgh", "abcdefgx"}, "whole"},
		{"the last deleted", []string{"abcdefgh", "abcdefg"}, "whole"},
		{"the last deleted, another appended", []string{"abcdefgh", "abcdefgx"}, "whole"},
		{"insert above the last", []string{"abcdefgh", "abcdefgxh"}, "whole"},
		{"insert further up", []string{"abcdefgh", "axbcdefgh"}, "whole"},
		{"delete further up", []string{"abcdefgh", "acdefgh"}, "whole"},
		{"delete further up and append", []string{"abcdefgh", "acdefghi"}, "whole"},
		{"cut further up, pasted at the end", []string{"abcdefgh", "a.cdefghb"}, "whole"},
		{"a copy of a row further up", []string{"abcdefgh", "abcdefghb"}, "whole"},
		{"a copy of the last", []string{"abcdefgh", "abcdefghh"}, "whole"},
		{"sorted", []string{"abcdefgh", "hgfedcba"}, "whole"},
		{"equal rows at the end", []string{"abcdddddd", "abcddddddx"}, "x"},
		{"equal rows only", []string{"aaaaaaaa", "aaaaaaaax"}, "whole"},
		{"periodic rows", []string{"abababab", "ababababx"}, "whole"},
		{"emptied", []string{"abcdefgh", ""}, "whole"},
		{"the last read was doubted", []string{"abcdefgh", "a", "abcdefgh"}, "whole"},
		{"an error in the last row", []string{"abcdefgh", "abcdefgh!"}, "whole"},
		{"back after it vanished", []string{"abcdefgh", "abcdefg", "abcdefgh"}, "whole"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			last := len(tt.polls) - 1
			seen := polls(t, o, tt.polls[:last]...)
			c, o := seen.Cursor, o
			o.Open = seen.open
			before := recoded(t, c)
			r, how := tailed(c, table(tt.polls[last]), o, start.Add(time.Hour))
			got := "whole"
			if how == detect.Conclusive {
				got = said(r)
				whole := diff(c, table(tt.polls[last]), o, start.Add(time.Hour))
				if a, b := r.Cursor, whole.Cursor; !sameCursor(a, b) {
					t.Errorf("the window gives another cursor than the whole sheet:\ngot  %+v\nwant %+v", a, b)
				}
			}
			if got != tt.want {
				t.Errorf("%q: got %q, want %q", tt.polls, got, tt.want)
			}
			if !sameCursor(c, before) {
				t.Error("the cursor passed in was modified")
			}
		})
	}
}

// TestTailIsWhole: a conclusive window gives the same result as the whole worksheet for the rows in
// it. All rows have unique content, because only the whole sheet can show which is which after a
// deletion next to an edited copy.
func TestTailIsWhole(t *testing.T) {
	for _, o := range []detect.Options{{}, {Require: []string{"Email"}}, {Key: []string{"ID"}}} {
		told, found := 0, 0
		rapid.Check(t, func(t *rapid.T) {
			seed := rapid.Uint64().Draw(t, "seed")
			o := o
			m := newModel(rand.New(rand.NewPCG(seed, seed)).IntN, rapid.IntRange(5, 120).Draw(t, "rows"), plain, o)
			edit := func() {
				if i, ok := m.some(); ok {
					m.editCells(i, 1+m.intn(2))
				}
			}
			for range 4 {
				ops := []func(){m.appendRow, m.appendRow, m.appendRow, edit, m.insertRow, m.deleteLast, m.deleteRow, m.moveRow}
				for range rapid.IntRange(0, 3).Draw(t, "edits") {
					ops[m.intn(len(ops))]()
				}
				w, _ := m.cursor.Tail(o)
				o.Open = m.open
				r, how := tailed(m.cursor, m.table(), o, m.now.Add(2*time.Minute))
				if how == detect.Conclusive {
					told++
					whole := diff(m.cursor, m.table(), o, m.now.Add(2*time.Minute))
					// An edited row or a gap further up is not visible in the window.
					var want []detect.Found
					for _, f := range whole.Found {
						if f.Row >= w.From && f.Row <= w.To {
							want = append(want, f)
						}
					}
					for _, f := range r.Found {
						found++
						if i := slices.IndexFunc(want, func(g detect.Found) bool { return g.Row == f.Row }); i < 0 || want[i].State != f.State && want[i].State != detect.Held {
							t.Fatalf("the window finds row %d (%s), the whole sheet finds %+v, %q", f.Row, f.State, want, whole.Doubt)
						}
					}
					if len(r.Found) != len(want) && whole.Doubt == "" {
						t.Fatalf("the window finds %+v, the whole sheet %+v", r.Found, want)
					}
					if d := recoded(t, r.Cursor); !sameCursor(d, r.Cursor) {
						t.Fatalf("decoded cursor differs")
					}
				}
				m.poll(t)
			}
		})
		t.Logf("%+v: %d conclusive windows, %d rows found", o, told, found)
		if told == 0 || found == 0 {
			t.Error("nothing was tested")
		}
	}
}

// TestTailOfMany: a window is extended while there are new rows at its end, up to a limit.
func TestTailOfMany(t *testing.T) {
	o := detect.Options{}
	c := begin(bigTable(1000), o, 1<<30, 1, start).Cursor
	for _, tt := range []struct {
		rows int
		how  detect.Tailed
	}{{1001, detect.Conclusive}, {1499, detect.Conclusive}, {3000, detect.Conclusive}, {9000, detect.Inconclusive}} {
		r, how := tailed(c, bigTable(tt.rows), o, start.Add(time.Minute))
		if how != tt.how || how == detect.Conclusive && len(r.Found) != tt.rows-1000 {
			t.Errorf("%d rows: %d found, %d; want %d", tt.rows, len(r.Found), how, tt.how)
		}
	}
}

// TestTailOfPrefilledRows: of thousands of prefilled rows below the last ready one, only the next
// few are read.
func TestTailOfPrefilledRows(t *testing.T) {
	o := detect.Options{Require: []string{"Email"}}
	sheet := bigTable(5000)
	for i := range sheet.Rows[1000:] {
		sheet.Rows[1000+i].Cells = []row.Cell{{}, {}, row.NumberCell(float64(i))}
	}
	c := begin(sheet, o, 1<<30, 1, start).Cursor
	w, ok := c.Tail(o)
	if !ok || w.From != 999 || w.To != 1501 || len(w.Rows) != 100 {
		t.Fatalf("window %d to %d and %d rows, %t", w.From, w.To, len(w.Rows), ok)
	}
	sheet.Rows[1000].Cells = append([]row.Cell{row.TextCell("New"), row.TextCell("new@example.com")}, sheet.Rows[1000].Cells[2:]...)
	r, how := tailed(c, sheet, o, start.Add(time.Minute))
	if how != detect.Conclusive || len(r.Found) != 1 || r.Found[0].Row != 1002 {
		t.Errorf("%d: %+v", how, r.Found)
	}

	// Many rows are filled in at once: all count, not only those in the window.
	o.MaxNewRows = 1000
	for i := range sheet.Rows[1000:4000] {
		sheet.Rows[1000+i].Cells = []row.Cell{{}, row.TextCell(fmt.Sprintf("n%d@example.com", i)), row.NumberCell(float64(i))}
	}
	r, how = tailed(c, sheet, o, start.Add(time.Minute))
	held := 0
	for _, f := range r.Found {
		if f.State == detect.Held {
			held++
		}
	}
	if how != detect.Inconclusive && held != 3000 {
		t.Errorf("%d: %d found, %d held", how, len(r.Found), held)
	}
}

// TestTailKeyFilledIn: if a key is filled in that another row has, the whole worksheet is needed.
func TestTailKeyFilledIn(t *testing.T) {
	o := detect.Options{Key: []string{"Email"}}
	c := begin(table("abcdefgh-"), o, 1<<30, 1, start).Cursor
	again := table("abcdefgh")
	again.Rows[7].Cells = slices.Clone(again.Rows[7].Cells)
	for k, name := range again.Header.Names() {
		if name == "Email" {
			again.Rows[7].Cells[k] = row.TextCell("b@example.com")
		}
	}
	if r, how := tailed(c, again, o, start.Add(time.Minute)); how != detect.Inconclusive {
		t.Errorf("%d: %+v", how, r.Found)
	}
	if r := diff(c, again, o, start.Add(time.Minute)); len(r.Found) != 1 || r.Found[0].State != detect.Held {
		t.Errorf("the whole worksheet: %+v", r.Found)
	}
}

// TestTailSettles: a row that has settled is ready, even if no cell in the window changed.
func TestTailSettles(t *testing.T) {
	o := detect.Options{Settle: 30 * time.Second}
	r := begin(table("abcdefgh"), o, 1<<30, 1, start)
	for _, s := range []struct {
		after time.Duration
		want  string
	}{{time.Minute, "i:waiting"}, {80 * time.Second, ""}, {90 * time.Second, "1 became ready"}, {120 * time.Second, ""}} {
		o.Open = r.open
		got, how := tailed(r.Cursor, table("abcdefghi"), o, start.Add(s.after))
		if how != detect.Conclusive || said(got) != s.want {
			t.Fatalf("%v: %v, got %q, want %q", s.after, how, said(got), s.want)
		}
		r = got
	}
}

// TestTailOfKeys: a window is conclusive with keys as long as they are in their places and the new
// ones were never seen.
func TestTailOfKeys(t *testing.T) {
	const header, rows = "ID|Name|City|Street/", "a|Al|Al city|Al street/b|Bo|Bo city|Bo street/c|Cy|Cy city|Cy street/d|Di|Di city|Di street/e|Ed|Ed city|Ed street/f|Fi|Fi city|Fi street/g|Gu|Gu city|Gu street"
	o := detect.Options{Key: []string{"ID"}}
	skip, send := o, o
	skip.Repeats, send.Repeats = detect.RepeatsSkip, detect.RepeatsSend
	for _, tt := range []struct {
		name, last, after string // the last row, before and after
		o                 detect.Options
		want              string // "whole": the window is inconclusive
	}{
		{"nothing", "/h|Hal|Hal city|Hal street", "/h|Hal|Hal city|Hal street", o, ""},
		{"a new key", "/h|Hal|Hal city|Hal street", "/h|Hal|Hal city|Hal street/i|Ida|Ida city|Ida street", o, "Ida"},
		{"a key that is there", "/h|Hal|Hal city|Hal street", "/h|Hal|Hal city|Hal street/b|Ida|Ida city|Ida street", o, "whole"},
		{"another key in its place", "/h|Hal|Hal city|Hal street", "/x|Hal|Hal city|Hal street", o, "whole"},
		{"the key is cleared", "/h|Hal|Hal city|Hal street", "/|Hal|Hal city|Hal street", o, "8 edited"},
		{"a new key is filled in", "/|Hal|Hal city|Hal street", "/h|Hal|Hal city|Hal street", o, "8 became ready"},
		{"a key that is there is filled in", "/|Hal|Hal city|Hal street", "/b|Hal|Hal city|Hal street", o, "whole"},
		{"a key that is there, skipped", "/h|Hal|Hal city|Hal street", "/h|Hal|Hal city|Hal street/b|Ida|Ida city|Ida street", skip, "Ida"},
		{"a copy of a row, skipped", "/h|Hal|Hal city|Hal street", "/h|Hal|Hal city|Hal street/b|Bo|Bo city|Bo street", skip, "whole"},
		{"a key that is there, sent", "/h|Hal|Hal city|Hal street", "/h|Hal|Hal city|Hal street/b|Ida|Ida city|Ida street", send, "whole"},
		{"keys of another column", "/h|Hal|Hal city|Hal street", "/h|Hal|Hal city|Hal street/i|Ida|Ida city|Ida street", detect.Options{Key: []string{"Name"}}, "whole"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			seen := begin(typedSheet(header+rows+tt.last), o, 0, 1, start)
			opts := tt.o
			opts.Open = seen.open
			r, how := tailed(seen.Cursor, typedSheet(header+rows+tt.after), opts, start.Add(time.Hour))
			got := "whole"
			if how == detect.Conclusive {
				got = namesOf(r)
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
