package sheets_test

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/rowtap/rowtap/internal/row"
	"github.com/rowtap/rowtap/internal/sheets"
)

func TestRanges(t *testing.T) {
	f := &fake{title: "Sign ups", grid: 9, rows: [][]any{{"When", "Score"}, {date{43831.5, "01/01/2020 12:00"}, 5.0}, nil, {"x", " "}, {" "}}}
	a := open(t, f)
	ranges := []sheets.Range{
		{Title: f.title, First: 1, Last: 1},
		{Title: f.title, First: 4, Last: 100},
		{Title: f.title, First: 1, Last: 1, Width: 2}, // the first again
		{Title: f.title, First: 3, Last: 3},
		{Title: f.title, First: 2, Last: 4},
	}
	tests := []struct {
		render sheets.Render
		want   string // rows below the header by block; rows 2 to 4 last
	}{
		{sheets.Serials, "1-1: | 4-9 ends: 4 | 1-1: | 3-3: | 2-4: 2 4 | number(43831.5)"},
		{sheets.Shown, "1-1: | 4-9 ends: 4 | 1-1: | 3-3: | 2-4: 2 4 | text(01/01/2020 12:00)"},
	}
	for _, test := range tests {
		f.reads = nil
		response, err := a.Ranges(t.Context(), "id", ranges, test.render, sheets.Polling)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, b := range response.Blocks {
			s := fmt.Sprintf("%d-%d", b.First, b.Last)
			if b.GridEnds() {
				s += " ends"
			}
			s += ":"
			for r := range b.Rows(1) {
				s += fmt.Sprint(" ", r.Number)
			}
			got = append(got, s)
		}
		last := response.Blocks[4]
		c := last.Cells(2)[0]
		got = append(got, fmt.Sprintf("%s(%s)", c.Kind, c.Text+strings.Trim(fmt.Sprint(c.Num), "0")))
		if got := strings.Join(got, " | "); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
		if want := []string{"'Sign ups'!1:1 'Sign ups'!4:100 'Sign ups'!3:3 'Sign ups'!2:4"}; !slices.Equal(f.reads, want) {
			t.Errorf("requests %q, want %q", f.reads, want)
		}
		if last.Title != f.title || last.Width() != 2 || last.Cells(1) != nil || last.Cells(3) != nil || last.Cells(5) != nil || len(last.Cells(4)) != 2 {
			t.Errorf("block %+v", last)
		}
	}
	if response, err := a.Ranges(t.Context(), "id", nil, sheets.Serials, sheets.Polling); err != nil || len(response.Blocks) != 0 {
		t.Errorf("no ranges: %+v, %v", response, err)
	}
}

// TestRangesRefused checks that one bad range fails all, with its kind.
func TestRangesRefused(t *testing.T) {
	f := &fake{title: "T", rows: [][]any{{"A"}, {"secret cell"}}}
	good := sheets.Range{Title: "T", First: 1, Last: 2}
	tests := []struct {
		id   string
		bad  sheets.Range
		kind sheets.Kind
		says string
	}{
		{"id", sheets.Range{Title: "Gone", First: 1, Last: 1}, sheets.UnknownRange, "spreadsheet id: one of the requested worksheets does not exist"},
		{"id", sheets.Range{Title: "T", First: 3, Last: 9}, sheets.PastGrid, `worksheet "T" of spreadsheet id: Range ('T'!3:9) exceeds grid limits`},
		{"id", sheets.Range{Title: "T", First: 0, Last: 9}, sheets.Bad, "row 0 is not a sheet row"},
		{"id", sheets.Range{Title: "T", First: 2, Last: 1}, sheets.Bad, "rows 2 to 1 are an empty range"},
		{"id", sheets.Range{First: 1, Last: 1}, sheets.Bad, "worksheet title is missing"},
		{"", good, sheets.Bad, "spreadsheet ID is missing"},
	}
	for _, test := range tests {
		_, err := open(t, f).Ranges(t.Context(), test.id, []sheets.Range{good, test.bad}, sheets.Serials, sheets.Polling)
		if e, ok := errors.AsType[*sheets.Error](err); !ok || e.Kind != test.kind || !strings.Contains(e.Error(), test.says) {
			t.Errorf("%+v: got %v, want kind %v, %q", test.bad, err, test.kind, test.says)
		}
	}
}

// TestRangesByRequest checks how ranges are divided into requests.
func TestRangesByRequest(t *testing.T) {
	every := func(step, n, width int) (ranges []sheets.Range) {
		for i := range n {
			ranges = append(ranges, sheets.Range{First: 1 + i*step, Last: i*step + step/2, Width: width})
		}
		return ranges
	}
	tests := []struct {
		name   string
		title  string
		ranges []sheets.Range
		want   []int // ranges by request
	}{
		{"100 ranges", "T", every(10, 250, 0), []int{100, 100, 50}},
		{"6,000 bytes of URL", strings.Repeat("ü", 100), every(10, 20, 0), []int{9, 9, 2}},
		{"100,000 cells", "T", every(2_000, 7, 50), []int{2, 2, 2, 1}},
		{"more cells than that in one range", "T", every(2_000, 2, 500), []int{1, 1}},
	}
	for _, test := range tests {
		f := &fake{title: test.title, grid: 20_000}
		for i := range test.ranges {
			test.ranges[i].Title = test.title
		}
		response, err := open(t, f).Ranges(t.Context(), "id", test.ranges, sheets.Serials, sheets.Polling)
		var got []int
		for _, r := range f.reads {
			got = append(got, strings.Count(r, "!"))
		}
		if err != nil || !slices.Equal(got, test.want) || len(response.Blocks) != len(test.ranges) {
			t.Fatalf("%s: %d blocks, ranges by request %v, %v; want %v", test.name, len(response.Blocks), got, err, test.want)
		}
		for i, b := range response.Blocks {
			if b.First != test.ranges[i].First || b.Last != test.ranges[i].Last {
				t.Errorf("%s: block %d is %d to %d", test.name, i, b.First, b.Last)
			}
		}
	}
}

func TestRowRanges(t *testing.T) {
	run := func(first, last int) (numbers []int) {
		for n := first; n <= last; n++ {
			numbers = append(numbers, n)
		}
		return numbers
	}
	tests := []struct {
		name    string
		numbers []int
		width   int
		want    string
	}{
		{"none", nil, 3, ""},
		{"one", []int{7}, 3, "7-7"},
		{"gaps", []int{5, 25, 45, 66, 67}, 3, "5-45 66-67"},
		{"a page's cells each", run(2, 25_001), 10, "2-10001 10002-20001 20002-25001"},
		{"no width", run(2, 200_001), 0, "2-100001 100002-200001"},
		{"wider than a page", run(2, 4), 200_000, "2-2 3-3 4-4"},
	}
	for _, test := range tests {
		var got []string
		for _, r := range sheets.RowRanges("T", test.numbers, test.width) {
			got = append(got, fmt.Sprintf("%d-%d", r.First, r.Last))
			if r.Title != "T" || r.Width != test.width {
				t.Errorf("%s: range %+v", test.name, r)
			}
		}
		if got := strings.Join(got, " "); got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, got, test.want)
		}
	}
}

// zipped returns a body as Google sends it.
func zipped(text string) []byte {
	var b strings.Builder
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return []byte(b.String())
}

func TestWire(t *testing.T) {
	const text = `{"valueRanges":[{"range":"T!A1:B2","values":[["A","B"],["x","x"]]}]}`
	whole := zipped(text)
	damaged := slices.Clone(whole)
	damaged[len(damaged)-6] ^= 1 // in the checksum
	tests := []struct {
		name, encoding string
		body           []byte
		says           string // part of the error; "": none
	}{
		{"plain", "", []byte(text), ""},
		{"compressed", "gzip", whole, ""},
		{"a damaged checksum", "gzip", damaged, "was cut off: gzip"},
		{"cut", "gzip", whole[:len(whole)-20], "was cut off: unexpected EOF"},
		{"cut in the gzip header", "gzip", whole[:3], "was cut off: unexpected EOF"},
		{"not gzip", "gzip", []byte(text), "was cut off: gzip"},
	}
	for _, test := range tests {
		synctest.Test(t, func(t *testing.T) {
			var headers http.Header
			a := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				headers = r.Header
				if test.encoding != "" {
					w.Header().Set("Content-Encoding", test.encoding)
				}
				_, _ = w.Write(test.body)
			}))
			response, err := a.Ranges(t.Context(), "id", []sheets.Range{{Title: "T", First: 1, Last: 2}}, sheets.Serials, sheets.Polling)
			if test.says != "" {
				e, ok := errors.AsType[*sheets.Error](err)
				if !ok || !e.Temporary() || !strings.Contains(e.Message, test.says) {
					t.Errorf("%s: got %v, want %q", test.name, err, test.says)
				}
			} else if x := row.TextCell("x"); err != nil || response.Wire != int64(len(test.body)) || !slices.Equal(response.Blocks[0].Cells(2), []row.Cell{x, x}) {
				t.Errorf("%s: got %+v, %v; want %d bytes", test.name, response, err, len(test.body))
			}
			if agent := headers.Get("User-Agent"); headers.Get("Accept-Encoding") != "gzip" || agent != "rowtap/1 (gzip)" {
				t.Errorf("headers %v do not request gzip", headers)
			}
		})
	}
}

// TestPagesGivenTheFirst checks that a given first page is not read again, and that nothing is read
// if the grid ends with it.
func TestPagesGivenTheFirst(t *testing.T) {
	for _, rows := range []int{1, 2, 499, 500, 501, 2_000, 9_000} {
		f := &fake{title: "Signups", rows: numbered(rows, 2, 1)}
		a := open(t, f)
		response, err := a.Ranges(t.Context(), "id", []sheets.Range{{Title: "Signups", First: 1, Last: 500}}, sheets.Serials, sheets.Polling)
		if err != nil {
			t.Fatal(err)
		}
		first := response.Blocks[0]
		table, err := readOnce(t.Context(), a, "id", "Signups", 1, 0, &first)
		if _, truth := f.truth(1); err != nil || !same(table.Rows, truth) {
			t.Errorf("%d rows: %v, got %s", rows, err, show(table.Rows))
		}
		if first.GridEnds() != (rows < 500) || first.GridEnds() != (len(f.reads) == 1) || slices.Contains(f.reads[1:], f.reads[0]) {
			t.Errorf("%d rows: requests %q", rows, f.reads)
		}
		if _, err := readOnce(t.Context(), a, "id", "Signups", 2, 0, &first); err == nil {
			t.Error("a first page with another header row was accepted")
		}
	}
}

// TestPagesLeft checks that pages after the last one consumed are not read.
func TestPagesLeft(t *testing.T) {
	f := &fake{title: "Signups", rows: numbered(5_000, 2, 1)}
	for _, err := range open(t, f).Pages(t.Context(), "id", "Signups", 1, 0, nil) {
		if err != nil {
			t.Error(err)
		}
		break
	}
	if len(f.reads) != 1 {
		t.Errorf("requests %q, want one", f.reads)
	}
}

// TestRowsInParts checks that ranges whose response is too large are read in parts and returned as
// requested.
func TestRowsInParts(t *testing.T) {
	f := &fake{title: "Signups", rows: numbered(3_000, 2, 1)}
	f.rows[1_199], f.rows[1_200] = nil, nil // blank rows where parts may meet
	a := open(t, f, func(o *sheets.Options) { o.Transport = endless{direct{f}} })
	asked := []sheets.Range{
		{Title: "Signups", First: 401, Last: 2_000},
		{Title: "Signups", First: 2_600, Last: 9_000},
		{Title: "Signups", First: 2_401, Last: 3_600}, // halved; the grid ends between the halves
		{Title: "Signups", First: 2_500, Last: 2_500},
	}
	response, err := a.Rows(t.Context(), "id", asked, sheets.Serials, sheets.Bulk)
	if err != nil || len(response.Blocks) != len(asked) {
		t.Fatalf("%d blocks, %v; requests %q", len(response.Blocks), err, f.reads)
	}
	_, truth := f.truth(1)
	for i, b := range response.Blocks {
		var want []row.Row
		for _, r := range truth {
			if r.Number >= asked[i].First && r.Number <= asked[i].Last {
				want = append(want, r)
			}
		}
		if got := slices.Collect(b.Rows(0)); !same(got, want) || b.First != asked[i].First || b.Last != min(asked[i].Last, 3_000) || b.GridEnds() != (asked[i].Last > 3_000) {
			t.Errorf("%v: rows %d to %d, grid ends: %t; got %d rows, want %d", asked[i], b.First, b.Last, b.GridEnds(), len(got), len(want))
		}
	}
}
