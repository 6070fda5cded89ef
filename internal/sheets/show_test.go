package sheets_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rowtap/rowtap/internal/row"
	"github.com/rowtap/rowtap/internal/sheets"
)

func TestShow(t *testing.T) {
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
		t.Errorf("the given rows were changed: %s", after)
	}
	if want := "'Sign ups'!2:5"; len(f.reads) != 2 || f.reads[1] != want {
		t.Errorf("requests %q, want one of %s", f.reads, want)
	}
}

func TestShowRequests(t *testing.T) {
	every := func(step, n int) (numbers []int) {
		for i := range n {
			numbers = append(numbers, 2+i*step)
		}
		return numbers
	}
	long := strings.Repeat("ü", 100)
	shownAs := func(serial int) string { return row.DateCell(float64(serial)).String() }
	tests := []struct {
		name     string
		title    string
		numbers  []int // rows with a number
		requests []int // number of ranges of each
	}{
		{"no numbers", "T", nil, nil},
		{"one row", "T", []int{5}, []int{1}},
		{"gaps of 20 are read with them", "T", []int{5, 25, 45}, []int{1}},
		{"a gap of 21 is not", "T", []int{5, 26}, []int{2}},
		{"100 ranges a request", "T", every(30, 250), []int{100, 100, 50}},
		{"a long title makes fewer", long, every(30, 20), []int{9, 9, 2}},
		{"out of order and repeated", "T", []int{90, 5, 6, 90}, []int{2}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := &fake{title: test.title, rows: make([][]any, 8_000)}
			rows := []row.Row{{Number: 7_999, Cells: []row.Cell{row.TextCell("not read")}}}
			for _, n := range test.numbers {
				f.rows[n-1] = []any{date{float64(n), shownAs(n)}}
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
				want := row.ShownDate(float64(r.Number), shownAs(r.Number))
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

func TestShowTorn(t *testing.T) {
	was := []any{date{43831, "2020-01-01"}, 5.0, "x"}
	tests := []struct {
		name string
		now  []any // nil: the grid ends above the row
		torn bool
	}{
		{"as it was", was, false},
		{"a blank cell more", []any{date{43831, "2020-01-01"}, 5.0, "x", nil}, false},
		{"another number", []any{date{43831, "2020-01-01"}, 6.0, "x"}, false},
		{"another text", []any{date{43831, "2020-01-01"}, 5.0, "y"}, true},
		{"a cell more", []any{date{43831, "2020-01-01"}, 5.0, "x", "y"}, false},
		{"a cell less", []any{date{43831, "2020-01-01"}, 5.0}, true},
		{"a number made a boolean", []any{date{43831, "2020-01-01"}, true, "x"}, true},
		{"a text made a number", []any{date{43831, "2020-01-01"}, 5.0, 1.0}, true},
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

// TestShowWithColumnsMoved checks that columns inserted, deleted or moved between the two reads do
// not turn a number into a date.
func TestShowWithColumnsMoved(t *testing.T) {
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
		{"texts swapped", []any{"x@example.com", "Gold", "Asha", 906.0, "notes", when}, true},
		{"a text that is what the date shows", []any{"x@example.com", "Asha", "2020-01-01", 906.0, "notes", when}, true},
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

// TestShowNear checks that rows which moved are found by their cells.
func TestShowNear(t *testing.T) {
	was := []any{date{43831, "2020-01-01"}, 5.0, "x"}
	near := func(sheet [][]any) ([]row.Row, error) {
		f := &fake{title: "T", rows: [][]any{{"A"}, {1.0, "above"}, was}}
		a := open(t, f)
		table, err := read(t.Context(), a, "id", "T", 1)
		if err != nil {
			t.Fatal(err)
		}
		f.rows = sheet
		result := a.Show(t.Context(), "id", []sheets.ShowAsk{{Title: "T", Rows: table.Rows[1:], Near: 10}}, sheets.Finishing)[0]
		return result.Rows, result.Err
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
		{"past one that was typed over", [][]any{head, other, {"pending", 5.0, "x"}, was}, true},
		{"typed over", [][]any{head, other, {"pending", 5.0, "x"}}, false},
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

// shown asks about rows of a worksheet after the sheet was changed.
func shown(t *testing.T, f *fake, change func(), asked ...int) ([]row.Row, error) {
	t.Helper()
	a := open(t, f)
	table, err := read(t.Context(), a, "id", f.title, 1)
	if err != nil {
		t.Fatal(err)
	}
	rows := slices.DeleteFunc(table.Rows, func(r row.Row) bool { return len(asked) > 0 && !slices.Contains(asked, r.Number) })
	change()
	f.reads = nil
	return typed(t.Context(), a, "id", f.title, rows)
}

// TestShowCells checks what each text in place of a number makes of the cell.
func TestShowCells(t *testing.T) {
	text, number, dated := row.TextCell, row.NumberCell, row.ShownDate
	tests := []struct {
		name     string
		was, now any // the cell next to a word; a func: it changes each read
		want     row.Cell
		requests int
		torn     bool
	}{
		{"a date", date{45000, "2023-03-15"}, nil, dated(45000, "2023-03-15"), 1, false},
		{"a date of a locale", date{45000.5, "15.03.2023 12.00"}, nil, dated(45000.5, "15.03.2023 12.00"), 1, false},
		{"in Hindi", date{45000, "१५/३/२०२३"}, nil, dated(45000, "१५/३/२०२३"), 1, false},
		{"in Japanese", date{45000, "2023年3月15日"}, nil, dated(45000, "2023年3月15日"), 1, false},
		{"of another calendar", date{45000, "15/3/2566"}, nil, dated(45000, "15/3/2566"), 1, false},
		{"of one that has nothing in common", date{45000, "23/8/1444"}, nil, dated(45000, "23/8/1444"), 2, false},
		{"a weekday", date{45000, "Wednesday"}, nil, dated(45000, "Wednesday"), 2, false},
		{"a time", date{0.25, "6:00 AM"}, nil, dated(0.25, "6:00 AM"), 1, false},
		{"a duration", date{1.0625, "25:30:00"}, nil, dated(1.0625, "25:30:00"), 1, false},
		{"a negative one", date{-0.5, "-12:00:00"}, nil, dated(-0.5, "-12:00:00"), 1, false},
		{"a number", 7.0, nil, number(7), 1, false},
		{"an amount", amount{1234.5, "1,234.50"}, nil, number(1234.5), 1, false},
		{"in lakh", amount{120000, "₹ 1.2L"}, nil, number(120000), 1, false},
		{"a percentage", amount{0.45, "45%"}, nil, number(0.45), 1, false},
		{"a number that is computed again", 7.0, 8.0, number(7), 1, false},
		{"now, seconds later", date{45000.5, "3/15/2023 12:00:00"}, date{45000.5001, "3/15/2023 12:00:09"}, dated(45000.5, "3/15/2023 12:00:09"), 1, false},
		{"now, after midnight", date{45000.9999, "Wednesday"}, date{45001.0001, "Thursday"}, dated(45000.9999, "Thursday"), 2, false},
		{"a text typed over it", date{45000, "2023-03-15"}, "pending", text(""), 2, true},
		{"a date typed over a number", 906.0, date{45000, "2023-03-15"}, text(""), 2, true},
		{"a weekday typed over it", date{45000, "Wednesday"}, "Wednesday", text(""), 2, true},
		{"another row's date", date{45000, "2023-03-15"}, date{46000, "2025-12-09"}, text(""), 2, true},
		{"an amount typed as text", amount{1234.5, "1,234.50"}, "1,234.50", text(""), 2, true},
		{"a percentage typed as text", amount{0.45, "45%"}, "45%", text(""), 2, true},
		{"cleared", date{45000, "2023-03-15"}, "", text(""), 1, true},
		{"a tick", 7.0, true, text(""), 1, true},
		{"loading", date{45000, "2023-03-15"}, "Loading...", text(""), 1, true},
		{"an error", 7.0, "#REF!", text(""), 1, true},
	}
	for _, test := range tests {
		f := &fake{title: "T", rows: [][]any{{"Name", "Cell"}, {"x", test.was}}}
		got, err := shown(t, f, func() {
			if test.now != nil {
				f.rows[1] = []any{"x", test.now}
			}
		})
		switch {
		case test.torn != errors.Is(err, sheets.ErrTorn) || !test.torn && err != nil:
			t.Errorf("%s: %v; torn: want %t", test.name, err, test.torn)
		case err == nil && got[0].Cells[1] != test.want:
			t.Errorf("%s: %+v, want %+v", test.name, got[0].Cells[1], test.want)
		}
		if len(f.reads) != test.requests {
			t.Errorf("%s: requests %q, want %d", test.name, f.reads, test.requests)
		}
	}
}

// TestShowMoved checks rows that moved between the two reads, in each way.
func TestShowMoved(t *testing.T) {
	people := func() [][]any {
		return [][]any{
			{"Email", "Plan", "Joined", "Score"},
			{"a@example.com", "Gold", date{45000, "2023-03-15"}, 1.0},
			{"b@example.com", "Gold", date{45000, "2023-03-15"}, 1.0}, // differs from the row above in the address only
			{"c@example.com", "Free", date{45002, "2023-03-17"}, 3.0},
			{nil, nil, date{45003, "2023-03-18"}, 4.0}, // no text
			{nil, nil, date{45004, "2023-03-19"}, 5.0},
		}
	}
	tests := []struct {
		name   string
		asked  int
		change func(rows [][]any) [][]any
		torn   bool
	}{
		{"not at all", 3, func(rows [][]any) [][]any { return rows }, false},
		{"one inserted above", 3, func(rows [][]any) [][]any { return slices.Insert(rows, 1, []any{"n@example.com", "Gold", 5.0, 6.0}) }, true},
		{"a blank one inserted above", 3, func(rows [][]any) [][]any { return slices.Insert(rows, 1, []any{}) }, true},
		{"one inserted below", 3, func(rows [][]any) [][]any { return slices.Insert(rows, 3, []any{"n@example.com"}) }, false},
		{"one deleted above", 3, func(rows [][]any) [][]any { return slices.Delete(rows, 1, 2) }, true},
		{"one deleted below", 3, func(rows [][]any) [][]any { return slices.Delete(rows, 3, 4) }, false},
		{"the row deleted", 3, func(rows [][]any) [][]any { return slices.Delete(rows, 2, 3) }, true},
		{"all deleted", 3, func(rows [][]any) [][]any { return rows[:1] }, true},
		{"swapped with one almost alike", 3, func(rows [][]any) [][]any { rows[1], rows[2] = rows[2], rows[1]; return rows }, true},
		{"sorted downward", 3, func(rows [][]any) [][]any { slices.Reverse(rows[1:]); return rows }, true},
		{"without words: not at all", 5, func(rows [][]any) [][]any { return rows }, false},
		{"without words: one inserted above", 5, func(rows [][]any) [][]any { return slices.Insert(rows, 1, []any{}) }, true},
		{"without words: one deleted above", 5, func(rows [][]any) [][]any { return slices.Delete(rows, 1, 2) }, true},
		{"without words: swapped", 5, func(rows [][]any) [][]any { rows[4], rows[5] = rows[5], rows[4]; return rows }, true},
		{"without words: a word typed", 5, func(rows [][]any) [][]any { rows[4] = append([]any{"x"}, rows[4][1:]...); return rows }, true},
		{"a word typed over", 3, func(rows [][]any) [][]any { rows[2][1] = "Free"; return rows }, true},
		{"words swapped", 3, func(rows [][]any) [][]any { rows[2][0], rows[2][1] = rows[2][1], rows[2][0]; return rows }, true},
		{"all words others", 3, func(rows [][]any) [][]any { rows[2][0], rows[2][1] = "z", "y"; return rows }, true},
		{"without words: another row's numbers", 5, func(rows [][]any) [][]any { rows[4] = []any{nil, nil, 7.0, 8.0}; return rows }, true},
		{"without words: another row's date", 5, func(rows [][]any) [][]any { rows[4] = []any{nil, nil, date{45004, "2023-03-19"}, 4.0}; return rows }, true},
		{"all words fail to load", 3, func(rows [][]any) [][]any { rows[2][0], rows[2][1] = "#N/A", "#N/A"; return rows }, true},
		{"a word that fails to load", 3, func(rows [][]any) [][]any { rows[2][1] = "#N/A"; return rows }, false},
	}
	for _, test := range tests {
		f := &fake{title: "T", rows: people()}
		got, err := shown(t, f, func() { f.rows = test.change(f.rows) }, test.asked)
		want := row.ShownDate(45000, "2023-03-15")
		if test.asked == 5 {
			want = row.ShownDate(45003, "2023-03-18")
		}
		switch {
		case test.torn && !errors.Is(err, sheets.ErrTorn):
			t.Errorf("%s: %s, %v; want ErrTorn", test.name, show(got), err)
		case !test.torn && (err != nil || got[0].Cells[2] != want || got[0].Cells[3].Kind != row.Number):
			t.Errorf("%s: %s, %v", test.name, show(got), err)
		}
	}
}

// TestShowColumns checks which cells are read again.
func TestShowColumns(t *testing.T) {
	many := func(n int, of func(i int) []any) [][]any {
		rows := [][]any{{"A", "B", "C", "D", "E", "F"}}
		for i := range n {
			rows = append(rows, of(i))
		}
		return rows
	}
	every := func(step, n int) (numbers []int) {
		for i := range n {
			numbers = append(numbers, 2+i*step)
		}
		return numbers
	}
	person := func(i int) []any {
		return []any{fmt.Sprint("p", i, "@example.com"), "Gold", true, float64(i), "note", nil, float64(i)}
	}
	tests := []struct {
		name  string
		rows  [][]any
		asked []int // none: all
		reads []string
	}{
		{"few rows: all texts", many(10, person), nil, []string{"'T'!A2:B11 'T'!D2:E11 'T'!G2:G11"}},
		{"many rows: a column that distinguishes them", many(1_500, person), nil, []string{"'T'!A2:A1501 'T'!D2:D1501 'T'!G2:G1501"}},
		{"two, if one is not enough", many(1_500, func(i int) []any {
			return []any{fmt.Sprint("first ", i/40), fmt.Sprint("last ", i%40), "Gold", float64(i)}
		}), nil, []string{"'T'!A2:B1501 'T'!D2:D1501"}},
		{"more, if a row has no text in the first", many(1_500, func(i int) []any {
			if i == 7 {
				return []any{nil, "Gold", true, 1.0}
			}
			return person(i)
		}), nil, []string{"'T'!A2:B1501 'T'!D2:D1501 'T'!G2:G1501"}},
		{"whole rows, if a row has none", many(1_500, func(i int) []any {
			if i == 7 {
				return []any{nil, nil, true, 1.0}
			}
			return person(i)
		}), nil, []string{"'T'!2:1501"}},
		{"whole rows, if parts take more requests", many(3_000, person), every(30, 60), []string{wholeRows(every(30, 60))}},
		{"in parts, if they take fewer", many(30_000, func(i int) []any {
			return []any{fmt.Sprint("p", i), "a", "b", "c", float64(i)}
		}), nil, []string{"'T'!A2:A30001 'T'!E2:E30001"}},
	}
	for _, test := range tests {
		f := &fake{title: "T", rows: test.rows}
		if _, err := shown(t, f, func() {}, test.asked...); err != nil || !slices.Equal(f.reads, test.reads) {
			t.Errorf("%s: %v; requests %q, want %q", test.name, err, f.reads, test.reads)
		}
	}
}

func wholeRows(numbers []int) string {
	var ranges []string
	for _, n := range numbers {
		ranges = append(ranges, fmt.Sprintf("'T'!%d:%d", n, n))
	}
	return strings.Join(ranges, " ")
}

// TestShowAsks checks that rows of ten worksheets share one request, and that an error of one does
// not affect the others.
func TestShowAsks(t *testing.T) {
	f := &fake{title: "S0", rows: [][]any{{"A", "B"}, {"x", date{45000, "2023-03-15"}}}}
	for i := range 9 {
		f.others = append(f.others, &fake{title: fmt.Sprint("S", i+1), rows: [][]any{{"A", "B"}, {"x", date{45000, "2023-03-15"}}}})
	}
	var asks []sheets.ShowAsk
	for i := range 10 {
		asks = append(asks, sheets.ShowAsk{Title: fmt.Sprint("S", i), Rows: []row.Row{{Number: 2, Cells: []row.Cell{row.TextCell("x"), row.NumberCell(45000)}}}})
	}
	asks = append(asks, sheets.ShowAsk{Title: "not asked for", Rows: []row.Row{{Number: 2, Cells: []row.Cell{row.TextCell("x")}}}}, sheets.ShowAsk{Title: "none"})
	check := func(name string, torn, requests int) {
		t.Helper()
		f.reads = nil
		results := open(t, f).Show(t.Context(), "id", asks, sheets.Finishing)
		for i, result := range results {
			switch {
			case i == torn && (!errors.Is(result.Err, sheets.ErrTorn) || result.Rows != nil):
				t.Errorf("%s: ask %d: %+v, want ErrTorn", name, i, result)
			case i != torn && (result.Err != nil || len(result.Rows) != len(asks[i].Rows)):
				t.Errorf("%s: ask %d: %+v", name, i, result)
			case i != torn && i < 10 && result.Rows[0].Cells[1].Kind != row.Date:
				t.Errorf("%s: ask %d: %s", name, i, show(result.Rows))
			}
		}
		if len(results) != len(asks) || len(f.reads) != requests {
			t.Errorf("%s: %d results from %d requests, want %d from %d", name, len(results), len(f.reads), len(asks), requests)
		}
	}
	check("unchanged", -1, 1)
	f.others[2].rows[1] = []any{"y", date{45000, "2023-03-15"}}
	check("another row in one", 3, 1)
	f.others[2].rows = f.others[2].rows[:1]
	check("one is cut", 3, 11)
	f.others[2].title = "renamed"
	check("one is renamed", 3, 11)
	f.others[2].title, f.others[2].rows = "S3", [][]any{{"A", "B"}, {"x", date{45000, "Wednesday"}}}
	check("one is in doubt", -1, 2)
	f.others[2].rows = [][]any{{"A", "B"}, {"x", "pending"}}
	check("one was typed over", 3, 2)

	f.fail = []func(writer){func(w writer) { apiError(w, 403, "PERMISSION_DENIED", "The caller does not have permission", "") }}
	for i, result := range open(t, f).Show(t.Context(), "id", asks, sheets.Finishing) {
		if e, ok := errors.AsType[*sheets.Error](result.Err); ok != (i < 10) || ok && e.Kind != sheets.NotShared {
			t.Errorf("refused: ask %d: %v", i, result.Err)
		}
	}
}

// refuse announces a body that is too big for requests with a range of more than 600 rows.
type refuse struct{ base http.RoundTripper }

func (e refuse) RoundTrip(r *http.Request) (*http.Response, error) {
	for _, text := range r.URL.Query()["ranges"] {
		m := rangeForm.FindStringSubmatch(text)
		first, _ := strconv.Atoi(m[3])
		last, _ := strconv.Atoi(m[5])
		if last-first >= 600 {
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("{")), ContentLength: 1 << 40, Request: r}, nil
		}
	}
	return e.base.RoundTrip(r)
}

// TestShowTooBig checks that column ranges with a response that is too large are read in parts.
func TestShowTooBig(t *testing.T) {
	f := &fake{title: "T", rows: [][]any{{"A", "B", "C"}}}
	for i := range 2_000 {
		f.rows = append(f.rows, []any{fmt.Sprint("p", i), true, date{45000 + float64(i), row.DateCell(45000 + float64(i)).String()}})
	}
	_, truth := f.truth(1)
	got, err := typed(t.Context(), open(t, f, func(o *sheets.Options) { o.Transport = refuse{direct{f}} }), "id", "T", truth)
	if err != nil || len(got) != 2_000 || slices.ContainsFunc(got, func(r row.Row) bool { return r.Cells[2].Kind != row.Date }) {
		t.Errorf("%v, %s; requests %q", err, show(got), f.reads)
	}
}

// TestShowTellsTruly checks that however rows and columns move between the two reads, every type
// returned is that of the cell first read.
func TestShowTellsTruly(t *testing.T) {
	const words, bools, dates, numbers = 0, 1, 2, 3
	came := 0
	rapid.Check(t, func(rt *rapid.T) {
		columns := append([]int{words}, rapid.SliceOfN(rapid.IntRange(words, numbers), 1, 5).Draw(rt, "columns")...)
		columns = rapid.Permutation(columns).Draw(rt, "their order")
		cell := func(kind, n int) any {
			switch kind {
			case words:
				return fmt.Sprint("word ", n)
			case bools:
				return n%2 == 0
			case dates:
				return date{45000 + float64(n), row.DateCell(45000 + float64(n)).String()}
			}
			return float64(n)
		}
		f := &fake{title: "T", rows: [][]any{make([]any, len(columns))}}
		for i := range rapid.SampledFrom([]int{1, 2, 5, 30, 1_100}).Draw(rt, "rows") {
			var cells []any
			for c, kind := range columns {
				cells = append(cells, cell(kind, i*10+c))
			}
			f.rows = append(f.rows, cells)
		}
		_, was := f.truth(1)
		a, err := sheets.Open(sheets.Options{Name: "a", ReadsPerMinute: 1 << 30, Endpoint: loopback, Transport: direct{f}})
		if err != nil {
			rt.Fatal(err)
		}
		asked := was
		if rapid.Bool().Draw(rt, "only one") {
			asked = was[len(was)-1:]
		}
		edits := rapid.IntRange(0, 2).Draw(rt, "edits")
		changed := false
		for range edits {
			at := rapid.IntRange(1, len(f.rows)-1).Draw(rt, "row")
			from, to := rapid.IntRange(0, len(columns)-1).Draw(rt, "column"), rapid.IntRange(0, len(columns)-1).Draw(rt, "other")
			each := func(do func(cells []any) []any) {
				for i := range f.rows {
					if cells := slices.Clone(f.rows[i]); max(from, to) < len(cells) {
						f.rows[i] = do(cells)
					}
				}
			}
			changed = true
			switch rapid.SampledFrom([]string{"insert row", "delete row", "swap rows", "insert column", "delete column", "swap columns"}).Draw(rt, "edit") {
			case "insert row":
				f.rows = slices.Insert(f.rows, at, []any{"new", 5.0, date{45001, "2023-03-16"}})
			case "delete row":
				if f.rows = slices.Delete(f.rows, at, at+1); len(f.rows) == 1 {
					f.rows = append(f.rows, []any{"the last"})
				}
			case "swap rows":
				f.rows[at], f.rows[len(f.rows)-1] = f.rows[len(f.rows)-1], f.rows[at]
			case "insert column":
				each(func(cells []any) []any { return slices.Insert(cells, from, nil) })
			case "delete column":
				each(func(cells []any) []any { return slices.Delete(cells, from, from+1) })
			case "swap columns":
				each(func(cells []any) []any { cells[from], cells[to] = cells[to], cells[from]; return cells })
			}
		}
		f.reads = nil
		result := a.Show(t.Context(), "id", []sheets.ShowAsk{{Title: "T", Rows: asked}}, sheets.Finishing)[0]
		if result.Err != nil {
			if !changed || !errors.Is(result.Err, sheets.ErrTorn) {
				rt.Fatalf("changed %t: %v", changed, result.Err)
			}
			return
		}
		came++
		for i, r := range result.Rows {
			if r.Number != asked[i].Number || len(r.Cells) != len(asked[i].Cells) {
				rt.Fatalf("row %d in place of row %d", r.Number, asked[i].Number)
			}
			for c, got := range r.Cells {
				if want := asked[i].Cells[c]; got.Num != want.Num || got.Text != want.Text || (got.Kind == row.Date) != (columns[c] == dates) {
					rt.Fatalf("row %d, column %d: %+v of %+v; kinds of columns %v, requests %q, now %v", r.Number, c, got, want, columns, f.reads, f.rows[min(r.Number, len(f.rows))-1])
				}
			}
		}
	})
	if came == 0 {
		t.Error("all were torn")
	}
}
