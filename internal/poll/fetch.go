package poll

import (
	"context"
	"slices"

	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/row"
	"github.com/rowtap/rowtap/internal/sheets"
)

// keptBytes bounds the cells kept, compressed, of a known worksheet during a complete read: those
// of several hundred thousand rows of ten columns. Of a larger worksheet the new rows are read
// again, so that a million rows are compared within 300 MB.
const keptBytes = 8 << 20

// needsAllCells reports whether the poll may find most of the worksheet.
func (p *poll) needsAllCells() bool {
	return p.fill != nil || !p.hasBaseline() && !p.recipe.Trigger.Start.Now
}

// fetch reads the rows that are new or changed again if there were too many cells to keep.
func (v *visit) fetch(ctx context.Context, polls []*poll) {
	for _, p := range polls {
		if p.err == nil && p.cells.dropped {
			p.err = v.fetchRows(ctx, p)
		}
	}
}

// fetchRows is fetch for one poll. The error is [sheets.ErrTorn] if a row is no longer in its
// place.
func (v *visit) fetchRows(ctx context.Context, p *poll) error {
	known := p.result.Cursor.Under(p.header)
	most := max(shownCells/max(p.header.Len(), 1), 1)
	type read struct {
		rows []row.Row
		err  error
	}
	readAgain := func(numbers []int) read {
		ranges := sheets.RowRanges(p.sheet.title, numbers, p.header.Len())
		response, err := v.account.Rows(ctx, v.spreadsheetID, ranges, sheets.Serials, sheets.Finishing)
		if sheets.OfRange(err) {
			err = sheets.ErrTorn // the rows existed a moment ago
		}
		if err != nil {
			return read{err: err}
		}
		var got read
		for _, number := range numbers {
			i := slices.IndexFunc(response.Blocks, func(b sheets.Block) bool { return number >= b.First && number <= b.Last })
			if i < 0 {
				return read{err: sheets.ErrTorn}
			}
			got.rows = append(got.rows, row.Row{Number: number, Cells: response.Blocks[i].Cells(number)})
		}
		return got
	}
	cells := p.newStore()
	for _, got := range concurrently(4, slices.Chunk(p.wanted(), most), readAgain) {
		if got.err != nil {
			return got.err
		}
		for _, r := range got.rows {
			if !known.Shows(r) {
				return sheets.ErrTorn
			}
		}
		if err := cells.add(got.rows...); err != nil {
			return err
		}
	}
	p.cells = cells
	return nil
}

// wanted returns the sheet rows to fetch, sorted: new ones, changed ones, and those of failed
// deliveries.
func (p *poll) wanted() []int {
	var numbers []int
	for _, f := range p.result.Found {
		numbers = append(numbers, f.Row)
	}
	for _, ch := range p.result.Changes {
		if ch.Kind != detect.Deleted {
			numbers = append(numbers, ch.Row)
		}
	}
	for _, number := range rowsOf(p.result.Cursor, p.failed) {
		numbers = append(numbers, number)
	}
	slices.Sort(numbers)
	return slices.Compact(numbers)
}
