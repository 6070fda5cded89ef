package detect_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/detect"
)

// TestNoWindow: when the worksheet must be read in full.
func TestNoWindow(t *testing.T) {
	keyed := detect.Options{Key: []string{"Name"}}
	// The last 64 rows repeat rows n further up.
	again := func(n int) lines { return list(5000, func(i int) string { return fmt.Sprint("p", i%n) }) }
	without := func(c detect.Cursor) detect.Cursor { c.Folds = nil; return c }
	of := func(sheet wholeSheet, o detect.Options) detect.Cursor {
		return begin(sheet, o, math.MaxInt, 1, start).Cursor
	}
	require := detect.Options{Require: []string{"Email"}}
	for _, tt := range []struct {
		name string
		c    detect.Cursor
		o    detect.Options
		want bool
	}{
		{"rows that are all ready", of(table("abcd"), require), require, true},
		{"no row is ready", of(table("a-b-c-"), require), require, false},
		{"the key is as before", of(table("abcd"), keyed), keyed, true},
		{"a key was added to the options", of(table("abcd"), require), keyed, false},
		{"the key was removed from the options", of(table("abcd"), keyed), require, false},
		{"a cursor without folded hashes", without(of(table("abcd"), require)), require, false},
		{"the rows repeat 4,096 further up", of(again(4096).sheet(), detect.Options{}), detect.Options{}, false},
		{"the rows repeat 4,225 further up", of(again(4225).sheet(), detect.Options{}), detect.Options{}, true},
	} {
		if w, ok := tt.c.Tail(tt.o); ok != tt.want {
			t.Errorf("%s: window %+v, %t; want %t", tt.name, w, ok, tt.want)
		}
	}
}

// TestSingleRows: which rows outside a window are read one by one.
func TestSingleRows(t *testing.T) {
	o := detect.Options{Require: []string{"Email"}, Open: map[uint64]detect.Open{4: detect.OpenFailed, 5: detect.OpenHeld}}
	c := begin(table("ab-cdefghijklmnop-"), o, 0, 1, start).Cursor // each row is a delivery
	if w, ok := c.Tail(o); !ok || w.From != 15 || !slices.Equal(w.Rows, []int{5}) {
		t.Errorf("window %+v, %t: want only the rejected row", w, ok)
	}
	o.Open[2], o.Open[16] = detect.OpenWaiting, detect.OpenWaiting
	if w, ok := c.Tail(o); !ok || !slices.Equal(w.Rows, []int{3, 5}) {
		t.Errorf("window %+v, %t: want the waiting row above and the rejected one", w, ok)
	}
	many := list(300, func(i int) string { return fmt.Sprintf("p%d|", i) })
	many = append(many, list(3, func(i int) string { return fmt.Sprintf("q%d|x", i) })...)
	require := detect.Options{Require: []string{"B"}}
	w, ok := begin(many.sheet(), require, math.MaxInt, 1, start).Cursor.Tail(require)
	if !ok || len(w.Rows) != 100 || w.Rows[0] != 202 || w.Rows[99] != 301 {
		t.Errorf("window %+v, %t: want the 100 rows right above", w, ok)
	}
}

// TestTailColumns: a window is only conclusive with the known header.
func TestTailColumns(t *testing.T) {
	const old = "Email|Name|City/a@x|Al|Pune/b@x|Bo|Goa/c@x|Cy|Agra/d@x|Di|Pune/e@x|Ed|Goa"
	for _, tt := range []struct {
		name, before, after string
		want                detect.Tailed
	}{
		{"as before", old, old + "/f@x|Flo|Goa", detect.Conclusive},
		{"columns moved", old, "Name|Email|City/Al|a@x|Pune/Bo|b@x|Goa/Cy|c@x|Agra/Di|d@x|Pune/Ed|e@x|Goa", detect.Conclusive},
		{"a column was renamed", old, "Email|Name|Town/a@x|Al|Pune/b@x|Bo|Goa/c@x|Cy|Agra/d@x|Di|Pune/e@x|Ed|Goa", detect.Inconclusive},
		{"a column that is blank in the last rows was deleted", "Email|Name|Note/a@x|Al|x/b@x|Bo|/c@x|Cy|/d@x|Di|/e@x|Ed|", "Email|Name/a@x|Al/b@x|Bo/c@x|Cy/d@x|Di/e@x|Ed", detect.Inconclusive},
		{"a column was added", old, "Email|Name|City|Plan/a@x|Al|Pune|/b@x|Bo|Goa|/c@x|Cy|Agra|/d@x|Di|Pune|/e@x|Ed|Goa|", detect.Inconclusive},
		{"a blank unnamed column was added", old, "Email|Name|City|/a@x|Al|Pune|/b@x|Bo|Goa|/c@x|Cy|Agra|/d@x|Di|Pune|/e@x|Ed|Goa|", detect.Conclusive},
		{"somebody fills in an unnamed column", old, old + "|x", detect.Inconclusive},
		{"an unnamed column that only rows further up reach", "Email|Name/a@x|Al|note/b@x|Bo/c@x|Cy/d@x|Di/e@x|Ed", "Email|Name/a@x|Al|note/b@x|Bo/c@x|Cy/d@x|Di/e@x|Ed", detect.Conclusive},
		{"a column that shows errors", "Email|Name|Rank/a@x|Al|#REF!/b@x|Bo|#REF!/c@x|Cy|#REF!/d@x|Di|#REF!/e@x|Ed|#REF!", "Email|Name|Rank/a@x|Al|#REF!/b@x|Bo|#REF!/c@x|Cy|#REF!/d@x|Di|#REF!/e@x|Ed|#REF!", detect.Conclusive},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := begin(written(tt.before), detect.Options{}, math.MaxInt, 1, start).Cursor
			if _, how := tailed(c, written(tt.after), detect.Options{}, start.Add(time.Minute)); how != tt.want {
				t.Errorf("got %d, want %d", how, tt.want)
			}
		})
	}
}

// TestTailRules has, for each rule about windows, a case that fails without it. The rows of the
// first sheet were there at the start.
func TestTailRules(t *testing.T) {
	const header, rows = "Email|Name|City|Phone|Rank/", "a@x|Al|Pune|111|7/b@x|Bo|Goa|222|7/c@x|Cy|Agra|333|7/d@x|Di|Pune|444|7/e@x|Ed|Goa|555|7/f@x|Fi|Agra|666|7/"
	const g, h = "g@x|Gu|Pune|777|7/", "h@x|Hal|Goa|888|7"
	var plain detect.Options
	require, keyed := detect.Options{Require: []string{"Email"}}, detect.Options{Key: []string{"Email"}}
	for _, tt := range []struct {
		name          string
		o             detect.Options
		before, after string // end of the sheet
		want          string // "whole": the window is inconclusive
	}{
		{"a cell of the third row from the end is filled in", plain, "f@x|Fi|Agra||7/" + g + h, "f@x|Fi|Agra|666|7/" + g + h, "whole"},
		{"a cell of the second row from the end is filled in", plain, "g@x|Gu|Pune||7/" + h, g + h, ""},
		{"an error is in a cell that was blank", plain, g + "h@x|Hal|Goa|888|", g + "h@x|Hal|Goa|888|#REF!", ""},
		{"an error is in the place of a value", plain, g + h, g + "h@x|Hal|Goa|888|#REF!", "whole"},
		{"a row that showed an error before is edited", plain, g + "h@x|Hal|Goa|888|#REF!", g + "h@x|Hal|Goa|889|#REF!", ""},
		{"a row is edited and tidied", plain, g + h, g + "H@X|HAL|Agra|888|7", ""},
		{"one of two equal rows is edited", plain, g + h + "/" + h, g + h + "/h@x|Hal|Agra|888|7", ""},
		{"a row becomes equal to one further up", plain, g + "f@x|Fi|Pune|666|7", g + "f@x|Fi|Agra|666|7", "whole"},
		{"a new row is equal to one further up", plain, g + h, g + h + "/b@x|Bo|Goa|222|7", "whole"},
		{"a row with a key is edited", keyed, g + h, g + "h@x|Hal|Agra|888|7", ""},
		{"a new row with a key", keyed, g + h, g + h + "/i@x|Ida|Goa|999|7", "Ida"},
		{"a key is filled in", keyed, g + "|Hal|Goa|888|7", g + h, "Hal"},
		{"two new rows, with a limit of one", detect.Options{MaxNewRows: 1}, g + h, g + h + "/i@x|Ida|Goa|999|7/j@x|Jo|Goa|000|7", "Ida:held, Jo:held"},
		{"two new rows, with a limit of two", detect.Options{MaxNewRows: 2}, g + h, g + h + "/i@x|Ida|Goa|999|7/j@x|Jo|Goa|000|7", "Ida, Jo"},
		{"an identity is filled in", require, g + "|Hal|Goa|888|7", g + h, "Hal"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := begin(written(header+rows+tt.before), tt.o, math.MaxInt, 1, start).Cursor
			after := written(header + rows + tt.after)
			r, how := tailed(c, after, tt.o, start)
			got := "whole"
			if how == detect.Conclusive {
				got = namesOf(r)
				if whole := diff(c, after, tt.o, start); !sameCursor(r.Cursor, whole.Cursor) || !slices.Equal(r.Cursor.RowKeys, whole.Cursor.RowKeys) || !slices.Equal(r.Cursor.Keys, whole.Cursor.Keys) {
					t.Errorf("the window gives another cursor than the whole sheet:\ngot  %+v\nwant %+v", r.Cursor, whole.Cursor)
				}
				if r.Unchanged {
					t.Error("there is nothing to commit")
				}
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestTailOfNothing: a window without changes leaves nothing to commit.
func TestTailOfNothing(t *testing.T) {
	o := detect.Options{Require: []string{"Email"}}
	c := begin(table("abcdefgh-"), o, math.MaxInt, 1, start).Cursor
	if r, how := tailed(c, table("abcdefgh-"), o, start.Add(time.Minute)); how != detect.Conclusive || !r.Unchanged || !sameCursor(r.Cursor, c) {
		t.Errorf("%d, %+v", how, r.Result)
	}
}

// TestTailOfVanishedRows: a row that comes back within a day is not new.
func TestTailOfVanishedRows(t *testing.T) {
	o := detect.Options{Require: []string{"Email"}}
	c := polls(t, o, "abcdefgh", "abcdefg").Cursor // a minute after the start
	for after, want := range map[time.Duration]detect.Tailed{24 * time.Hour: detect.Inconclusive, 24*time.Hour + time.Minute: detect.Conclusive} {
		if r, how := tailed(c, table("abcdefgh"), o, start.Add(after)); how != want || how == detect.Conclusive && said(r) != "h" {
			t.Errorf("after %s: %d, %q; want %d", after, how, said(r), want)
		}
	}
	if r, how := tailed(c, table("abcdefgi"), o, start.Add(2*time.Minute)); how != detect.Conclusive || said(r) != "i" {
		t.Errorf("another row: %d, %q", how, said(r))
	}
}

// TestTailFurtherDown: rows below the window that become complete do not make it longer.
func TestTailFurtherDown(t *testing.T) {
	o := detect.Options{Require: []string{"B"}}
	prefilled := list(700, func(i int) string { return fmt.Sprintf("p%d|", i) }).each(span(0, 10), 1, word(func(i int) string { return fmt.Sprint("q", i) }))
	c := begin(prefilled.sheet(), o, math.MaxInt, 1, start).Cursor
	if w, ok := c.Tail(o); !ok || w.To != 511 {
		t.Fatalf("window %+v, %t", w, ok)
	}
	for row, want := range map[int]detect.Tailed{490: detect.Conclusive, 511: detect.ReadMore, 613: detect.Conclusive} {
		w, _ := c.Tail(o)
		r, how := detect.DiffTail(c, readingOf(windowOf(prefilled.with(row-2, 1, "new").sheet(), w), o), w, o, start.Add(time.Minute))
		if how != want || how == detect.Conclusive && len(r.Found) != 1 {
			t.Errorf("row %d is complete: %d, %+v", row, how, r.Found)
		}
	}
}
