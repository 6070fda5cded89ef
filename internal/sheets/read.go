package sheets

import (
	"context"
	"errors"
	"fmt"

	"github.com/rowtap/rowtap/internal/row"
)

const (
	pageCells   = 100_000 // about the cells of a page; some 1.5 MB of JSON
	firstPage   = 2_000   // rows of the first page of a worksheet whose width is not known
	maxOverlap  = 64      // rows that two pages share at most
	maxRestarts = 3       // of a read that the sheet changes under
)

// Read reads a worksheet whole: the header, and every row below it that is not blank. The table's Zone is left empty.
//
// A worksheet that fits a page is one request; where the grid ends is told by the answer. Consecutive pages share rows;
// if those differ, or the grid shrinks, the read begins anew, at most three times. The error is an *Error; that of a
// sheet which never stood still wraps [ErrTorn], and a header row past the end of the worksheet is of the kind PastGrid.
func (a *Account) Read(ctx context.Context, spreadsheetID, title string, headerRow int) (row.Table, error) {
	w := what{spreadsheetID, title}
	switch {
	case spreadsheetID == "" || title == "":
		return row.Table{}, a.bad(w, "no id or no worksheet is given")
	case headerRow < 1:
		return row.Table{}, a.bad(w, fmt.Sprintf("there is no header row %d, rows count from 1", headerRow))
	}
	for restarts := 0; ; restarts++ {
		r := reading{account: a, what: w, headerRow: headerRow, size: a.pageRows(w), most: pageCells}
		table, err := r.run(ctx)
		if err == nil {
			a.rememberPageRows(w, r.size)
		}
		if !errors.Is(err, ErrTorn) || restarts == maxRestarts {
			return table, err
		}
	}
}

// reading is one attempt to read a worksheet.
type reading struct {
	account   *Account
	what      what
	headerRow int
	size      int // rows of the next page, at least 2
	most      int // rows of a page; fewer once one was too big

	page  block // the last one read; its last is 0 before the first
	width int   // of the widest row so far
	head  []row.Cell
	rows  []row.Row
}

func (r *reading) run(ctx context.Context) (row.Table, error) {
	for {
		first := r.next()
		last := first + r.size - 1
		blocks, err := r.account.blocks(ctx, r.what, [][2]int{{first, last}}, false)
		switch {
		case errors.Is(err, errTooBig) && r.size > 2:
			r.size = max(r.size/2, 2)
			r.most = r.size
			continue
		case kindOf(err) == PastGrid && r.pastEnd(first):
			return r.table(), nil
		case kindOf(err) == PastGrid:
			return row.Table{}, r.shrunk(first, err)
		case err != nil:
			return row.Table{}, err
		}
		page := blocks[0]
		if number, same := r.overlaps(page); !same {
			return row.Table{}, r.account.torn(r.what, number)
		}
		r.add(page)
		r.size = max(min(r.size*4, pageCells/max(r.width, 1), r.most), 2)
		if page.last < last {
			return r.table(), nil
		}
	}
}

// next returns the first row of the next page: one of the last page's last rows, so that rows which were inserted or
// deleted above in between are seen as a shift. It is a row that no other of the page equals, if there is one near the
// end: among equal rows a shift does not show.
func (r *reading) next() int {
	if r.page.last == 0 {
		return r.headerRow
	}
	most := min(maxOverlap, r.size/2, r.page.last-r.page.first+1)
	for back := range most {
		number := r.page.last - back
		if r.unique(number) {
			return number
		}
	}
	return r.page.last - most + 1
}

// unique tells whether a row of the page is not blank and no other of the page is like it.
func (r *reading) unique(number int) bool {
	cells := r.page.at(number)
	if len(cells) == 0 {
		return false
	}
	for i, other := range r.page.cells {
		if r.page.first+i != number && sameRow(cells, other) {
			return false
		}
	}
	return true
}

// overlaps tells whether a new page repeats the rows that it shares with the last one; number is the first that differs.
func (r *reading) overlaps(page block) (number int, same bool) {
	if page.last < r.page.last {
		return page.last, false
	}
	for number := page.first; number <= r.page.last; number++ {
		if !sameRow(r.page.at(number), page.at(number)) {
			return number, false
		}
	}
	return 0, true
}

// sameRow tells whether two reads are of the same row. Where it has words they decide: its numbers may be of formulas that change
// between two reads (NOW, RAND, days open).
func sameRow(a, b []row.Cell) bool {
	first, second := row.Row{Cells: a}, row.Row{Cells: b}
	words, same := 0, true
	for i := range max(len(a), len(b)) {
		x, y := first.Cell(i), second.Cell(i)
		switch {
		case x == y && x.Kind == row.Text:
			words++
		case x == y:
		case x.Kind == row.Number && y.Kind == row.Number:
			same = false
		default:
			return false
		}
	}
	return same || words > 0
}

// add takes the rows of a page that the last one did not have.
func (r *reading) add(page block) {
	for i, cells := range page.cells {
		number := page.first + i
		if number <= r.page.last {
			continue
		}
		r.width = max(r.width, len(cells))
		if number == r.headerRow {
			r.head = cells
			continue
		}
		if line := (row.Row{Number: number, Cells: cells}); !line.Blank() {
			r.rows = append(r.rows, line)
		}
	}
	r.page = page
}

// table returns what was read. The header is padded with blank names to the widest row.
func (r *reading) table() row.Table {
	head := make([]row.Cell, r.width)
	copy(head, r.head)
	return row.Table{Header: row.NewHeader(head), Rows: r.rows}
}

// pastEnd tells whether the rows of the last page from first on are blank: then a grid that ends above them takes nothing from
// what was read.
func (r *reading) pastEnd(first int) bool {
	for number := first; number <= r.page.last; number++ {
		if len(r.page.at(number)) > 0 {
			return false
		}
	}
	return r.page.last > 0
}

// shrunk is the error of a page that begins past the end of the grid: of the first one the header row is wrong, for a
// later one rows were deleted meanwhile.
func (r *reading) shrunk(first int, err error) error {
	if first != r.headerRow {
		return r.account.torn(r.what, first)
	}
	if e, ok := errors.AsType[*Error](err); ok {
		e.Message = fmt.Sprintf("%s: header row %d is past the end of the worksheet", r.what, r.headerRow)
		e.Hint = "correct header_row in the zap's file, or the worksheet"
	}
	return err
}

// pageRows returns the rows of a worksheet's first page: what fitted at the last read, so that it stays one request.
func (a *Account) pageRows(w what) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	if rows, known := a.pages[w.String()]; known {
		return rows
	}
	return firstPage
}

func (a *Account) rememberPageRows(w what, rows int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pages[w.String()] = rows
}
