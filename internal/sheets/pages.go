package sheets

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/rowtap/rowtap/internal/row"
)

const (
	// FirstPageRows is how many rows the first page of a worksheet has whose width is not known.
	FirstPageRows = 2_000

	pageCells  = 100_000 // about the cells of a page; some 1.5 MB of JSON
	maxOverlap = 64      // rows that two pages share at most
)

// PageRows returns how many rows of a worksheet to ask for first, the header row among them: what fitted a page when it
// was last read whole, so that it stays one request, else [FirstPageRows].
func (a *Account) PageRows(spreadsheetID, title string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	if rows, known := a.pages[what{spreadsheetID, title}]; known {
		return rows
	}
	return FirstPageRows
}

func (a *Account) rememberPageRows(w what, rows int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pages[w] = rows
}

// Pages reads a worksheet whole, from the header row to the end of the grid, page by page: each sheet row is in one of
// the blocks, the first of which begins with the header row, and none is empty. The first page may be given, as [Account.Ranges] read it;
// else it is read with the urgency [Polling]. The pages after it are [Bulk]. No more than two pages are held at a time.
//
// Consecutive pages are read with rows in common. If those differ, or the grid shrinks, the sheet changed between the two, and
// rows may be missed or doubled: the pair has an error that wraps [ErrTorn], and the page whole, with the rows that it has in common
// with the page before; what was read is no one state of the worksheet. Start over, a few times. A reader that goes on gets the other
// pages too, each of one state. Every other error is the last pair. All are an *Error; a header row past the end of the worksheet is of
// the kind PastGrid.
func (a *Account) Pages(ctx context.Context, spreadsheetID, title string, headerRow int, first *Block) iter.Seq2[Block, error] {
	return func(yield func(Block, error) bool) {
		w := what{spreadsheetID, title}
		switch {
		case spreadsheetID == "" || title == "":
			yield(Block{}, a.bad(w, "no id or no worksheet is given"))
			return
		case headerRow < 1:
			yield(Block{}, a.bad(w, fmt.Sprintf("there is no header row %d, rows count from 1", headerRow)))
			return
		case first != nil && (first.Title != title || first.First != headerRow):
			yield(Block{}, a.bad(w, fmt.Sprintf("the first page given does not begin with its header row %d", headerRow)))
			return
		}
		r := reading{account: a, what: w, headerRow: headerRow, size: a.PageRows(spreadsheetID, title), most: pageCells}
		if first != nil {
			r.size = max(first.asked-first.First+1, 2)
		}
		for page, err := range r.pages(ctx, first) {
			if !yield(page, err) {
				return
			}
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

	page  Block // the last one read; its Last is 0 before the first
	width int   // of the widest row so far
}

// pages yields the pages, without the rows that the page before had. given is the first; nil: it is read too.
func (r *reading) pages(ctx context.Context, given *Block) iter.Seq2[Block, error] {
	return func(yield func(Block, error) bool) {
		for {
			page, err := r.read(ctx, given)
			given = nil
			torn := errors.Is(err, ErrTorn)
			if err != nil && !torn {
				yield(Block{}, err)
				return
			}
			if page.Last == 0 {
				if torn {
					yield(Block{}, err)
					return
				}
				break // the grid ended above
			}
			seen := r.page.Last
			if torn {
				seen = 0
			}
			r.page = page
			r.width = max(r.width, page.Width())
			r.size = max(min(r.size*4, pageCells/max(r.width, 1), r.most), 2)
			// The size is kept before the last page is handed out: its reader may leave.
			if page.GridEnds() {
				r.account.rememberPageRows(r.what, r.size)
			}
			if page.Last > seen && !yield(page.below(seen), err) || page.GridEnds() {
				return
			}
		}
		r.account.rememberPageRows(r.what, r.size)
	}
}

// read returns the next page; none, whose Last is 0, where the grid has ended. With an error that wraps [ErrTorn] the page is good by
// itself; without a page the grid ends above it.
func (r *reading) read(ctx context.Context, given *Block) (Block, error) {
	if given != nil {
		return *given, nil
	}
	urgency := Bulk
	if r.page.Last == 0 {
		urgency = Polling
	}
	for {
		first := r.next()
		asked := Range{Title: r.what.title, First: first, Last: first + r.size - 1}
		answer, err := r.account.batch(ctx, r.what, []Range{asked}, Serials, urgency)
		switch {
		case errors.Is(err, ErrTooBig) && r.size > 2:
			r.size = max(r.size/2, 2)
			r.most = r.size
			continue
		case kindOf(err) == PastGrid && r.pastEnd(first):
			return Block{}, nil
		case kindOf(err) == PastGrid:
			return Block{}, r.shrunk(first, err)
		case err != nil:
			return Block{}, err
		}
		page := answer.Blocks[0]
		if number, same := r.overlaps(page); !same {
			return page, r.account.torn(r.what, number)
		}
		return page, nil
	}
}

// next returns the first row of the next page: one of the last page's last rows, so that rows which were inserted or
// deleted above in between are seen as a shift. It is a row that no other of the page equals, if there is one near the
// end: among equal rows a shift does not show.
func (r *reading) next() int {
	if r.page.Last == 0 {
		return r.headerRow
	}
	most := min(maxOverlap, r.size/2, r.page.Last-r.page.First+1)
	for back := range most {
		number := r.page.Last - back
		if r.unique(number) {
			return number
		}
	}
	return r.page.Last - most + 1
}

// unique tells whether a row of the page is not blank and no other of the page is like it.
func (r *reading) unique(number int) bool {
	cells := r.page.Cells(number)
	if len(cells) == 0 {
		return false
	}
	for i, other := range r.page.cells {
		if r.page.First+i != number && sameRow(cells, other) {
			return false
		}
	}
	return true
}

// overlaps tells whether a new page repeats the rows that it shares with the last one; number is the first that differs.
func (r *reading) overlaps(page Block) (number int, same bool) {
	if page.Last < r.page.Last {
		return page.Last, false
	}
	changed := map[int]bool{} // columns with other numbers
	for number := page.First; number <= r.page.Last; number++ {
		was, is := r.page.Cells(number), page.Cells(number)
		if !sameRow(was, is) {
			return number, false
		}
		for i := range max(len(was), len(is)) {
			if (row.Row{Cells: was}).Cell(i) != (row.Row{Cells: is}).Cell(i) {
				changed[i] = true
			}
		}
	}
	if len(changed) > 0 && !r.tells(page.First, changed) {
		return page.First, false
	}
	return 0, true
}

// tells tells whether a row of the last page, from a number on, is unlike all others of it but for some columns: in these numbers have
// changed, which may be a formula's doing, or a shift by rows that have the same words.
func (r *reading) tells(from int, but map[int]bool) bool {
	alike := func(a, b []row.Cell) bool {
		for i := range max(len(a), len(b)) {
			if !but[i] && (row.Row{Cells: a}).Cell(i) != (row.Row{Cells: b}).Cell(i) {
				return false
			}
		}
		return true
	}
	for number := from; number <= r.page.Last; number++ {
		cells, own := r.page.Cells(number), true
		for i, other := range r.page.cells {
			own = own && (r.page.First+i == number || !alike(cells, other))
		}
		if own {
			return true
		}
	}
	return false
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

// pastEnd tells whether the rows of the last page from first on are blank: then a grid that ends above them takes nothing from
// what was read.
func (r *reading) pastEnd(first int) bool {
	for number := first; number <= r.page.Last; number++ {
		if len(r.page.Cells(number)) > 0 {
			return false
		}
	}
	return r.page.Last > 0
}

// shrunk is the error of a page that begins past the end of the grid: of the first one the header row is wrong, for a
// later one rows were deleted meanwhile.
func (r *reading) shrunk(first int, err error) error {
	if r.page.Last > 0 {
		return r.account.torn(r.what, first)
	}
	if e, ok := errors.AsType[*Error](err); ok {
		e.Message = fmt.Sprintf("%s: header row %d is past the end of the worksheet", r.what, r.headerRow)
		e.Hint = "correct header_row in the zap's file, or the worksheet"
	}
	return err
}
