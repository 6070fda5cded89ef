package detect_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/row"
)

// TestCursorUnderFormerNames: a cursor of an earlier release names columns by the values of their
// header cells, and with untidy names. With the header of this release, all its rows are
// recognised: in a full read, in a window, when a row is read again, and when a vanished row comes
// back.
func TestCursorUnderFormerNames(t *testing.T) {
	cells := []row.Cell{
		row.TextCell("Pre\u0301nom"), row.NumberCell(45292), row.NumberCell(45292), row.NumberCell(0.1), row.TextCell("Email"), row.TextCell("No\u200bte"), {},
	}
	now := row.ShownHeader(cells, []string{"", "1/1/2024", "1 Jan", "10%"})
	before := row.HeaderOf(now.FormerNames())
	sheet := func(h row.Header, rows ...int) wholeSheet {
		w := wholeSheet{Header: h}
		for i, n := range rows {
			w.Rows = append(w.Rows, row.Row{Number: i + 2, Cells: []row.Cell{
				row.TextCell(fmt.Sprint("name ", n)), row.NumberCell(float64(n % 3)), row.BoolCell(n%2 == 0), row.NumberCell(float64(n)),
				row.TextCell(fmt.Sprint(n, "@example.com")), row.TextCell(fmt.Sprint("note ", n)), row.TextCell("nameless"),
			}})
		}
		return w
	}
	tests := []struct{ was, now detect.Options }{
		{},
		{detect.Options{Require: []string{"Email", "0.1"}}, detect.Options{Require: []string{"Email", "10%"}}},
		{detect.Options{Require: []string{"0.1"}}, detect.Options{Require: []string{"0.1"}}},
		{detect.Options{Key: []string{"0.1"}}, detect.Options{Key: []string{"10%"}}},
		{detect.Options{Key: []string{"0.1"}}, detect.Options{Key: []string{"0.1"}}},
		{detect.Options{Ignore: []string{"0.1"}}, detect.Options{Ignore: []string{"10%"}}},
	}
	for _, tt := range tests {
		was, o := tt.was, tt.now
		c := begin(sheet(before, 1, 2, 3, 4, 5, 6, 7), was, 1<<30, 1, start).Cursor
		// Row 3 vanishes.
		c = diff(c, sheet(before, 1, 2, 4, 5, 6, 7), was, start.Add(time.Minute)).Cursor
		for i := range c.Gone {
			c.Gone[i].Fold = 0 // earlier releases stored none
		}
		stored, err := detect.Decode(slices.Values(c.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		if d := diff(stored, sheet(now, 1, 2, 4, 5, 6, 7), o, start.Add(2*time.Minute)); !d.Unchanged || d.Doubt != "" {
			t.Errorf("%+v: the same rows: found %v, changes %v, doubt %q", o, d.Found, d.Changes, d.Doubt)
		}
		d := diff(stored, sheet(now, 7, 6, 1, 2, 3, 4, 5, 8), o, start.Add(2*time.Minute))
		if len(d.Found) != 1 || d.Found[0].Row != 9 {
			t.Errorf("%+v: sorted, one back, one added: found %v, want row 9 alone", o, d.Found)
		}
		window, ok := stored.Tail(was)
		if !ok {
			t.Fatalf("%+v: there is no window", o)
		}
		read := sheet(now, 1, 2, 4, 5, 6, 7, 8)
		read.Rows = read.Rows[window.From-2:]
		if d, how := detect.DiffTail(stored, readingOf(read, o), window, o, start.Add(2*time.Minute)); how != detect.Conclusive || len(d.Found) != 1 {
			t.Errorf("%+v: a window: %v, found %v; want one row", o, how, d.Found)
		}
		torn := func() *detect.Glimpse {
			g := stored.Glimpse(now, o)
			g.Add(sheet(now, 1, 2, 4, 5, 6, 7, 8).Rows, true, true)
			return g
		}
		if d, _, ok := detect.DiffTorn(torn(), torn(), start.Add(2*time.Minute)); !ok || len(d.Found) != 1 {
			t.Errorf("%+v: two torn reads: %t, found %v; want one row", o, ok, d.Found)
		}
		fill := o
		fill.Backfill = &detect.Backfill{From: 1, To: 1 << 30}
		if d := diff(stored, sheet(now, 1, 2, 4, 5), fill, start.Add(2*time.Minute)); len(d.Found) != 4 {
			t.Errorf("%+v: backfill: found %v, want four rows", o, d.Found)
		}
	}
}
