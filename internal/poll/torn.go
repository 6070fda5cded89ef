package poll

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/row"
	"github.com/rowtap/rowtap/internal/sheets"
)

// If a worksheet changes faster than its pages can be read, every read is torn. The second and
// third attempt of a poll therefore continue to the end of the worksheet. If both are torn,
// [detect.DiffTorn] determines which rows they prove to be new. These are committed as usual; the
// rest waits for an untorn read.
//
// A row that is neither near the seam of two pages nor similar to another row is found by the first
// poll that starts after it was added. Its delay is at most the time of two polls and the zap's
// interval. Such a poll takes two complete reads and the part of the first attempt before the tear:
// 23 requests for 100,000 rows of ten columns. Edits, deletions and rows that may be known ones
// wait until the worksheet stays unchanged during a complete read.

// tornReport is [Report.Partial] of a poll whose reads were torn.
const tornReport = "the worksheet changes faster than it can be read: new rows that two reads agree on are sent, other changes wait until a read sees no change"

// maxShift bounds how many rows a row may move between a torn read and the request for what it
// shows.
const maxShift = 512

// glimpses are the torn reads of a poll.
type glimpses struct {
	before *detect.Glimpse // of the previous attempt; nil: none
	now    *detect.Glimpse // of this attempt; nil: it cannot be compared with the cursor
	header row.Header      // of this attempt, as wide as the pages so far
	failed bool            // this attempt cannot be compared
}

// glimpse adds a page to the glimpse of this read, in case the read is torn. The first page starts
// with the header row.
func (p *poll) glimpse(ctx context.Context, page sheets.Block) {
	g := &p.glimpses
	headerRow := p.recipe.Trigger.HeaderRow
	if page.First == headerRow {
		g.now, g.failed = nil, false
		g.header = p.header.Wide(page.Width())
		o, ok := p.comparable(ctx, g.header)
		if !ok {
			g.failed = true
			return
		}
		g.now = p.cursor.Glimpse(g.header, o)
	}
	if g.failed || g.now == nil {
		return
	}
	g.header = g.header.Wide(page.Width())
	g.now.Add(slices.Collect(page.Rows(headerRow)), page.First <= headerRow+1, page.GridEnds())
}

// comparable returns the options for comparing torn reads with the cursor. ok is false if the read
// must not be torn: the first read of a worksheet, and reads that skip, hold, leave or backfill.
func (p *poll) comparable(ctx context.Context, h row.Header) (o detect.Options, ok bool) {
	if p.skip || p.leaving || p.fill != nil {
		return o, false
	}
	o, columns, err := p.options(ctx, h)
	if err != nil || columns != nil {
		return o, false
	}
	if err := p.decode(ctx); err != nil || !p.seen || p.switched() {
		return o, false
	}
	return o, true
}

// compareTorn finds the new rows in two torn reads. It returns torn if there are not yet two, or if
// they prove nothing.
func (p *poll) compareTorn(torn error) error {
	before, now := p.glimpses.before, p.glimpses.now
	p.glimpses.before, p.glimpses.now = now, nil
	// The row numbers in the cursor are not the sheet's, so no window fits.
	p.sheet.read = time.Time{}
	if now == nil || before == nil {
		if now != nil {
			now.Rest()
		}
		return torn
	}
	result, rows, ok := detect.DiffTorn(before, now, p.poller.opts.Now())
	if !ok {
		return torn
	}
	p.poller.cache.forget(p.recipe.Name)
	p.partial, p.result, p.header = true, result, p.glimpses.header
	p.failed = nil // the sheet rows of failed deliveries are unknown
	slices.SortFunc(rows, func(a, b row.Row) int { return cmp.Compare(a.Number, b.Number) })
	p.cells = p.newStore()
	if err := p.cells.add(rows...); err != nil {
		return err
	}
	p.reportResult()
	p.familiar = false
	p.report.Rows, p.report.Partial = len(result.Cursor.Rows), tornReport
	return nil
}
