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

// A worksheet that changes faster than its pages can be read is never read whole: each read is
// torn, at every attempt of every poll. So the second and the third attempt of a poll go on to the
// end of the worksheet, and where these are torn too, [detect.DiffTorn] says what the two of them
// prove to be new. That is committed as any other result. The rest waits for a whole read.
//
// A row that is neither near the seam of two pages nor like another is found by the first poll that
// begins after it was added: its delay is at most the time of two polls and the zap's interval
// between them. Such a poll takes two whole reads and what the first attempt took until it was
// torn; of 100,000 rows of ten columns, 23 requests. Edits, deletions and rows that may be known
// ones wait until the worksheet does not change during one whole read.

// changing is what is wrong with a worksheet of which only torn reads come.
const tornReport = "the worksheet changes faster than it can be read: new rows that two reads agree on are sent, all other changes wait for a read without changes"

// shiftedRows bounds how far a row may have been shifted between a torn read and the request for
// what it shows.
const maxShift = 512

// glimpses are the torn reads of a poll.
type glimpses struct {
	before *detect.Glimpse // of an earlier attempt; nil: none
	now    *detect.Glimpse // of this one; nil: the worksheet cannot be compared with what was seen last
	header row.Header      // of this attempt, as wide as the pages so far
	failed bool            // it cannot be compared
}

// glimpse adds a page of the worksheet to the glimpse of this read, in case that the read is torn.
// The first page begins with the header row.
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

// comparable tells whether torn reads of a worksheet with a header may be compared with what was
// seen last, and under what options: the first read of a worksheet has to be whole, and so does one
// that ends a time of which rows are skipped or held.
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

// compareTorn finds what is new by two torn reads. The error is torn where there are no two yet, or
// they prove nothing.
func (p *poll) compareTorn(torn error) error {
	before, now := p.glimpses.before, p.glimpses.now
	p.glimpses.before, p.glimpses.now = now, nil
	p.sheet.read = time.Time{} // the numbers of the cursor's rows are not those of the sheet: no window fits them
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
	p.failed = nil // where their rows are now is unknown
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
