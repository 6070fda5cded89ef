package sheets_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rowtap/rowtap/internal/row"
	"github.com/rowtap/rowtap/internal/sheets"
)

func TestRead(t *testing.T) {
	tests := []struct {
		name   string
		f      *fake
		header int
		names  string // of the columns, separated by |
		rows   []int
	}{
		{"plain", &fake{rows: [][]any{{"A", "B"}, {1.5, true}, {"x", "y"}}}, 1, "A|B", []int{2, 3}},
		{"ragged", &fake{rows: [][]any{{"A"}, {"x", nil, "z"}, {nil, "y"}}}, 1, "A||", []int{2, 3}},
		{"wider header", &fake{rows: [][]any{{"A", "B", "C"}, {"x"}}}, 1, "A|B|C", []int{2}},
		{"gaps and formulas that yield nothing", &fake{rows: [][]any{{"A"}, {"x"}, nil, nil, {"", ""}, {" "}, {nil, "y"}}, grid: 1000}, 1, "A|", []int{2, 7}},
		{"empty worksheet", &fake{grid: 1000}, 1, "", nil},
		{"header only", &fake{rows: [][]any{{"A", "B"}}}, 1, "A|B", nil},
		{"blank header row", &fake{rows: [][]any{nil, {"x"}}}, 1, "", []int{2}},
		{"header row below", &fake{rows: [][]any{{"title"}, nil, {"A", "B"}, {"x"}}, grid: 10}, 3, "A|B", []int{4}},
		{"header row on the last row", &fake{rows: [][]any{{"title"}, {"A"}}}, 2, "A", nil},
		{"blank header row far below", &fake{rows: [][]any{{"title"}}, grid: 9}, 9, "", nil},
		{"dates are serials", &fake{rows: [][]any{{"A"}, {date{43831, "2020-01-01"}}}}, 1, "A", []int{2}},
		{"a title that looks like a cell", &fake{title: "tab01", rows: [][]any{{"A"}, {"x"}}}, 1, "A", []int{2}},
		{"a title with quotes", &fake{title: "O'Brien's & Q1 'x'!", rows: [][]any{{"A"}, {"x"}}}, 1, "A", []int{2}},
		{"a title in another script", &fake{title: "🌵 Anmeldung/1", rows: [][]any{{"A"}, {"x"}}}, 1, "A", []int{2}},
		{"a title with white space", &fake{title: " a  b ", rows: [][]any{{"A"}, {"x"}}}, 1, "A", []int{2}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := test.f
			if f.title == "" {
				f.title = "Signups"
			}
			table, err := read(t.Context(), open(t, f), "id", f.title, test.header)
			if err != nil {
				t.Fatal(err)
			}
			var numbers []int
			for _, r := range table.Rows {
				numbers = append(numbers, r.Number)
			}
			_, truth := f.truth(test.header)
			if got := strings.Join(table.Header.Names(), "|"); got != test.names && (test.names != "" || strings.Trim(got, "|") != "") ||
				!slices.Equal(numbers, test.rows) || !same(table.Rows, truth) {
				t.Errorf("%v\n got %q %s\nwant %q %v, %s", f.rows, got, show(table.Rows), test.names, test.rows, show(truth))
			}
			if len(f.reads) != 1 {
				t.Errorf("requests: %q; want one", f.reads)
			}
		})
	}
}

// numbered returns a sheet of a header and rows that contain their number. Every wide-th row has
// the given number of columns, the others one.
func numbered(rows, columns, wide int) [][]any {
	sheet := [][]any{{"A"}}
	for i := range rows - 1 {
		line := []any{fmt.Sprint("row ", i+2)}
		for range columns - 1 {
			if i%wide == 0 {
				line = append(line, float64(i))
			}
		}
		sheet = append(sheet, line)
	}
	return sheet
}

func TestReadPages(t *testing.T) {
	f := &fake{title: "Signups", rows: numbered(12_000, 10, 100)}
	a := open(t, f)
	if n := a.PageRows("id", "Signups"); n != sheets.FirstPageRows {
		t.Errorf("the first page of an unknown worksheet has %d rows", n)
	}
	for _, want := range []int{3, 2} { // 2,000 rows, 8,000 and the rest; then 10,000 each
		f.reads = nil
		table, err := read(t.Context(), a, "id", "Signups", 1)
		if _, truth := f.truth(1); err != nil || !same(table.Rows, truth) {
			t.Fatalf("%v: got %s", err, show(table.Rows))
		}
		if len(f.reads) != want {
			t.Errorf("%d requests, want %d: %q", len(f.reads), want, f.reads)
		}
	}
	if n, other := a.PageRows("id", "Signups"), a.PageRows("id", "Other"); n != 10_000 || other != sheets.FirstPageRows {
		t.Errorf("the first page now has %d rows, and %d in another worksheet", n, other)
	}
	f.reads, f.rows = nil, f.rows[:9_000]
	if _, err := read(t.Context(), a, "id", "Signups", 1); err != nil || len(f.reads) != 1 {
		t.Errorf("9,000 rows: %v, requests %q; want one", err, f.reads)
	}
}

// TestReadGridEnds checks that only the end of the grid ends a read: not a page of blank rows, nor
// its size.
func TestReadGridEnds(t *testing.T) {
	for _, rows := range []int{1999, 2000, 2001, 3999, 9_000} {
		f := &fake{title: "Signups", rows: [][]any{{"A"}}, grid: rows}
		f.rows = append(f.rows, make([][]any, rows-1)...)
		f.rows[rows-1] = []any{"last"}
		table, err := read(t.Context(), open(t, f), "id", "Signups", 1)
		if err != nil || len(table.Rows) != 1 || table.Rows[0].Number != rows {
			t.Errorf("%d rows: got %s, %v; requests %q", rows, show(table.Rows), err, f.reads)
		}
	}
}

// TestReadEqualsSheet checks for sheets of all shapes that a read returns their content.
func TestReadEqualsSheet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.IntRange(0, 5_000).Draw(t, "rows")
		kinds := rapid.IntRange(1, 4).Draw(t, "kinds of rows")
		seed := rapid.IntRange(1, 1<<30).Draw(t, "seed")
		f := &fake{title: "Signups", grid: rows + rapid.IntRange(0, 3_000).Draw(t, "grid below")}
		for i := range rows {
			seed = seed*1103515245 + 12345
			switch (seed >> 16) & 0xff % kinds {
			case 0:
				f.rows = append(f.rows, []any{"same", 1.0})
			case 1:
				f.rows = append(f.rows, nil)
			case 2:
				f.rows = append(f.rows, []any{nil, float64(i)})
			default:
				f.rows = append(f.rows, []any{true, nil, fmt.Sprint(i)})
			}
		}
		header := rapid.IntRange(1, max(rows, 1)).Draw(t, "header row")
		a, err := sheets.Open(sheets.Options{Name: "a", ReadsPerMinute: 1 << 30, Endpoint: loopback, Transport: direct{f}})
		if err != nil {
			t.Fatal(err)
		}
		table, err := read(t.Context(), a, "id", "Signups", header)
		names, truth := f.truth(header)
		if err != nil || !same(table.Rows, truth) || !slices.Equal(table.Header.Names(), names) {
			t.Fatalf("%v\n got %q %s\nwant %q %s", err, table.Header.Names(), show(table.Rows), names, show(truth))
		}
	})
}

// TestReadWhileItChanges checks that rows inserted or deleted between two pages neither hide nor
// duplicate a row.
func TestReadWhileItChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := &fake{title: "Signups", rows: numbered(rapid.IntRange(2_100, 2_400).Draw(t, "rows"), 1, 1)}
		// Blank and equal rows around the end of the first page, where a shift is hard to notice.
		seed := rapid.IntRange(1, 1<<30).Draw(t, "seed")
		for n := 1_960; n <= 2_040; n++ {
			seed = seed*1103515245 + 12345
			switch (seed >> 16) & 3 {
			case 0:
				f.rows[n-1] = nil
			case 1:
				f.rows[n-1] = []any{"same"}
			}
		}
		at := rapid.IntRange(2, len(f.rows)-60).Draw(t, "at")
		by := rapid.IntRange(-50, 50).Draw(t, "rows inserted")
		change := rapid.IntRange(1, 3).Draw(t, "before read")
		f.before = func(read int) {
			if read != change {
				return
			}
			if by < 0 {
				f.rows = slices.Delete(slices.Clone(f.rows), at, at-by)
				return
			}
			for i := range by {
				f.rows = slices.Insert(f.rows, at, []any{fmt.Sprint("new ", i)})
			}
		}
		a, err := sheets.Open(sheets.Options{Name: "a", ReadsPerMinute: 1 << 30, Endpoint: loopback, Transport: direct{f}})
		if err != nil {
			t.Fatal(err)
		}
		table, err := read(t.Context(), a, "id", "Signups", 1)
		if err != nil {
			t.Fatal(err)
		}
		if _, truth := f.truth(1); !same(table.Rows, truth) {
			t.Fatalf("%d rows inserted below row %d before read %d; requests %q: got %d rows, want %d",
				by, at, change, f.reads, len(table.Rows), len(truth))
		}
	})
}

func TestReadTorn(t *testing.T) {
	f := &fake{title: "Signups", rows: numbered(3_000, 40, 1)}
	f.before = func(read int) {
		if read%2 == 0 {
			f.rows = slices.Insert(f.rows, 1, []any{fmt.Sprint("new ", read)})
		}
	}
	_, err := read(t.Context(), open(t, f), "id", "Signups", 1)
	e, ok := errors.AsType[*sheets.Error](err)
	if !ok || !errors.Is(err, sheets.ErrTorn) || !e.Temporary() || len(f.reads) != 8 {
		t.Errorf("a sheet that always changes: got %v after %d requests, want ErrTorn after 8", err, len(f.reads))
	}

	f = &fake{title: "Signups", rows: numbered(3_000, 2, 1)}
	f.before = func(read int) {
		if read == 2 {
			f.rows = f.rows[:500] // the second page now begins below the grid
		}
	}
	table, err := read(t.Context(), open(t, f), "id", "Signups", 1)
	if err != nil || len(table.Rows) != 499 || len(f.reads) != 3 {
		t.Errorf("a sheet cut between pages: got %d rows, %v; requests %q", len(table.Rows), err, f.reads)
	}
}

// TestReadOnWhereTorn checks that a caller that continues after a torn pair gets every page: the
// one after the seam including the overlap, each as of its own read.
func TestReadOnWhereTorn(t *testing.T) {
	f := &fake{title: "Signups", rows: numbered(12_000, 20, 1)}
	f.before = func(read int) {
		if read == 2 || read == 4 {
			f.rows = slices.Insert(f.rows, 1, []any{fmt.Sprint("new ", read)})
		}
	}
	var got []string
	for page, err := range open(t, f).Pages(t.Context(), "id", "Signups", 1, 0, nil) {
		if err != nil && !errors.Is(err, sheets.ErrTorn) {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%d-%d %v %s", page.First, page.Last, err != nil, page.Cells(page.First)[0].Text))
	}
	want := []string{"1-2000 false A", "1937-6999 true row 1936", "7000-11998 false row 6999", "11935-12002 true row 11933"}
	if !slices.Equal(got, want) {
		t.Errorf("pages %q, want %q", got, want)
	}

	f = &fake{title: "Signups", rows: numbered(12_000, 20, 1)}
	f.before = func(read int) {
		if read == 3 {
			f.rows = f.rows[:500] // the third page begins below the grid
		}
	}
	var last error
	for _, err := range open(t, f).Pages(t.Context(), "id", "Signups", 1, 0, nil) {
		last = err
	}
	if !errors.Is(last, sheets.ErrTorn) {
		t.Errorf("a sheet cut between pages: the last error is %v", last)
	}
}

func TestReadRefused(t *testing.T) {
	f := &fake{title: "Signups", rows: [][]any{{"A"}, {"secret cell"}}}
	tests := []struct {
		id, title string
		header    int
		kind      sheets.Kind
		says      string
	}{
		{"id", "Signups", 5, sheets.PastGrid, "header row 5 is past the end"},
		{"id", "Gone", 1, sheets.UnknownRange, "no such worksheet"},
		{"id", "Signups", 0, sheets.Bad, "header row 0 is not a sheet row"},
		{"id", "", 1, sheets.Bad, "worksheet title is missing"},
		{"", "Signups", 1, sheets.Bad, "spreadsheet ID or"},
	}
	for _, test := range tests {
		_, err := read(t.Context(), open(t, f), test.id, test.title, test.header)
		e, ok := errors.AsType[*sheets.Error](err)
		if !ok || e.Kind != test.kind || !strings.Contains(e.Error(), test.says) || !strings.Contains(e.Error(), "marketing") || e.Temporary() {
			t.Errorf("%q %q row %d: got %v, want kind %v, %q", test.id, test.title, test.header, err, test.kind, test.says)
		}
	}
}

// endless announces a body that is too big for requests of more than 600 rows.
type endless struct{ base http.RoundTripper }

func (e endless) RoundTrip(r *http.Request) (*http.Response, error) {
	var first, last int
	_, text, _ := strings.Cut(r.URL.Query().Get("ranges"), "!")
	if _, err := fmt.Sscanf(text, "%d:%d", &first, &last); err != nil {
		return nil, err
	}
	if last-first < 600 {
		return e.base.RoundTrip(r)
	}
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("{")), ContentLength: 1 << 40, Request: r}, nil
}

func TestReadShrinksPages(t *testing.T) {
	f := &fake{title: "Signups", rows: numbered(1_800, 2, 1)}
	a := open(t, f, func(o *sheets.Options) { o.Transport = endless{direct{f}} })
	table, err := read(t.Context(), a, "id", "Signups", 1)
	if err != nil || len(table.Rows) != 1_799 {
		t.Errorf("pages that are too big: got %d rows, %v; requests %q", len(table.Rows), err, f.reads)
	}
	if _, reads := a.Usage(); reads != int64(len(f.reads))+2 {
		t.Errorf("%d requests for %d pages, want two that are too big", reads, len(f.reads))
	}
}

// FuzzRange checks that a read accepts the range of a response only if it is for the requested
// rows.
func FuzzRange(f *testing.F) {
	for _, s := range []string{
		"Signups!A1:Z1000", "'O''Brien'!A1:C3", "'a!b'!A1:B2", "A1:B2", "Signups!A1", "Signups!1:5", "'x!A1:B2", "Signups!B1:C2",
		"Signups!A2:Z9", "Signups!A1:Z0", "Signups!A1:Z99999999999", "Signups!AAAA1:B2", "Signups!A:Z", "!A1:B2", "Signups!A1:Z1:Z2", "Signups!Z1:A5",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a := open(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			writeJSON(w, map[string]any{"valueRanges": []any{map[string]any{"range": text, "values": [][]any{{"A"}, {"x"}}}}})
		}))
		table, err := read(t.Context(), a, "id", "Signups", 1)
		if err != nil {
			if e, ok := errors.AsType[*sheets.Error](err); !ok || e.Kind != sheets.Bad && text != "" {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		if want := []row.Row{{Number: 2, Cells: []row.Cell{row.TextCell("x")}}}; !same(table.Rows, want) {
			t.Fatalf("%q: got %s, want %s", text, show(table.Rows), show(want))
		}
		if !strings.Contains(text, "!") || !strings.Contains(text, "1") {
			t.Fatalf("%q was accepted as a range from row 1", text)
		}
	})
}

func BenchmarkRead(b *testing.B) {
	f := &fake{title: "Signups", rows: numbered(8_000, 12, 1)}
	var handler http.Handler = f
	a := open(b, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }),
		func(o *sheets.Options) { o.ReadsPerMinute = 1 << 30 })
	if _, err := read(b.Context(), a, "id", "Signups", 1); err != nil { // from now on the sheet is one page
		b.Fatal(err)
	}
	handler = writeAll(f)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := read(b.Context(), a, "id", "Signups", 1); err != nil {
			b.Fatal(err)
		}
	}
}

// TestReadBesideVolatileCells checks that a sheet of several pages can be read although numbers
// change at each read, as with NOW and RAND.
func TestReadBesideVolatileCells(t *testing.T) {
	f := &fake{title: "T", rows: [][]any{{"Email", "Days open"}}}
	for i := range 5000 {
		f.rows = append(f.rows, []any{fmt.Sprintf("user-%d@example.com", i), float64(i)})
	}
	f.before = func(read int) {
		for _, r := range f.rows[1:] {
			r[1] = r[1].(float64) + float64(read)
		}
	}
	table, err := read(t.Context(), open(t, f), "id", "T", 1)
	if err != nil || len(table.Rows) != 5000 {
		t.Errorf("%d rows, %v; want 5000", len(table.Rows), err)
	}
}

// TestReadTornAmongEqualWords has rows that differ only in numbers, like signups by phone, and a
// row inserted above between two pages. The shifted rows must not pass for rows with changed
// numbers.
func TestReadTornAmongEqualWords(t *testing.T) {
	f := &fake{title: "T", rows: [][]any{{"Phone", "City", "Plan"}}}
	for i := range 5000 {
		f.rows = append(f.rows, []any{9.19e11 + float64(i)*7919, "Pune", "free"})
	}
	f.before = func(read int) {
		if read == 2 {
			f.rows = slices.Insert(f.rows, 1, []any{1.0, "Pune", "free"})
		}
	}
	table, err := read(t.Context(), open(t, f), "id", "T", 1)
	if _, truth := f.truth(1); err != nil || !same(table.Rows, truth) {
		t.Errorf("%d rows, %v; want the %d of the sheet; requests %q", len(table.Rows), err, len(truth), f.reads)
	}
}
