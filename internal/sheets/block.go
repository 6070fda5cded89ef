package sheets

import (
	"context"
	"fmt"

	"google.golang.org/api/sheets/v4"

	"github.com/rowtap/rowtap/internal/row"
)

// block is a rectangle of rows as it was read.
type block struct {
	first, last int          // 1-based sheet rows it covers
	cells       [][]row.Cell // from row first on; rows past its end are blank, and so are cells past a row's
}

// at returns the cells of a sheet row that the block covers.
func (b block) at(number int) []row.Cell {
	if i := number - b.first; i < len(b.cells) {
		return b.cells[i]
	}
	return nil
}

// blocks reads rows of a worksheet, from and to which are given in pairs, in one request. Of dates it returns serials,
// or with dates as text what the sheet shows. A block may end before its request, at the end of the grid.
func (a *Account) blocks(ctx context.Context, w what, rows [][2]int, datesAsText bool) ([]block, error) {
	ranges := make([]string, len(rows))
	for i, r := range rows {
		ranges[i] = rowsRange(w.title, r[0], r[1])
	}
	dates := "SERIAL_NUMBER"
	if datesAsText {
		dates = "FORMATTED_STRING"
	}
	var got *sheets.BatchGetValuesResponse
	err := a.call(ctx, w, func(ctx context.Context, service *sheets.Service) (err error) {
		got, err = service.Spreadsheets.Values.BatchGet(w.spreadsheet).Ranges(ranges...).MajorDimension("ROWS").
			ValueRenderOption("UNFORMATTED_VALUE").DateTimeRenderOption(dates).Context(ctx).Do()
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(got.ValueRanges) != len(rows) {
		return nil, a.bad(w, fmt.Sprintf("the answer has %d ranges, %d were asked for", len(got.ValueRanges), len(rows)))
	}
	blocks := make([]block, len(rows))
	for i, values := range got.ValueRanges {
		at, err := parseRange(values.Range)
		if err != nil || at.first != rows[i][0] || at.last > rows[i][1] || at.column != 0 || len(values.Values) > at.last-at.first+1 {
			return nil, a.bad(w, fmt.Sprintf("the answer is not about rows %d to %d", rows[i][0], rows[i][1]))
		}
		blocks[i] = block{first: at.first, last: at.last, cells: cellsOf(values.Values)}
	}
	return blocks, nil
}

// cellsOf returns decoded values as cells, without the blank ones at each row's end.
func cellsOf(values [][]any) [][]row.Cell {
	cells := make([][]row.Cell, len(values))
	for i, line := range values {
		for len(line) > 0 && row.FromJSON(line[len(line)-1]) == (row.Cell{}) {
			line = line[:len(line)-1]
		}
		if len(line) == 0 {
			continue
		}
		cells[i] = make([]row.Cell, len(line))
		for j, v := range line {
			cells[i][j] = row.FromJSON(v)
		}
	}
	return cells
}
