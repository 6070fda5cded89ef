package sheets

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/rowtap/rowtap/internal/row"
)

const (
	// FirstPageRows is how many rows the first page of a worksheet has whose width is not known.
	FirstPageRows = 2_000

	pageCells   = 100_000 // about the cells of a page; some 1.5 MB of JSON
	maxOverlap  = 64      // rows that two pages share at most
	pagesAtOnce = 4       // pages of one read that are requested at once
)

// PageRows returns how many rows of a worksheet to ask for first, the header row among them: what
// fitted a page when it was last read whole, so that it stays one request, else [FirstPageRows].
func (a *Account) PageRows(spreadsheetID, title string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	if rows, known := a.pages[target{spreadsheetID, title}]; known {
		return rows
	}
	return FirstPageRows
}

func (a *Account) rememberPageRows(t target, rows int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pages[t] = rows
}

// Pages reads a worksheet whole, from the header row to the end of the grid, in pages: the blocks
// are in sheet order, the first begins with the header row, each sheet row is in one of them, and
// none is empty. The first page may be given, as [Account.Ranges] read it; else it is read with the
// urgency [Polling]. The pages after it are [Bulk].
//
// gridRows is how many rows the grid has, as far as the caller knows: the pages that begin within
// it are requested up to four at once, and no more than five are held at a time. 0 reads all pages
// one after the other, each after the page before was taken. A grid that is smaller by now costs at
// most three requests too many, one that goes on by more than a page costs one, to ask for its size.
//
// Consecutive pages have up to 64 rows in common. If those differ, or the grid shrinks, the sheet
// changed between the two requests, and rows may be missed or doubled: the pair has an error that
// wraps [ErrTorn], and the page whole, with the rows that it has in common with the page before;
// what was read is no one state of the worksheet. Start over, a few times. A reader that goes on
// gets the other pages too, each of one state, which without gridRows is later than the one before.
// Every other error is the last pair. All are an *Error; a header row past the end of the worksheet
// is of the kind PastGrid. Requests under way are given up, and have ended, when the range over the
// pages ends.
func (a *Account) Pages(ctx context.Context, spreadsheetID, title string, headerRow, gridRows int, first *Block) iter.Seq2[Block, error] {
	return func(yield func(Block, error) bool) {
		t := target{spreadsheetID, title}
		switch {
		case spreadsheetID == "" || title == "":
			yield(Block{}, a.bad(t, "no id or no worksheet is given"))
			return
		case headerRow < 1:
			yield(Block{}, a.bad(t, fmt.Sprintf("there is no header row %d, rows count from 1", headerRow)))
			return
		case first != nil && (first.Title != title || first.First != headerRow):
			yield(Block{}, a.bad(t, fmt.Sprintf("the first page given does not begin with its header row %d", headerRow)))
			return
		}
		r := reading{
			account: a, target: t, headerRow: headerRow, gridRows: gridRows,
			size: a.PageRows(spreadsheetID, title), most: pageCells + maxOverlap,
		}
		if first != nil {
			r.size = max(first.asked-first.First+1, 2)
		}
		r.pages(ctx, first, yield)
	}
}

// reading is one attempt to read a worksheet.
type reading struct {
	account   *Account
	target    target
	headerRow int
	gridRows  int // that are known of; 0: pages are read one after the other

	size  int   // rows of the next page, as far as width and most allow
	most  int   // rows of a page; fewer once one was too big
	width int   // of the widest row so far
	page  Block // the last one handed out; its Last is 0 before the first

	pending  []pageRequest // pages that are planned and not handed out, in sheet order
	planned  Range         // the last one planned
	requests errgroup.Group
}

// coming is a page that is to be read.
type pageRequest struct {
	asked  Range
	result chan pageResult // gets one; nil: the request has not started
}

// arrival is what came of the request for a page.
type pageResult struct {
	page Block
	err  error
}

// pages yields the pages, without the rows that the page before had. given is the first; nil: it is
// read too.
func (r *reading) pages(ctx context.Context, given *Block, yield func(Block, error) bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer func() { // also when the consumer panics
		cancel()
		_ = r.requests.Wait()
	}()
	r.plan()
	if given != nil {
		r.pending[0].result = make(chan pageResult, 1)
		r.pending[0].result <- pageResult{page: *given}
	}
	for {
		r.start(ctx)
		asked, got := r.pending[0].asked, <-r.pending[0].result
		r.pending = r.pending[1:]
		if errors.Is(got.err, ErrTooBig) && asked.rows() > 2 {
			upper, lower := halves(asked)
			r.most = min(r.most, upper.rows())
			r.pending = slices.Insert(r.pending, 0, pageRequest{asked: upper}, pageRequest{asked: lower})
			continue
		}
		page, err := r.judge(asked, got)
		if page.Last == 0 { // the grid has ended above, or the request failed
			if err != nil {
				yield(Block{}, err)
			} else {
				r.account.rememberPageRows(r.target, r.rows())
			}
			return
		}
		seen := r.page.Last
		if err != nil {
			seen = 0
		}
		r.width = max(r.width, page.Width())
		// The size is kept before the last page is handed out: its reader may leave.
		if page.GridEnds() {
			r.account.rememberPageRows(r.target, r.rows())
		}
		if page.Last > seen { // a part of one that was too big may have nothing new
			r.page = page
			if !yield(page.below(seen), err) {
				return
			}
		}
		if page.GridEnds() {
			return
		}
		r.lookUp(ctx)
	}
}

// lookUp asks how many rows the grid has where it goes on by more than a page past what was known of it, so that the rest is not read one
// page after the other. Where that is not said the reading goes on as it is.
func (r *reading) lookUp(ctx context.Context) {
	if r.gridRows == 0 || len(r.pending) > 0 || r.page.First+maxOverlap <= r.gridRows {
		return
	}
	found, err := r.account.Spreadsheet(ctx, r.target.spreadsheet, Bulk)
	if err != nil {
		return
	}
	if tab, ok := found.ByTitle(r.target.title); ok {
		r.gridRows = max(tab.Rows, r.page.Last)
	}
}

// rows returns how many rows the next page has.
func (r *reading) rows() int {
	return max(min(r.size, pageCells/max(r.width, 1), r.most), 2)
}

// start starts requests until as many are under way as may be. The first of those to come is one of
// them.
func (r *reading) start(ctx context.Context) {
	inFlight, most := 0, pagesAtOnce
	if r.gridRows == 0 || r.page.Last == 0 { // before the first page the width is not known
		most = 1
	}
	for _, c := range r.pending {
		if c.result != nil {
			inFlight++
		}
	}
	for i := 0; inFlight < most && (i < len(r.pending) || r.plan()); i++ {
		if r.pending[i].result != nil {
			continue
		}
		for r.pending[i].asked.rows() > r.most { // planned before one was too big
			upper, lower := halves(r.pending[i].asked)
			r.pending[i].asked = upper
			r.pending = slices.Insert(r.pending, i+1, pageRequest{asked: lower})
		}
		r.request(ctx, &r.pending[i])
		inFlight++
	}
}

// plan adds a page to those to come. It returns false where the next page would begin past the
// known grid, and those before it may show that there is none.
func (r *reading) plan() bool {
	before, rows := r.planned, r.rows()
	next := Range{Title: r.target.title, First: r.headerRow, Last: r.headerRow + rows - 1}
	if before.Last > 0 {
		if len(r.pending) > 0 && before.Last >= r.gridRows {
			return false
		}
		next.First = before.Last + 1 - min(maxOverlap, rows/2, before.rows()/2)
		next.Last = min(before.Last+rows-1, next.First+r.most-1)
	}
	r.size = min(r.size*4, pageCells)
	r.planned = next
	r.pending = append(r.pending, pageRequest{asked: next})
	return true
}

// request starts the request for a page.
func (r *reading) request(ctx context.Context, c *pageRequest) {
	urgency := Bulk
	if r.page.Last == 0 {
		urgency = Polling
	}
	result, asked := make(chan pageResult, 1), c.asked
	c.result = result
	r.requests.Go(func() error {
		answer, err := r.account.batch(ctx, r.target, []Range{asked}, Serials, urgency)
		got := pageResult{err: err}
		if err == nil {
			got.page = answer.Blocks[0]
		}
		result <- got
		return nil
	})
}

// halves returns the two parts of a page that was too big. They overlap, too.
func halves(whole Range) (upper, lower Range) {
	overlap := max(min(maxOverlap, whole.rows()/4), 1)
	upper, lower = whole, whole
	upper.Last = whole.First + (whole.rows()+overlap+1)/2 - 1
	lower.First = upper.Last + 1 - overlap
	return upper, lower
}

// judge returns a page that came; none, whose Last is 0, where the grid has ended. With an error
// that wraps [ErrTorn] the page is good by itself; without a page the grid ends above it.
func (r *reading) judge(asked Range, got pageResult) (Block, error) {
	switch {
	case kindOf(got.err) == PastGrid && r.pastEnd(asked.First):
		return Block{}, nil
	case kindOf(got.err) == PastGrid:
		return Block{}, r.shrunk(asked.First, got.err)
	case got.err != nil:
		return Block{}, got.err
	}
	if number, same := r.overlaps(got.page); !same {
		return got.page, r.account.torn(r.target, number)
	}
	return got.page, nil
}

// overlaps tells whether a new page repeats the rows that it shares with the last one; number is
// the first that differs.
func (r *reading) overlaps(page Block) (number int, same bool) {
	if page.GridEnds() && page.Last < r.page.Last {
		return page.Last, false
	}
	changed := map[int]bool{} // columns with other numbers
	from, to := max(page.First, r.page.First), min(page.Last, r.page.Last)
	for number := from; number <= to; number++ {
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
	if len(changed) > 0 && !r.distinct(from, to, changed) {
		return from, false
	}
	return 0, true
}

// tells tells whether one of some rows of the last page is unlike all others of it but for some
// columns: in these numbers have changed, which may be a formula's doing, or a shift by rows that
// have the same words.
func (r *reading) distinct(from, to int, ignored map[int]bool) bool {
	alike := func(a, b []row.Cell) bool {
		for i := range max(len(a), len(b)) {
			if !ignored[i] && (row.Row{Cells: a}).Cell(i) != (row.Row{Cells: b}).Cell(i) {
				return false
			}
		}
		return true
	}
	for number := from; number <= to; number++ {
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

// sameRow tells whether two reads are of the same row. Where it has words they decide: its numbers
// may be of formulas that change between two reads (NOW, RAND, days open).
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

// pastEnd tells whether the rows of the last page from first on are blank: then a grid that ends
// above them takes nothing from what was read.
func (r *reading) pastEnd(first int) bool {
	for number := first; number <= r.page.Last; number++ {
		if len(r.page.Cells(number)) > 0 {
			return false
		}
	}
	return r.page.Last > 0
}

// shrunk is the error of a page that begins past the end of the grid: of the first one the header
// row is wrong, for a later one rows were deleted meanwhile.
func (r *reading) shrunk(first int, err error) error {
	if r.page.Last > 0 {
		return r.account.torn(r.target, first)
	}
	if e, ok := errors.AsType[*Error](err); ok {
		e.Message = fmt.Sprintf("%s: header row %d is past the end of the worksheet", r.target, r.headerRow)
		e.Hint = "correct header_row in the zap's file, or the worksheet"
	}
	return err
}
