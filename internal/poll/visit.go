package poll

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/sheets"
)

const (
	// tornReads is the number of attempts of a poll if the sheet changes during reads.
	tornReads = 3
	// sharedBytes bounds the uncompressed size of a shared request. Google recommends 2 MB
	// (https://developers.google.com/workspace/sheets/api/limits).
	sharedBytes = 2 << 20
)

// visit polls the zaps of one spreadsheet that are due together, with as few requests as possible.
// An error of one poll does not affect the others.
type visit struct {
	account       *sheets.Account
	spreadsheetID string
	slots         *readSlots
	ended         func() // called whenever polls have ended
}

// covers reports whether a poll is of the visit's account and spreadsheet.
func (v *visit) covers(p *poll) bool {
	return p.account == v.account && p.recipe.Trigger.SpreadsheetID == v.spreadsheetID
}

// run runs the polls until all have ended. If ctx ends, the remaining polls end with its error and
// without a commit.
func (v *visit) run(ctx context.Context, polls []*poll) {
	for len(polls) > 0 {
		polls = only(v.pass(ctx, polls), func(p *poll) bool {
			if p.torn < tornReads {
				return true
			}
			p.end(ctx, Report{}, &hint.Blocked{
				Reason: fmt.Sprintf("the worksheet changed during each of %d reads, which were ignored", tornReads),
				Hint:   "rowtap retries at the next poll",
			})
			return false
		})
	}
}

// pass is one attempt at the polls: it locates their worksheets, reads, compares and commits. It
// returns the polls that need another read, because the sheet changed during the read or because
// the zap has left the worksheet that was read.
func (v *visit) pass(ctx context.Context, polls []*poll) (again []*poll) {
	for _, p := range polls {
		p.begin()
	}
	v.locate(ctx, polls)
	v.read(ctx, polls) // one request for all
	large, small := split(polls, (*poll).needsPages)
	again = v.conclude(ctx, small)
	for len(large) > 0 {
		var together []*poll
		together, large = split(large, large[0].sharesPages)
		v.slots.full(ctx, func() {
			v.readPages(ctx, together)
			again = append(again, v.conclude(ctx, together)...)
		})
	}
	return again
}

// needsPages reports whether the worksheet has to be read in full and takes more than the first
// request.
func (p *poll) needsPages() bool { return p.err == nil && p.paged }

// sharesPages reports whether another poll reads the same rows of the same worksheet.
func (p *poll) sharesPages(other *poll) bool {
	return p.sheet.gid == other.sheet.gid && p.sheet.title == other.sheet.title &&
		p.recipe.Trigger.HeaderRow == other.recipe.Trigger.HeaderRow
}

// locate looks up the worksheets of the polls that do not know theirs, in one request.
func (v *visit) locate(ctx context.Context, polls []*poll) {
	v.lookUp(ctx, only(polls, func(p *poll) bool { return p.sheet == nil }), sheets.Polling, (*poll).find)
}

// lookUp requests the worksheets of the spreadsheet and passes them to find for each poll.
func (v *visit) lookUp(ctx context.Context, polls []*poll, u sheets.Urgency, find func(*poll, sheets.Spreadsheet) error) {
	if len(polls) == 0 {
		return
	}
	found, err := v.account.Spreadsheet(ctx, v.spreadsheetID, u)
	for _, p := range polls {
		if p.err = err; err == nil {
			p.err = find(p, found)
		}
	}
}

// read makes the first requests of all polls, as few as their size allows.
func (v *visit) read(ctx context.Context, polls []*poll) {
	var shared []*poll
	size := 0
	flush := func() {
		if len(shared) > 0 {
			v.readShared(ctx, shared)
		}
		shared, size = nil, 0
	}
	for _, p := range polls {
		if p.err == nil {
			p.err = p.choose(ctx)
		}
		switch {
		case p.err != nil:
		case spoils(p.schedule.err): // at the last poll
			v.readShared(ctx, []*poll{p})
		default:
			if size+p.expectedBytes() > sharedBytes {
				flush()
			}
			shared = append(shared, p)
			size += p.expectedBytes()
		}
	}
	flush()
}

// spoils reports whether an error is due to one range, which fails all polls that share the
// request.
func spoils(err error) bool { return sheets.OfRange(err) || errors.Is(err, sheets.ErrTooBig) }

// readShared reads the ranges of several polls in one request, or in one request each if one of the
// ranges is refused.
func (v *visit) readShared(ctx context.Context, polls []*poll) {
	var ranges []sheets.Range
	for _, p := range polls {
		ranges = append(ranges, p.ranges...)
	}
	response, err := v.account.Ranges(ctx, v.spreadsheetID, ranges, sheets.Serials, sheets.Polling)
	switch {
	case err == nil:
		all := max(sizeOf(response.Blocks), 1)
		for _, p := range polls {
			n := len(p.ranges)
			blocks := response.Blocks[:n:n]
			response.Blocks = response.Blocks[n:]
			p.take(ctx, blocks, response.Wire*int64(sizeOf(blocks))/int64(all))
		}
	case !spoils(err):
		for _, p := range polls {
			p.err = err
		}
	case len(polls) > 1:
		for _, p := range polls {
			v.readShared(ctx, []*poll{p})
		}
	default:
		v.readRefused(ctx, polls[0], err)
	}
}

// readRefused continues a poll whose ranges were refused.
func (v *visit) readRefused(ctx context.Context, p *poll, err error) {
	wrong, ok := errors.AsType[*sheets.Error](err)
	switch unknown := ok && wrong.Kind == sheets.UnknownRange; {
	case !unknown:
		// Rows were deleted, or the page is too large: read page by page.
		p.paged, p.windowed = true, false
	case p.located:
		p.err = err
	default:
		p.sheet, p.schedule.sheet = nil, nil // renamed: find it by its gid
		v.locate(ctx, []*poll{p})
		if p.err == nil {
			p.err = p.choose(ctx)
		}
		if p.err == nil {
			v.readShared(ctx, []*poll{p})
		}
	}
}

func sizeOf(blocks []sheets.Block) int {
	size := 0
	for _, b := range blocks {
		size += b.Size()
	}
	return size
}

// readPages reads a worksheet page by page for the polls that need it in full. Pages are requested
// concurrently, unless the previous read was torn: two torn reads prove something only if their
// pages were read in order (torn.go).
func (v *visit) readPages(ctx context.Context, polls []*poll) {
	first := polls[0]
	again := slices.ContainsFunc(polls, func(p *poll) bool { return p.torn > 0 })
	grid := first.sheet.grid
	if again {
		grid = 0
	}
	var given *sheets.Block
	cells := first.newStore() // shared: all polls read the same rows
	for _, p := range polls {
		if !p.windowed && len(p.blocks) == 1 {
			given = &p.blocks[0]
		}
		p.reading, p.cells = nil, cells
	}
	var err, torn error
	n, read := 0, 0
	for page, wrong := range v.account.Pages(ctx, v.spreadsheetID, first.sheet.title, first.recipe.Trigger.HeaderRow, grid, given) {
		if again && errors.Is(wrong, sheets.ErrTorn) { // continue reading (torn.go)
			torn = wrong
			for _, p := range polls {
				p.reading, p.blocks = nil, nil // free the memory: there may be a million rows
			}
			*cells = *first.newStore()
		} else if err = wrong; err != nil {
			break
		}
		n++
		rows := slices.Collect(page.Rows(first.recipe.Trigger.HeaderRow))
		read += len(rows)
		if torn == nil {
			if err = cells.add(rows...); err != nil {
				break
			}
			if cells.bytes > first.poller.keptBytes && !slices.ContainsFunc(polls, (*poll).needsAllCells) {
				*cells = rowStore{dropped: true}
			}
		}
		for _, p := range polls {
			if page.GridEnds() {
				p.sheet.grid = page.Last
			}
			if torn == nil && p.err == nil {
				p.err = p.addPage(ctx, page, rows)
			}
			if again && p.err == nil && page.Last > 0 {
				p.glimpse(ctx, page)
			}
			p.fill.reportProgress(read, p.sheet.grid-p.recipe.Trigger.HeaderRow)
		}
	}
	for _, p := range polls {
		p.pages = max(n, 1)
		switch p.err = cmp.Or(err, p.err); {
		case p.err != nil:
		case torn != nil:
			p.err = p.compareTorn(torn)
		default:
			p.err = p.compare(ctx)
		}
	}
}

// conclude commits the results of the polls and ends them. It returns those that need another read.
func (v *visit) conclude(ctx context.Context, polls []*poll) (again []*poll) {
	v.recheckTitles(ctx, polls)
	news := only(polls, func(p *poll) bool { return p.err == nil && p.news(ctx) })
	v.confirm(ctx, news)
	v.fetch(ctx, news)
	for _, p := range news {
		if p.err == nil {
			p.err = p.findChanges(ctx)
		}
	}
	v.show(ctx, news)
	for _, p := range news {
		if p.err == nil {
			p.err = p.commit(ctx)
		}
	}
	for _, p := range polls {
		switch {
		case errors.Is(p.err, sheets.ErrTorn):
			p.torn++
			again = append(again, p)
		case p.finishLeaving():
			again = append(again, p)
		default:
			p.finish(ctx)
		}
		p.attempt = attempt{} // free the memory of the cursor
	}
	v.ended()
	return again
}

// finish ends a poll, and keeps what it learned about the worksheet for the next one.
func (p *poll) finish(ctx context.Context) {
	switch {
	case p.err == nil && !p.isDryRun():
		p.keepCursor()
	case p.sheet != nil && p.columns == nil && !p.windowed:
		// The read is not recorded, and a window may not show its rows again.
		p.sheet.read = time.Time{}
	}
	p.end(ctx, p.report, p.err)
}

// only returns the polls for which keep is true.
func only(polls []*poll, keep func(*poll) bool) []*poll {
	matching, _ := split(polls, keep)
	return matching
}

// split returns the polls for which is is true, and the others.
func split(polls []*poll, is func(*poll) bool) (those, others []*poll) {
	for _, p := range polls {
		if is(p) {
			those = append(those, p)
		} else {
			others = append(others, p)
		}
	}
	return those, others
}
