package detect_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/row"
)

// The notation: a sheet is a string, a letter is a row. Each letter has its own name, e-mail, phone
// and so on. A digit after a letter edits that many of its eight cells, starting with the last. "."
// is a row without cells. "a-" is half-typed: its e-mail is blank. "a!" shows #N/A in its last
// column, and the e-mail of "a?" is loading.

var start = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)

var columns = []string{"Name", "Email", "Phone", "City", "Country", "Plan", "Score", "Note"}

func table(sheet string) wholeSheet { return tableOf(columns, sheet) }

func tableOf(names []string, sheet string) wholeSheet {
	t := wholeSheet{Header: row.HeaderOf(append([]string(nil), names...))}
	number := 1
	for i := 0; i < len(sheet); {
		letter := sheet[i]
		number++
		i++
		if letter == '.' {
			continue
		}
		cells := letterCells(letter)
		for ; i < len(sheet) && strings.IndexByte("-!?0123456789", sheet[i]) >= 0; i++ {
			switch c := sheet[i]; c {
			case '-':
				delete(cells, "Email")
			case '!':
				cells["Note"] = row.TextCell("#N/A")
			case '?':
				cells["Email"] = row.TextCell("Loading...")
			default:
				for k := range int(c - '0') {
					name := columns[len(columns)-1-k]
					cells[name] = row.TextCell("edited " + name + string(letter))
				}
			}
		}
		r := row.Row{Number: number}
		for _, name := range names {
			r.Cells = append(r.Cells, cells[name])
		}
		t.Rows = append(t.Rows, r)
	}
	return t
}

func letterCells(letter byte) map[string]row.Cell {
	l := string(letter)
	return map[string]row.Cell{
		"Name":    row.TextCell("name " + l),
		"Email":   row.TextCell(l + "@example.com"),
		"Phone":   row.NumberCell(9100000 + float64(letter)),
		"City":    row.TextCell("city " + l),
		"Country": row.TextCell([]string{"IN", "SG", "US"}[letter%3]),
		"Plan":    row.TextCell([]string{"free", "pro"}[letter%2]),
		"Score":   row.NumberCell(float64(letter) * 1.5),
		"Note":    row.TextCell("note " + l),
		"ID":      row.NumberCell(float64(letter)),
	}
}

// said formats a result in the notation: the letters of the rows found, each with its state unless
// ready, then the changes, each with its delivery.
func said(r outcome) string {
	if r.Doubt != "" {
		return "doubt"
	}
	var out []string
	for _, f := range r.Found {
		s := letterOf(r.row(f.Row))
		if f.State != detect.Ready {
			s += ":" + f.State.String()
		}
		out = append(out, s)
	}
	for _, c := range r.Changes {
		s := fmt.Sprintf("%d %s", c.Delivery, c.Kind)
		out = append(out, s)
	}
	if r.Unchanged && len(out) > 0 {
		out = append(out, "but nothing to commit")
	}
	return strings.Join(out, ", ")
}

func letterOf(r row.Row) string {
	return strings.TrimPrefix(r.Cell(0).String(), "name ")
}

// polls reads the sheets one after the other, a minute apart, and returns the last result.
func polls(t testing.TB, o detect.Options, sheets ...string) outcome {
	t.Helper()
	r := begin(table(sheets[0]), o, 1<<30, 1, start)
	for i, s := range sheets[1:] {
		r.Cursor = recoded(t, r.Cursor)
		r = r.then(table(s), o, start.Add(time.Duration(i+1)*time.Minute))
	}
	return r
}

func recoded(t fataler, c detect.Cursor) detect.Cursor {
	t.Helper()
	d, err := detect.Decode(slices.Values(c.Encode()))
	if err != nil {
		t.Fatalf("Decode: %v", err)
	}
	return d
}

// written parses the other notation, for sheets with columns of their own: "Email|Plan / a|gold /
// b|free" is a header and two rows.
func written(sheet string) wholeSheet {
	var t wholeSheet
	for i, line := range strings.Split(sheet, "/") {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if i == 0 {
			t.Header = row.HeaderOf(cells)
			continue
		}
		r := row.Row{Number: i + 1}
		for _, c := range cells {
			r.Cells = append(r.Cells, row.TextCell(c))
		}
		t.Rows = append(t.Rows, r)
	}
	return t
}

// reads is like polls for written sheets. The rows of the first one fire if from is 0.
func reads(t testing.TB, o detect.Options, from int, sheets ...string) outcome {
	t.Helper()
	r := begin(written(sheets[0]), o, from, 1, start)
	for i, s := range sheets[1:] {
		r.Cursor = recoded(t, r.Cursor)
		r = r.then(written(s), o, start.Add(time.Duration(i+1)*time.Minute))
	}
	return r
}
