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
	// tornReads is how often a poll starts over because the sheet changed while it was read.
	tornReads = 3
	// sharedBytes bounds what one request asks for, before compression: Google recommends 2 MB
	// (https://developers.google.com/workspace/sheets/api/limits).
	sharedBytes = 2 << 20
)

// visit polls zaps of one spreadsheet that are due together, with as few requests as they can
// share. Each poll has its own outcome: an error of one zap is none of the others.
type visit struct {
	account       *sheets.Account
	spreadsheetID string
	slots         *readSlots
	ended         func() // called each time that some polls have ended
}

// takes tells whether a poll is one of the visit's account and spreadsheet.
func (v *visit) takes(p *poll) bool {
	return p.account == v.account && p.recipe.Trigger.SpreadsheetID == v.spreadsheetID
}

// run polls until each poll has ended. A poll that has not when ctx ends does so with ctx's error,
// and has committed nothing.
func (v *visit) run(ctx context.Context, polls []*poll) {
	for len(polls) > 0 {
		polls = only(v.pass(ctx, polls), func(p *poll) bool {
			if p.torn < tornReads {
				return true
			}
			p.end(ctx, Report{}, &hint.Blocked{
				Reason: fmt.Sprintf("the worksheet changed during each of %d reads; nothing is taken from them", tornReads),
				Hint:   "rowtap tries again at the next poll",
			})
			return false
		})
	}
}

// pass is one attempt at the polls: it locates their worksheets, reads, compares and commits. It
// returns the polls that read another time: the sheet changed on the way, or the zap has left the
// worksheet that was read.
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
		v.slots.whole(ctx, func() {
			v.readPages(ctx, together)
			again = append(again, v.conclude(ctx, together)...)
		})
	}
	return again
}

// needsPages tells whether the worksheet has to be read whole and takes more than the first
// request.
func (p *poll) needsPages() bool { return p.err == nil && p.further }

// sharesPages tells whether another poll reads the same rows of the same worksheet.
func (p *poll) sharesPages(other *poll) bool {
	return p.sheet.gid == other.sheet.gid && p.sheet.title == other.sheet.title &&
		p.recipe.Trigger.HeaderRow == other.recipe.Trigger.HeaderRow
}

// locate finds the worksheets of the polls that do not know where theirs is, by one request.
func (v *visit) locate(ctx context.Context, polls []*poll) {
	v.lookUp(ctx, only(polls, func(p *poll) bool { return p.sheet == nil }), sheets.Polling, (*poll).find)
}

// lookUp has find see the worksheets of the spreadsheet for each poll.
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

// read makes the first request of all polls together, or as few as their size allows.
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
			if size+p.expects() > sharedBytes {
				flush()
			}
			shared = append(shared, p)
			size += p.expects()
		}
	}
	flush()
}

// spoils tells whether an error is one range's fault, which fails all that share a request with it.
func spoils(err error) bool { return sheets.OfRange(err) || errors.Is(err, sheets.ErrTooBig) }

// readShared reads what several polls ask for in one request, and each by itself if that is refused
// because of one range.
func (v *visit) readShared(ctx context.Context, polls []*poll) {
	var ranges []sheets.Range
	for _, p := range polls {
		ranges = append(ranges, p.ranges...)
	}
	answer, err := v.account.Ranges(ctx, v.spreadsheetID, ranges, sheets.Serials, sheets.Polling)
	switch {
	case err == nil:
		all := max(sizeOf(answer.Blocks), 1)
		for _, p := range polls {
			n := len(p.ranges)
			blocks := answer.Blocks[:n:n]
			answer.Blocks = answer.Blocks[n:]
			p.take(ctx, blocks, answer.Wire*int64(sizeOf(blocks))/int64(all))
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

// readRefused goes on with a poll whose own ranges are refused.
func (v *visit) readRefused(ctx context.Context, p *poll, err error) {
	wrong, ok := errors.AsType[*sheets.Error](err)
	switch unknown := ok && wrong.Kind == sheets.UnknownRange; {
	case !unknown:
		p.further, p.tails = true, false // rows were deleted, or the page is too large: page by page
	case p.located:
		p.err = err
	default:
		p.sheet, p.schedule.sheet = nil, nil // renamed: the next look finds it under its gid
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

// readPages reads a worksheet page by page for the polls that need it whole. Pages are requested
// side by side, but for a read that follows a torn one: two torn reads prove something only if
// their pages are in the order of time (torn.go).
func (v *visit) readPages(ctx context.Context, polls []*poll) {
	first := polls[0]
	again := slices.ContainsFunc(polls, func(p *poll) bool { return p.torn > 0 })
	grid := first.sheet.grid
	if again {
		grid = 0
	}
	var given *sheets.Block
	cells := first.newStore() // one for all: they read the same
	for _, p := range polls {
		if !p.tails && len(p.blocks) == 1 {
			given = &p.blocks[0]
		}
		p.reading, p.cells = nil, cells
	}
	var err, torn error
	n, read := 0, 0
	for page, wrong := range v.account.Pages(ctx, v.spreadsheetID, first.sheet.title, first.recipe.Trigger.HeaderRow, grid, given) {
		if again && errors.Is(wrong, sheets.ErrTorn) { // read on: torn.go says what for
			torn = wrong
			for _, p := range polls {
				p.reading, p.blocks = nil, nil // of a million rows, memory that is needed now
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
			p.fill.progressed(read, p.sheet.grid-p.recipe.Trigger.HeaderRow)
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

// conclude commits what the polls found, and ends them. It returns those that read another time.
func (v *visit) conclude(ctx context.Context, polls []*poll) (again []*poll) {
	v.lookAgain(ctx, polls)
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
		case p.leave():
			again = append(again, p)
		default:
			p.finish(ctx)
		}
		p.attempt = attempt{} // a cursor of a million rows must not stay in memory
	}
	v.ended()
	return again
}

// finish ends a poll, and keeps for the next one what it knows of the worksheet.
func (p *poll) finish(ctx context.Context) {
	switch {
	case p.err == nil && !p.rehearses():
		p.keepCursor()
	case p.sheet != nil && p.columns == nil && !p.tails:
		p.sheet.read = time.Time{} // what this read found is not recorded: a window may not show it
	}
	p.end(ctx, p.report, p.err)
}

// only returns the polls that keep is true of.
func only(polls []*poll, keep func(*poll) bool) []*poll {
	chosen, _ := split(polls, keep)
	return chosen
}

// split returns the polls that is is true of, and the others.
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
