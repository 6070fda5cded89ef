package sheets_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/rowtap/rowtap/internal/row"
	"github.com/rowtap/rowtap/internal/sheets"
)

func TestTyped(t *testing.T) {
	f := &fake{title: "Sign ups", rows: [][]any{
		{"When", "Score", "Name"},
		{date{43831.5, "01/01/2020 12:00"}, 43831.5, "x"},
		{nil, nil, "no number"},
		{date{0.25, "06:00"}, true, "2020"},
		{7.0},
	}}
	a := open(t, f)
	table, err := read(t.Context(), a, "id", f.title, 1)
	if err != nil {
		t.Fatal(err)
	}
	before := show(table.Rows)
	got, err := typed(t.Context(), a, "id", f.title, table.Rows)
	want := []row.Row{
		{Number: 2, Cells: []row.Cell{row.ShownDate(43831.5, "01/01/2020 12:00"), row.NumberCell(43831.5), row.TextCell("x")}},
		{Number: 3, Cells: []row.Cell{{}, {}, row.TextCell("no number")}},
		{Number: 4, Cells: []row.Cell{row.ShownDate(0.25, "06:00"), row.BoolCell(true), row.TextCell("2020")}},
		{Number: 5, Cells: []row.Cell{row.NumberCell(7)}},
	}
	if err != nil || !same(got, want) {
		t.Errorf("%v\n got %s\nwant %s", err, show(got), show(want))
	}
	if after := show(table.Rows); after != before {
		t.Errorf("the rows given were changed: %s", after)
	}
	if want := "'Sign ups'!2:5"; len(f.reads) != 2 || f.reads[1] != want {
		t.Errorf("requests %q, want one of %s", f.reads, want)
	}
}

func TestTypedRequests(t *testing.T) {
	every := func(step, n int) (numbers []int) {
		for i := range n {
			numbers = append(numbers, 2+i*step)
		}
		return numbers
	}
	long := strings.Repeat("ü", 100)
	tests := []struct {
		name     string
		title    string
		numbers  []int // of the rows with a number
		requests []int // ranges of each
	}{
		{"no numbers", "T", nil, nil},
		{"one row", "T", []int{5}, []int{1}},
		{"gaps of 20 are read with them", "T", []int{5, 25, 45}, []int{1}},
		{"a gap of 21 is not", "T", []int{5, 26}, []int{2}},
		{"100 ranges a request", "T", every(30, 250), []int{100, 100, 50}},
		{"a long title makes fewer", long, every(30, 20), []int{9, 9, 2}},
		{"out of order and twice", "T", []int{90, 5, 6, 90}, []int{2}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := &fake{title: test.title, rows: make([][]any, 8_000)}
			rows := []row.Row{{Number: 7_999, Cells: []row.Cell{row.TextCell("not read")}}}
			for _, n := range test.numbers {
				f.rows[n-1] = []any{date{float64(n), "shown"}}
				rows = append(rows, row.Row{Number: n, Cells: []row.Cell{row.NumberCell(float64(n))}})
			}
			got, err := typed(t.Context(), open(t, f), "id", test.title, rows)
			if err != nil {
				t.Fatal(err)
			}
			var requests []int
			for _, r := range f.reads {
				requests = append(requests, strings.Count(r, "!"))
			}
			if !slices.Equal(requests, test.requests) {
				t.Errorf("ranges by request: got %v, want %v", requests, test.requests)
			}
			for i, r := range got {
				want := row.ShownDate(float64(r.Number), "shown")
				if i == 0 {
					want = row.TextCell("not read")
				}
				if r.Number != rows[i].Number || r.Cells[0] != want {
					t.Errorf("row %d: got %v, want %v", r.Number, r.Cells, want)
				}
			}
		})
	}
}

func TestTypedTorn(t *testing.T) {
	was := []any{date{43831, "2020-01-01"}, 5.0, "x"}
	tests := []struct {
		name string
		now  []any // nil: the row is gone, with the grid below
		torn bool
	}{
		{"as it was", was, false},
		{"a blank cell more", []any{date{43831, "2020-01-01"}, 5.0, "x", nil}, false},
		{"another number", []any{date{43831, "2020-01-01"}, 6.0, "x"}, false},
		{"another text", []any{date{43831, "2020-01-01"}, 5.0, "y"}, false},
		{"a cell more", []any{date{43831, "2020-01-01"}, 5.0, "x", "y"}, false},
		{"a cell less", []any{date{43831, "2020-01-01"}, 5.0}, false},
		{"a number made a boolean", []any{date{43831, "2020-01-01"}, true, "x"}, true},
		{"a text made a number", []any{date{43831, "2020-01-01"}, 5.0, 1.0}, false},
		{"loading", []any{"Loading...", 5.0, "x"}, true},
		{"another row", []any{7.0, 6.0, "y"}, true},
		{"cleared", []any{}, true},
		{"gone", nil, true},
	}
	for _, test := range tests {
		f := &fake{title: "T", rows: [][]any{{"A"}, {1.0, "above"}, was}}
		a := open(t, f)
		table, err := read(t.Context(), a, "id", "T", 1)
		if err != nil {
			t.Fatal(err)
		}
		if f.rows[2] = test.now; test.now == nil {
			f.rows = f.rows[:2]
		}
		got, err := typed(t.Context(), a, "id", "T", table.Rows)
		e, ok := errors.AsType[*sheets.Error](err)
		switch {
		case test.torn && (!errors.Is(err, sheets.ErrTorn) || !ok || !e.Temporary() || !strings.HasPrefix(err.Error(), "row 3 changed")):
			t.Errorf("%s: got %v, want ErrTorn", test.name, err)
		case !test.torn && (err != nil || got[1].Cells[0] != row.ShownDate(43831, "2020-01-01")):
			t.Errorf("%s: got %s, %v", test.name, show(got), err)
		}
	}
}

// TestTypedWithColumnsMoved: columns that are inserted, deleted or moved between the two reads make no date of a number.
func TestTypedWithColumnsMoved(t *testing.T) {
	when := date{43831, "2020-01-01"}
	was := []any{"x@example.com", "Asha", "Gold", 906.0, "notes", when}
	tests := []struct {
		name string
		now  []any
		torn bool
	}{
		{"none", was, false},
		{"one inserted", []any{"x@example.com", "Asha", nil, "Gold", 906.0, "notes", when}, true},
		{"one inserted, and a cell typed into it", []any{"x@example.com", "Asha", "new", "Gold", 906.0, "notes", when}, true},
		{"two inserted", []any{"x@example.com", "Asha", nil, nil, "Gold", 906.0, "notes", when}, true},
		{"one deleted", []any{"x@example.com", "Asha", 906.0, "notes", when}, true},
		{"the number and a text swapped", []any{"x@example.com", "Asha", 906.0, "Gold", "notes", when}, true},
		{"the same, and the text edited", []any{"x@example.com", "Asha", 906.0, "Free", "notes", when}, true},
		{"the number and the date swapped", []any{"x@example.com", "Asha", "Gold", when, "notes", 906.0}, true},
		{"the number moved to the front", []any{906.0, "x@example.com", "Asha", "Gold", "notes", when}, true},
		{"texts swapped", []any{"x@example.com", "Gold", "Asha", 906.0, "notes", when}, false},
		{"a text that is what the date shows", []any{"x@example.com", "Asha", "2020-01-01", 906.0, "notes", when}, false},
	}
	for _, tt := range tests {
		f := &fake{title: "T", rows: [][]any{{"A"}, was}}
		a := open(t, f)
		table, err := read(t.Context(), a, "id", "T", 1)
		if err != nil {
			t.Fatal(err)
		}
		f.rows[1] = tt.now
		got, err := typed(t.Context(), a, "id", "T", table.Rows)
		switch {
		case tt.torn && !errors.Is(err, sheets.ErrTorn):
			t.Errorf("%s: %s, %v; want ErrTorn", tt.name, show(got), err)
		case !tt.torn && (err != nil || got[0].Cells[3] != row.NumberCell(906) || got[0].Cells[5] != row.ShownDate(43831, "2020-01-01")):
			t.Errorf("%s: %s, %v", tt.name, show(got), err)
		}
	}
}

// TestTypedNear: rows that were shifted since are found by their cells, and told dates from numbers.
func TestTypedNear(t *testing.T) {
	was := []any{date{43831, "2020-01-01"}, 5.0, "x"}
	near := func(sheet [][]any) ([]row.Row, error) {
		f := &fake{title: "T", rows: [][]any{{"A"}, {1.0, "above"}, was}}
		a := open(t, f)
		table, err := read(t.Context(), a, "id", "T", 1)
		if err != nil {
			t.Fatal(err)
		}
		f.rows = sheet
		answer, err := a.Rows(t.Context(), "id", []sheets.Range{{Title: "T", First: 2, Last: 20}}, sheets.Shown, sheets.Finishing)
		if err != nil {
			t.Fatal(err)
		}
		return sheets.TypedNear(table.Rows[1:], answer.Blocks)
	}
	head, other := []any{"A"}, []any{7.0, 6.0, "y"}
	tests := []struct {
		name  string
		sheet [][]any
		found bool
	}{
		{"where it was", [][]any{head, other, was}, true},
		{"further down", [][]any{head, other, other, other, other, was, other}, true},
		{"further up", [][]any{head, was, other}, true},
		{"edited", [][]any{head, other, {date{43831, "2020-01-01"}, 6.0, "x"}}, false},
		{"gone", [][]any{head, other, other}, false},
		{"loading", [][]any{head, other, {"Loading...", 5.0, "x"}}, false},
	}
	for _, tt := range tests {
		got, err := near(tt.sheet)
		switch {
		case tt.found && (err != nil || got[0].Cells[0] != row.ShownDate(43831, "2020-01-01") || got[0].Number != 3):
			t.Errorf("%s: %s, %v", tt.name, show(got), err)
		case !tt.found && !errors.Is(err, sheets.ErrTorn):
			t.Errorf("%s: %s, %v, want ErrTorn", tt.name, show(got), err)
		}
	}
}
