package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/sheets"
)

const (
	// tornReads is how often a poll starts over because the sheet changed while it was read.
	tornReads = 3
	// sharedBytes bounds what one request asks for, before compression: Google recommends 2 MB
	// (https://developers.google.com/workspace/sheets/api/limits).
	sharedBytes = 2 << 20
)

// round polls zaps of one spreadsheet that are due together, with as few requests as they can share. Each poll has its own outcome: a
// trouble of one zap is no trouble of the others.
type round struct {
	account       *sheets.Account
	spreadsheetID string
	lane          *lane
	ended         func() // called each time that some polls have ended
}

// takes tells whether a poll is one of the round's account and spreadsheet.
func (r *round) takes(p *poll) bool {
	return p.account == r.account && p.recipe.Trigger.SpreadsheetID == r.spreadsheetID
}

// run polls until each poll has ended. A poll that is not through when ctx ends ends with ctx's error, and has committed nothing.
func (r *round) run(ctx context.Context, polls []*poll) {
	for len(polls) > 0 {
		polls = only(r.pass(ctx, polls), func(p *poll) bool {
			if p.torn < tornReads {
				return true
			}
			p.end(PollReport{}, &Blocked{
				Reason: fmt.Sprintf("the worksheet changed during each of %d reads; nothing is taken from them", tornReads),
				Hint:   "rowtap tries again at the next poll",
			})
			return false
		})
	}
}

// pass reads, compares and commits. It returns the polls that read another time: the sheet changed on the way, or the zap has left the
// worksheet that was read.
func (r *round) pass(ctx context.Context, polls []*poll) (again []*poll) {
	settled := func(polls []*poll) {
		r.lookAgain(ctx, polls)
		r.settle(ctx, polls)
		for _, p := range polls {
			if errors.Is(p.err, sheets.ErrTorn) {
				p.torn++
				again = append(again, p)
			} else if p.leave() {
				again = append(again, p)
			} else {
				if p.err == nil {
					p.remember()
				} else if p.sheet != nil && p.columns == nil && !p.tails {
					p.sheet.read = time.Time{} // what this read found is not recorded: a window may not show it
				}
				p.end(p.report, p.err)
			}
			p.attempt = attempt{} // a cursor of a million rows need not outlive it
		}
		r.ended()
	}
	for _, p := range polls {
		if p.begin(); p.sheet != nil && p.outdated(p.sheet) {
			p.sheet = nil
		}
	}
	r.locate(ctx, polls)
	r.read(ctx, polls)
	further := func(p *poll) bool { return p.err == nil && p.further } // they need more than a page
	rest := only(polls, further)
	settled(only(polls, func(p *poll) bool { return !further(p) }))
	for len(rest) > 0 {
		same := func(p *poll) bool {
			return p.sheet.gid == rest[0].sheet.gid && p.sheet.title == rest[0].sheet.title && p.recipe.Trigger.HeaderRow == rest[0].recipe.Trigger.HeaderRow
		}
		together := only(rest, same)
		rest = only(rest, func(p *poll) bool { return !same(p) })
		r.lane.whole(ctx, func() {
			r.readWhole(ctx, together)
			settled(together)
		})
	}
	return again
}

// locate finds the worksheets of the polls that do not know where theirs is, by one request.
func (r *round) locate(ctx context.Context, polls []*poll) {
	lost := only(polls, func(p *poll) bool { return p.sheet == nil })
	if len(lost) == 0 {
		return
	}
	found, err := r.account.Spreadsheet(ctx, r.spreadsheetID, sheets.Polling)
	for _, p := range lost {
		if p.err = err; err == nil {
			p.err = p.find(found)
		}
	}
}

// read makes the first request of the polls, or as few as they need.
func (r *round) read(ctx context.Context, polls []*poll) {
	var shared []*poll
	size := 0
	flush := func() {
		if len(shared) > 0 {
			r.readShared(ctx, shared)
		}
		shared, size = nil, 0
	}
	for _, p := range polls {
		if p.err != nil {
			continue
		}
		if p.err = p.plan(); p.err != nil {
			continue
		}
		if spoils(p.beat.err) {
			r.readShared(ctx, []*poll{p})
			continue
		}
		if size+p.expects() > sharedBytes {
			flush()
		}
		shared = append(shared, p)
		size += p.expects()
	}
	flush()
}

// spoils tells whether the last poll's trouble was one range that fails all that share a request with it.
func spoils(err error) bool {
	wrong, ok := errors.AsType[*sheets.Error](err)
	return ok && (ofRange(wrong.Kind) || errors.Is(err, sheets.ErrTooBig))
}

// ofRange tells whether an error is of one of the ranges asked for.
func ofRange(kind sheets.Kind) bool { return kind == sheets.UnknownRange || kind == sheets.PastGrid }

// readShared reads what several polls ask for in one request, and each by itself if that is refused.
func (r *round) readShared(ctx context.Context, polls []*poll) {
	var ranges []sheets.Range
	for _, p := range polls {
		ranges = append(ranges, p.ranges...)
	}
	answer, err := r.account.Ranges(ctx, r.spreadsheetID, ranges, sheets.Serials, sheets.Polling)
	if err == nil {
		p := 0
		for _, poll := range polls {
			n := len(poll.ranges)
			poll.take(ctx, answer.Blocks[p:p+n], answer.Wire*int64(sizeOf(answer.Blocks[p:p+n]))/int64(max(sizeOf(answer.Blocks), 1)))
			p += n
		}
		return
	}
	kind := sheets.Temporary
	if wrong, ok := errors.AsType[*sheets.Error](err); ok {
		kind = wrong.Kind
	}
	one := ofRange(kind) || errors.Is(err, sheets.ErrTooBig)
	switch p := polls[0]; {
	case len(polls) > 1 && one:
		for _, p := range polls {
			r.readShared(ctx, []*poll{p})
		}
	case len(polls) > 1 || !one:
		for _, p := range polls {
			p.err = err
		}
	case kind == sheets.UnknownRange && !p.located:
		p.sheet, p.beat.sheet = nil, nil // renamed: the next look finds it under its gid
		r.locate(ctx, polls)
		if p.err == nil {
			if p.err = p.plan(); p.err == nil {
				r.readShared(ctx, polls)
			}
		}
	case kind == sheets.UnknownRange:
		p.err = err
	default:
		p.further, p.tails = true, false // rows were deleted, or the page is too large: page by page
	}
}

func sizeOf(blocks []sheets.Block) int {
	size := 0
	for _, b := range blocks {
		size += b.Size()
	}
	return size
}

// readWhole reads a worksheet page by page for the polls that need it whole.
func (r *round) readWhole(ctx context.Context, polls []*poll) {
	first := polls[0]
	var given *sheets.Block
	for _, p := range polls {
		if !p.tails && len(p.blocks) == 1 {
			given = &p.blocks[0]
		}
		p.openReading()
	}
	again := slices.ContainsFunc(polls, func(p *poll) bool { return p.torn > 0 })
	grid := first.sheet.grid
	if again { // two torn reads prove something where their pages are in the order of time
		grid = 0
	}
	var err, torn error
	n := 0
	for page, wrong := range r.account.Pages(ctx, r.spreadsheetID, first.sheet.title, first.recipe.Trigger.HeaderRow, grid, given) {
		if again && errors.Is(wrong, sheets.ErrTorn) { // read on: torn.go says what for
			torn = wrong
			for _, p := range polls {
				p.reading, p.blocks = nil, nil // of a million rows, memory that is needed now
			}
		} else if err = wrong; err != nil {
			break
		}
		n++
		for _, p := range polls {
			if page.GridEnds() {
				p.sheet.grid = page.Last
			}
			if torn == nil && p.err == nil {
				p.err = p.addPage(ctx, page)
			}
			if again && p.err == nil && page.Last > 0 {
				p.glimpse(page)
			}
		}
	}
	for _, p := range polls {
		p.pages = max(n, 1)
		switch p.err = cmp.Or(err, p.err); {
		case p.err != nil:
		case torn != nil:
			p.err = p.compareTorn(torn)
		default:
			p.err = p.compare()
		}
	}
}

// settle commits what the polls found: it looks their worksheets' titles up again, reads the rows that are not at hand and which of
// their numbers are dates, by one request each.
func (r *round) settle(ctx context.Context, polls []*poll) {
	news := only(polls, func(p *poll) bool { return p.err == nil && p.news() })
	if len(news) == 0 {
		return
	}
	r.confirm(ctx, news)
	r.fetch(ctx, news)
	for _, p := range news {
		if p.err == nil {
			p.err = p.follow()
		}
	}
	r.shown(ctx, news)
	for _, p := range news {
		if p.err == nil {
			p.err = p.commit()
		}
	}
}

// lookedUp is how long a worksheet is known by its rows alone where the quota is short, before its title is looked up again.
const lookedUp = 10 * time.Minute

// confirm looks up whether the titles still stand for the worksheets that they stood for when they were found.
func (r *round) confirm(ctx context.Context, polls []*poll) {
	crowded := r.account.Crowded()
	doubtful := only(polls, func(p *poll) bool {
		spared := crowded && p.familiar && time.Since(p.sheet.found) < lookedUp
		return !p.located && !spared
	})
	if len(doubtful) == 0 {
		return
	}
	found, err := r.account.Spreadsheet(ctx, r.spreadsheetID, sheets.Finishing)
	for _, p := range doubtful {
		if p.err = err; err == nil {
			p.err = p.refind(found)
		}
	}
}

// refind finds the zap's worksheet after it was read. ErrTorn: another one was.
func (p *poll) refind(s sheets.Spreadsheet) error {
	was := *p.sheet
	err := p.find(s)
	if err == nil && (p.sheet.gid != was.gid || p.sheet.title != was.title) {
		err = sheets.ErrTorn
	}
	return err
}

// lookAgain looks up the titles of worksheets of which a strange read came: it may be of another worksheet that has taken the title.
// Where it is not, what the read came to stands.
func (r *round) lookAgain(ctx context.Context, polls []*poll) {
	strange := only(polls, (*poll).strange)
	if len(strange) == 0 {
		return
	}
	found, err := r.account.Spreadsheet(ctx, r.spreadsheetID, sheets.Finishing)
	if err != nil {
		return
	}
	for _, p := range strange {
		if wrong := p.refind(found); wrong != nil {
			p.err = wrong
		}
	}
}

// strange tells whether a read came that another worksheet would explain, the first such one in a while: it is not believed, it lacks
// the header, or a column that the zap names.
func (p *poll) strange() bool {
	_, blocked := errors.AsType[*Blocked](p.err)
	_, misfit := errors.AsType[*mapping.ColumnError](p.err)
	if p.sheet == nil || p.located || !blocked && !misfit && (p.err != nil || p.result.Doubt == "") {
		return false
	}
	p.engine.mu.Lock()
	defer p.engine.mu.Unlock()
	return p.beat.err == nil && p.beat.report.Doubt == "" || time.Since(p.sheet.found) >= lookedUp
}

// shown reads the rows that go into the ledger again, as the sheet shows their dates.
func (r *round) shown(ctx context.Context, polls []*poll) {
	asking := only(polls, func(p *poll) bool { return p.err == nil })
	asks := make([]sheets.ShowAsk, len(asking))
	for i, p := range asking {
		asks[i] = p.ask()
	}
	for i, answer := range r.account.Show(ctx, r.spreadsheetID, asks, sheets.Finishing) {
		p := asking[i]
		p.err = answer.Err
		for _, shown := range answer.Rows {
			p.rows[shown.Number] = shown
		}
	}
}

// fetch reads the rows that the polls have news of and no cells, by one request for all: of a large worksheet only hashes were kept.
func (r *round) fetch(ctx context.Context, polls []*poll) {
	var asking []*poll
	var ranges []sheets.Range
	var counts []int
	for _, p := range polls {
		if p.err != nil {
			continue
		}
		asked := p.missing()
		asking, counts, ranges = append(asking, p), append(counts, len(asked)), append(ranges, asked...)
	}
	var answer sheets.Answer
	var err error
	if len(ranges) > 0 {
		answer, err = r.account.Rows(ctx, r.spreadsheetID, ranges, sheets.Serials, sheets.Finishing)
	}
	if wrong, ok := errors.AsType[*sheets.Error](err); ok && ofRange(wrong.Kind) {
		if len(asking) > 1 {
			for _, p := range asking {
				r.fetch(ctx, []*poll{p})
			}
			return
		}
		err = sheets.ErrTorn // the rows were there a moment ago
	}
	at := 0
	for i, p := range asking {
		if p.err = err; err == nil {
			p.err = p.supply(answer.Blocks[at : at+counts[i]])
		}
		at += counts[i]
	}
}

// only returns the polls that keep is true of.
func only(polls []*poll, keep func(*poll) bool) []*poll {
	var kept []*poll
	for _, p := range polls {
		if keep(p) {
			kept = append(kept, p)
		}
	}
	return kept
}
