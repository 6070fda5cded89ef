package poll

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/plan"
	"github.com/rowtap/rowtap/internal/row"
	"github.com/rowtap/rowtap/internal/sheets"
)

const (
	// smallSheet is the size in bytes, as transferred, up to which a worksheet is read in full at
	// every poll.
	smallSheet = 64 << 10
	// recheckEvery is the interval of complete reads per page of a larger worksheet. Each worksheet
	// thus takes the same part of the quota: one read in five minutes.
	recheckEvery = 5 * time.Minute
	longestCheck = 2 * time.Hour
)

// large reports whether the worksheet is known to be too large to be read in full at every poll.
func (w *worksheet) large() bool { return w.pages > 1 || w.size > smallSheet }

// recheck returns the interval of complete reads of a large worksheet.
func (w *worksheet) recheck(r *plan.Recipe) time.Duration {
	if r.Trigger.Recheck > 0 {
		return r.Trigger.Recheck
	}
	return min(recheckEvery*time.Duration(max(w.pages, 1)), longestCheck)
}

// due reports whether a large worksheet should be read in full at this poll, because the next one
// would be too late, or because the clock was set back to before the last complete read.
func (w *worksheet) due(r *plan.Recipe, now time.Time) bool {
	return w.read.After(now) || now.Add(r.Interval(now)).After(w.read.Add(w.recheck(r)))
}

// pagesPerMinute returns the average number of requests a minute for complete reads of a large
// worksheet.
func (w *worksheet) pagesPerMinute(r *plan.Recipe) float64 {
	if !w.large() {
		return 0
	}
	return float64(w.pages) / w.recheck(r).Minutes()
}

// choose decides what the poll requests first: a window of a large worksheet, or the first page.
func (p *poll) choose(ctx context.Context) error {
	t, w := p.recipe.Trigger, p.sheet
	if !p.full && !p.leaving && !w.read.IsZero() && w.large() && !w.due(p.recipe, p.poller.opts.Now()) {
		if err := p.decode(ctx); err != nil {
			return err
		}
		o := p.recipe.ReadOptions()
		var err error
		if o.Open, err = p.openRows(ctx); err != nil {
			return err
		}
		if p.window, p.windowed = p.cursor.Tail(o); p.windowed && p.window.From > t.HeaderRow {
			p.ranges = []sheets.Range{{Title: w.title, First: t.HeaderRow, Last: t.HeaderRow}, {Title: w.title, First: p.window.From, Last: p.window.To}}
			p.ranges = append(p.ranges, sheets.RowRanges(w.title, p.window.Rows, 0)...)
			return nil
		}
		p.windowed = false
	}
	rows := p.account.PageRows(t.SpreadsheetID, w.title)
	p.ranges = []sheets.Range{{Title: w.title, First: t.HeaderRow, Last: t.HeaderRow + rows - 1}}
	return nil
}

// expectedBytes estimates the uncompressed size of the response to the first request.
func (p *poll) expectedBytes() int {
	const perBlock, firstTime = 8 << 10, sharedBytes / 4
	switch {
	case p.windowed:
		return perBlock + len(p.ranges)*(perBlock/8)
	case p.sheet.read.IsZero():
		return firstTime
	}
	return int(p.sheet.size) * 8 // typical compression of JSON
}

// take handles the blocks read for the poll. wire is their share of the response, in bytes as
// transferred.
func (p *poll) take(ctx context.Context, blocks []sheets.Block, wire int64) {
	p.blocks = blocks
	if p.windowed {
		p.err = p.takeWindow(ctx)
		return
	}
	if p.paged = !blocks[0].GridEnds(); p.paged {
		return
	}
	rows := slices.Collect(blocks[0].Rows(p.recipe.Trigger.HeaderRow))
	p.reading, p.cells = nil, p.newStore()
	if p.err = cmp.Or(p.cells.add(rows...), p.addPage(ctx, blocks[0], rows)); p.err != nil {
		return
	}
	p.pages = 1
	p.sheet.size = wire
	p.err = p.compare(ctx)
}

// takeWindow compares a window of the worksheet. If that is inconclusive, the worksheet is read in
// full.
func (p *poll) takeWindow(ctx context.Context) error {
	header, err := p.headerIn(ctx, p.blocks[0])
	if err != nil {
		return err
	}
	for {
		p.reading = detect.NewReading(header, p.recipe.ReadOptions(), 0)
		rows := p.windowRows()
		p.reading.Add(rows...)
		p.cells = p.newStore()
		if err := p.cells.add(rows...); err != nil {
			return err
		}
		p.header = p.reading.Header()
		how, err := p.compareWindow(ctx)
		if err != nil || how == detect.Conclusive {
			return err
		}
		longer, ok := p.window.Further()
		// If the grid ends with the window there is nothing more to read.
		if how == detect.Inconclusive || !ok || p.blocks[1].GridEnds() || p.blocks[len(p.blocks)-1].GridEnds() {
			p.leaveWindow()
			return nil
		}
		more := sheets.Range{Title: p.sheet.title, First: p.window.To + 1, Last: longer.To}
		response, err := p.account.Rows(ctx, p.recipe.Trigger.SpreadsheetID, []sheets.Range{more}, sheets.Serials, sheets.Finishing)
		if wrong, ok := errors.AsType[*sheets.Error](err); ok && wrong.Kind == sheets.PastGrid {
			p.leaveWindow() // the grid ends with the window
			return nil
		}
		if err != nil {
			return err
		}
		p.window, p.blocks = longer, append(p.blocks, response.Blocks...)
	}
}

// leaveWindow switches from a window to a complete read.
func (p *poll) leaveWindow() { p.paged, p.windowed, p.blocks = true, false, nil }

// windowRows returns the rows read for the window, in sheet order. Rows that were only read along
// between single ones are left out.
func (p *poll) windowRows() []row.Row {
	var rows []row.Row
	for _, b := range p.blocks[1:] {
		for r := range b.Rows(p.recipe.Trigger.HeaderRow) {
			_, single := slices.BinarySearch(p.window.Rows, r.Number)
			if single || r.Number >= p.window.From && r.Number <= p.window.To {
				rows = append(rows, r)
			}
		}
	}
	slices.SortStableFunc(rows, func(a, b row.Row) int { return cmp.Compare(a.Number, b.Number) })
	// An extended window may cover rows that were read as single ones.
	return slices.CompactFunc(rows, func(a, b row.Row) bool { return a.Number == b.Number })
}

// headerIn returns the header of the worksheet from a block that contains its row.
func (p *poll) headerIn(ctx context.Context, b sheets.Block) (row.Header, error) {
	t := p.recipe.Trigger
	return p.account.Header(ctx, t.SpreadsheetID, p.sheet.title, t.HeaderRow, b.Cells(t.HeaderRow), sheets.Finishing)
}

// addPage adds a page of the worksheet and its rows to the reading. The first page starts with the
// header row.
func (p *poll) addPage(ctx context.Context, page sheets.Block, rows []row.Row) (err error) {
	if p.reading == nil {
		if p.header, err = p.headerIn(ctx, page); err != nil {
			return err
		}
		p.reading = detect.NewReading(p.header, p.recipe.ReadOptions(), p.sheet.rows+p.sheet.rows/64)
	}
	p.reading.Add(rows...)
	return nil
}
