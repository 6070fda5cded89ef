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
	// FirstPageRows is the number of rows in the first page of a worksheet of unknown width.
	FirstPageRows = 2_000

	pageCells   = 100_000 // per page, approximately; about 1.5 MB of JSON
	maxOverlap  = 64      // rows shared by two pages
	pagesAtOnce = 4       // concurrent requests of one read
)

// PageRows returns how many rows of a worksheet to request first, including the header row:
// [FirstPageRows], or what fit a page at the last complete read, so that a small worksheet stays
// one request.
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

// Pages reads a worksheet from the header row to the end of the grid, in pages. Blocks come in
// sheet order, the first begins with the header row, each sheet row is in exactly one block, and no
// block is empty. first is the first page if [Account.Ranges] already read it; if nil, Pages reads
// it with the urgency [Polling]. Later pages are [Bulk].
//
// gridRows is the number of rows in the grid, if known. Pages that begin within it are requested up
// to four at a time, and at most five are held in memory. With 0, each page is requested after the
// previous one was consumed. If the grid has shrunk since, at most three requests are wasted; if it
// has grown by more than a page, one more request looks up its size.
//
// Consecutive pages overlap by up to 64 rows. If these differ, or if the grid shrinks, the sheet
// changed between the two requests and rows may be missing or doubled. The pair then has an error
// that wraps [ErrTorn], and its page includes the overlap. What was read is not one state of the
// worksheet: start over, a few times. A caller that continues gets the remaining pages, each of one
// state; without gridRows, of a later state than the page before. Any other error ends the
// sequence. Every error is an *Error; its kind is PastGrid if the header row is below the end of
// the worksheet. When the loop over the pages ends, requests in flight are canceled and have ended.
func (a *Account) Pages(ctx context.Context, spreadsheetID, title string, headerRow, gridRows int, first *Block) iter.Seq2[Block, error] {
	return func(yield func(Block, error) bool) {
		t := target{spreadsheetID, title}
		switch {
		case spreadsheetID == "" || title == "":
			yield(Block{}, a.bad(t, "the spreadsheet ID or the worksheet title is missing"))
			return
		case headerRow < 1:
			yield(Block{}, a.bad(t, fmt.Sprintf("header row %d is not a sheet row; rows count from 1", headerRow)))
			return
		case first != nil && (first.Title != title || first.First != headerRow):
			yield(Block{}, a.bad(t, fmt.Sprintf("the first page does not begin with header row %d", headerRow)))
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
	gridRows  int // known rows of the grid; 0: unknown, pages are read one after another

	size  int   // rows of the next page, before width and most limit it
	most  int   // rows of a page; lower once a page was too big
	width int   // of the widest row so far
	page  Block // last one yielded; Last is 0 before the first

	pending  []pageRequest // planned and not yet yielded, in sheet order
	planned  Range         // the last one planned
	requests errgroup.Group
}

// pageRequest is a planned page.
type pageRequest struct {
	asked  Range
	result chan pageResult // receives one; nil: not requested yet
}

// pageResult is the response to a pageRequest.
type pageResult struct {
	page Block
	err  error
}

// pages yields the pages without the rows that the previous page had. given is the first page; nil:
// read it.
func (r *reading) pages(ctx context.Context, given *Block, yield func(Block, error) bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer func() { // also if the consumer panics
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
		if page.Last == 0 { // the grid ends above this page, or the request failed
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
		// Remember the size before yielding the last page: the consumer may stop there.
		if page.GridEnds() {
			r.account.rememberPageRows(r.target, r.rows())
		}
		if page.Last > seen { // half of a page that was too big may have no new rows
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

// lookUp requests the size of the grid if the grid continues by more than a page below the known
// rows, so that the remaining pages can be read concurrently. If the size is not available, reading
// continues one page at a time.
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

// rows returns the number of rows of the next page.
func (r *reading) rows() int {
	return max(min(r.size, pageCells/max(r.width, 1), r.most), 2)
}

// start starts requests until as many are in flight as allowed. The first pending page is always
// among them.
func (r *reading) start(ctx context.Context) {
	inFlight, most := 0, pagesAtOnce
	if r.gridRows == 0 || r.page.Last == 0 { // the width is unknown before the first page
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
		for r.pending[i].asked.rows() > r.most { // planned before a page was too big
			upper, lower := halves(r.pending[i].asked)
			r.pending[i].asked = upper
			r.pending = slices.Insert(r.pending, i+1, pageRequest{asked: lower})
		}
		r.request(ctx, &r.pending[i])
		inFlight++
	}
}

// plan appends a page to the pending ones. It returns false if that page would begin below the
// known grid, because the pages before it may show that the grid ends there.
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

// request starts the request of a page.
func (r *reading) request(ctx context.Context, c *pageRequest) {
	urgency := Bulk
	if r.page.Last == 0 {
		urgency = Polling
	}
	result, asked := make(chan pageResult, 1), c.asked
	c.result = result
	r.requests.Go(func() error {
		response, err := r.account.batch(ctx, r.target, []Range{asked}, Serials, urgency)
		got := pageResult{err: err}
		if err == nil {
			got.page = response.Blocks[0]
		}
		result <- got
		return nil
	})
}

// halves splits a page that was too big into two overlapping parts.
func halves(whole Range) (upper, lower Range) {
	overlap := max(min(maxOverlap, whole.rows()/4), 1)
	upper, lower = whole, whole
	upper.Last = whole.First + (whole.rows()+overlap+1)/2 - 1
	lower.First = upper.Last + 1 - overlap
	return upper, lower
}

// judge checks the result of a request. It returns the page, or one with Last 0 if the request
// failed or, without an error, if the grid ends above it. A page returned with an error, which
// wraps [ErrTorn], is valid by itself.
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

// overlaps reports whether page repeats the rows that it shares with the previous page. number is
// the first row that differs.
func (r *reading) overlaps(page Block) (number int, same bool) {
	if page.GridEnds() && page.Last < r.page.Last {
		return page.Last, false
	}
	changed := map[int]bool{} // columns whose numbers differ
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

// distinct reports whether one of the given rows of the last page differs from all its other rows
// even without the ignored columns. If so, the rows are in place and only numbers changed, as
// formulas do. If not, the rows may have shifted by some that have the same words.
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

// sameRow reports whether two reads are of the same row. If the row has texts, these decide: its
// numbers may be formulas that change between two reads (NOW, RAND, days open).
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

// pastEnd reports whether the rows of the last page from first on are blank. If so, a grid that
// ends above them removes nothing that was read.
func (r *reading) pastEnd(first int) bool {
	for number := first; number <= r.page.Last; number++ {
		if len(r.page.Cells(number)) > 0 {
			return false
		}
	}
	return r.page.Last > 0
}

// shrunk returns the error for a page that begins below the end of the grid: for the first page the
// header row is wrong, for a later one rows were deleted during the read.
func (r *reading) shrunk(first int, err error) error {
	if r.page.Last > 0 {
		return r.account.torn(r.target, first)
	}
	if e, ok := errors.AsType[*Error](err); ok {
		e.Message = fmt.Sprintf("%s: header row %d is past the end of the worksheet", r.target, r.headerRow)
		e.Hint = "correct header_row in the zap file, or the worksheet"
	}
	return err
}
