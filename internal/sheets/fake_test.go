package sheets_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/row"
	"github.com/rowtap/rowtap/internal/row/rowtest"
	"github.com/rowtap/rowtap/internal/sheets"
)

func TestMain(m *testing.M) {
	_ = os.Unsetenv("GOOGLE_APPLICATION_CREDENTIALS")
	os.Exit(m.Run())
}

// date is a cell of the fake that is shown as text.
type date struct {
	serial float64
	shown  string
}

// amount is a formatted number cell of the fake. Its format shows only in a read of formatted
// values.
type amount struct {
	value float64
	shown string
}

// fake is a spreadsheet with one or more worksheets, served like the Sheets API does.
type fake struct {
	title   string
	rows    [][]any // nil, string, float64, bool, date or amount; from sheet row 1
	grid    int     // rows of the grid; 0: as many as rows has, at least 1
	columns int     // 0: 26
	others  []*fake // further worksheets

	mu     sync.Mutex
	reads  []string         // ranges of each read of values
	times  []time.Time      // of all requests
	before func(read int)   // called before the nth read, from 1
	fail   []func(w writer) // serve the first requests instead
	looks  int              // requests for the list of worksheets
}

type writer = http.ResponseWriter

func (f *fake) gridRows() int { return max(f.grid, len(f.rows), 1) }

var rangeForm = regexp.MustCompile(`^'((?:[^']|'')*)'!([A-Z]*)(\d+):([A-Z]*)(\d+)$`)

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.times = append(f.times, time.Now())
	if len(f.fail) > 0 {
		do := f.fail[0]
		f.fail = f.fail[1:]
		if do != nil {
			do(w)
			return
		}
	}
	if strings.HasSuffix(r.URL.Path, "/spreadsheets/id") {
		f.looks++
		fmt.Fprintf(w, `{"properties":{"title":"Book","timeZone":"Etc/UTC"},"sheets":[{"properties":{"sheetId":0,"title":%q,"sheetType":"GRID",`+
			`"gridProperties":{"rowCount":%d,"columnCount":26}}}]}`, f.title, f.gridRows())
		return
	}
	if !strings.HasSuffix(r.URL.Path, "/values:batchGet") {
		apiError(w, 404, "NOT_FOUND", "Requested entity was not found.", "")
		return
	}
	q := r.URL.Query()
	f.reads = append(f.reads, strings.Join(q["ranges"], " "))
	if f.before != nil {
		f.before(len(f.reads))
	}
	all := q.Get("valueRenderOption") == "FORMATTED_VALUE"
	if !all && q.Get("valueRenderOption") != "UNFORMATTED_VALUE" || q.Get("majorDimension") != "ROWS" {
		apiError(w, 400, "INVALID_ARGUMENT", "the fake does not do that", "")
		return
	}
	var ranges []map[string]any
	for _, text := range q["ranges"] {
		m := rangeForm.FindStringSubmatch(text)
		var of *fake
		for _, tab := range append([]*fake{f}, f.others...) {
			if m != nil && strings.ReplaceAll(m[1], "''", "'") == tab.title {
				of = tab
			}
		}
		if of == nil {
			apiError(w, 400, "INVALID_ARGUMENT", "Unable to parse range: "+text, "")
			return
		}
		first, _ := strconv.Atoi(m[3])
		last, _ := strconv.Atoi(m[5])
		columns := cmp.Or(of.columns, 26)
		from, to := 0, columns-1
		if m[2] != "" {
			from, _ = row.ParseLetter(m[2])
			to, _ = row.ParseLetter(m[4])
		}
		if first > of.gridRows() || from >= columns {
			apiError(w, 400, "INVALID_ARGUMENT", fmt.Sprintf("Range (%s) exceeds grid limits. Max rows: %d, max columns: %d", text, of.gridRows(), columns), "")
			return
		}
		ranges = append(ranges, of.values(first, min(last, of.gridRows()), from, min(to, columns-1), q.Get("dateTimeRenderOption") == "FORMATTED_STRING", all))
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	_ = json.NewEncoder(w).Encode(map[string]any{"spreadsheetId": "id", "valueRanges": ranges})
}

// values returns a ValueRange, trimmed like the API's, with dates or all cells as the sheet shows
// them.
func (f *fake) values(first, last, from, to int, dates, all bool) map[string]any {
	title := f.title
	if !regexp.MustCompile(`^[A-Za-z]+$`).MatchString(title) {
		title = "'" + strings.ReplaceAll(title, "'", "''") + "'"
	}
	v := map[string]any{"range": fmt.Sprintf("%s!%s%d:%s%d", title, row.Letter(from), first, row.Letter(to), last), "majorDimension": "ROWS"}
	var lines [][]any
	for n := first; n <= min(last, len(f.rows)); n++ {
		line := []any{}
		cells := f.rows[n-1]
		if from > 0 || to < cmp.Or(f.columns, 26)-1 {
			cells = cells[min(from, len(cells)):min(to+1, len(cells))]
		}
		for _, cell := range cells {
			switch c := cell.(type) {
			case nil:
				line = append(line, "")
			case date:
				if dates || all {
					line = append(line, c.shown)
				} else {
					line = append(line, c.serial)
				}
			case amount:
				if all {
					line = append(line, c.shown)
				} else {
					line = append(line, c.value)
				}
			case bool:
				if all {
					line = append(line, strings.ToUpper(strconv.FormatBool(c)))
				} else {
					line = append(line, c)
				}
			case float64:
				if all {
					line = append(line, strconv.FormatFloat(c, 'f', -1, 64))
				} else {
					line = append(line, c)
				}
			default:
				line = append(line, c)
			}
		}
		for i := len(line) - 1; i >= 0 && cells[i] == nil; i-- {
			line = line[:i]
		}
		lines = append(lines, line)
	}
	for len(lines) > 0 && len(lines[len(lines)-1]) == 0 {
		lines = lines[:len(lines)-1]
	}
	if len(lines) > 0 {
		v["values"] = lines
	}
	return v
}

// truth returns what a complete read must return.
func (f *fake) truth(headerRow int) ([]string, []row.Row) {
	var rows []row.Row
	var head []row.Cell
	width := 0
	for i, line := range f.rows {
		if i+1 < headerRow {
			continue
		}
		cells := []row.Cell{}
		for _, v := range line {
			switch c := v.(type) {
			case date:
				v = c.serial
			case amount:
				v = c.value
			}
			cells = append(cells, rowtest.FromJSON(v))
		}
		for len(cells) > 0 && cells[len(cells)-1] == (row.Cell{}) {
			cells = cells[:len(cells)-1]
		}
		width = max(width, len(cells))
		if i+1 == headerRow {
			head = cells
		} else if r := (row.Row{Number: i + 1, Cells: cells}); !r.Blank() {
			rows = append(rows, r)
		}
	}
	head = append(slices.Clone(head), make([]row.Cell, width-len(head))...)
	return row.NewHeader(head).Names(), rows
}

// apiError writes an error like the Sheets API's.
func apiError(w http.ResponseWriter, code int, status, message, reason string) {
	e := map[string]any{"code": code, "message": message, "status": status}
	if reason != "" {
		e["details"] = []any{map[string]any{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "googleapis.com"}}
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": e})
}

// direct is a transport that calls a handler without a socket, because sockets stop the synctest
// clock.
type direct struct{ handler http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, r)
	res := w.Result()
	res.Request = r
	return res, nil
}

// open opens an account without authentication that sends its requests to the handler.
func open(t testing.TB, handler http.Handler, change ...func(*sheets.Options)) *sheets.Account {
	t.Helper()
	o := sheets.Options{
		Name: "marketing", ReadsPerMinute: 60_000, UserAgent: "rowtap/1",
		Endpoint: &url.URL{Scheme: "http", Host: "127.0.0.1:1", Path: "/base"}, Transport: direct{handler},
	}
	for _, c := range change {
		c(&o)
	}
	a, err := sheets.Open(o)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(a.CloseIdleConnections)
	return a
}

// show formats rows for failures, one per line.
func show(rows []row.Row) string {
	var b strings.Builder
	for _, r := range rows[:min(len(rows), 20)] {
		fmt.Fprintf(&b, "\n    %d:", r.Number)
		for _, c := range r.Cells {
			fmt.Fprintf(&b, " %s(%s)", c.Kind, c)
		}
	}
	return fmt.Sprintf("%d rows%s", len(rows), b.String())
}

// same compares rows; nil and empty are equal.
func same(a, b []row.Row) bool {
	return slices.EqualFunc(a, b, func(a, b row.Row) bool { return a.Number == b.Number && slices.Equal(a.Cells, b.Cells) })
}

// wholeSheet is a worksheet at the time of one read.
type wholeSheet struct {
	Header row.Header
	Rows   []row.Row // below the header and not blank, in sheet order
}

// read reads a complete worksheet like a poll, starting over if it changed during the read.
func read(ctx context.Context, a *sheets.Account, id, title string, headerRow int) (wholeSheet, error) {
	for restarts := 0; ; restarts++ {
		table, err := readOnce(ctx, a, id, title, headerRow, 0, nil)
		if !errors.Is(err, sheets.ErrTorn) || restarts == 3 {
			return table, err
		}
	}
}

// readOnce joins the pages of a worksheet, and checks that they are contiguous.
func readOnce(ctx context.Context, a *sheets.Account, id, title string, headerRow, gridRows int, first *sheets.Block) (wholeSheet, error) {
	var head []row.Cell
	var rows []row.Row
	width, next := 0, headerRow
	for page, err := range a.Pages(ctx, id, title, headerRow, gridRows, first) {
		if err != nil {
			return wholeSheet{}, err
		}
		if page.Title != title || page.First != next || page.Last < page.First {
			return wholeSheet{}, fmt.Errorf("rows %d to %d of %q, want them from %d on", page.First, page.Last, page.Title, next)
		}
		if page.First == headerRow {
			head = page.Cells(headerRow)
		}
		rows = slices.AppendSeq(rows, page.Rows(headerRow))
		width, next = max(width, page.Width()), page.Last+1
	}
	head = append(slices.Clone(head), make([]row.Cell, width-len(head))...)
	return wholeSheet{Header: row.NewHeader(head), Rows: rows}, nil
}

// typed marks the dates of rows like a poll.
func typed(ctx context.Context, a *sheets.Account, id, title string, rows []row.Row) ([]row.Row, error) {
	result := a.Show(ctx, id, []sheets.ShowAsk{{Title: title, Rows: rows}}, sheets.Finishing)[0]
	return result.Rows, result.Err
}
