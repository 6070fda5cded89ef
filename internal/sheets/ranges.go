package sheets

import (
	"context"
	"errors"
	"fmt"

	"github.com/rowtap/rowtap/internal/row"
)

// Render selects how cells are read
// (https://developers.google.com/workspace/sheets/api/reference/rest/v4/ValueRenderOption and
// https://developers.google.com/workspace/sheets/api/reference/rest/v4/DateTimeRenderOption).
type Render uint8

// The ways to read cells.
const (
	Serials   Render = iota // values; dates and times are numbers like any other
	Shown                   // values; dates and times, and only these, as displayed text
	formatted               // all cells as displayed text
)

// options returns the API's options for values and for dates.
func (r Render) options() (values, dates string) {
	switch r {
	case Serials:
	case Shown:
		return "UNFORMATTED_VALUE", "FORMATTED_STRING"
	case formatted:
		return "FORMATTED_VALUE", "FORMATTED_STRING"
	}
	return "UNFORMATTED_VALUE", "SERIAL_NUMBER"
}

// Response is the result of reading several ranges.
type Response struct {
	Blocks []Block // one per range, in the order given
	Wire   int64   // bytes of the response bodies as transferred, usually compressed
}

// Ranges reads rows of a spreadsheet's worksheets, in one request if they fit: at most 100 ranges,
// 6,000 bytes of URL, and about 100,000 cells by the widths of the ranges. Several requests may
// read several states of the spreadsheet. Equal ranges are requested once.
//
// The error is an *Error. One bad range fails them all with UnknownRange or PastGrid, and Google
// does not say which one: request them one by one then. The error for a response that is too large
// wraps [ErrTooBig]: request fewer rows.
func (a *Account) Ranges(ctx context.Context, spreadsheetID string, ranges []Range, render Render, urgency Urgency) (Response, error) {
	t := target{spreadsheet: spreadsheetID, title: sharedTitle(ranges)}
	if spreadsheetID == "" {
		return Response{}, a.bad(t, "the spreadsheet ID is missing")
	}
	type place struct {
		title                        string
		first, last, column, columns int
	}
	placeOf := func(r Range) place { return place{r.Title, r.First, r.Last, r.column, r.columns} }
	index := make(map[place]int, len(ranges)) // in asked
	var asked []Range
	for _, r := range ranges {
		if fault := r.fault(); fault != "" {
			return Response{}, a.bad(t, fault)
		}
		at := placeOf(r)
		if _, seen := index[at]; !seen {
			index[at] = len(asked)
			asked = append(asked, r)
		}
	}
	var response Response
	var blocks []Block // of asked
	for _, batch := range batches(asked) {
		got, err := a.batch(ctx, target{spreadsheetID, sharedTitle(batch)}, batch, render, urgency)
		if err != nil {
			return Response{}, err
		}
		blocks = append(blocks, got.Blocks...)
		response.Wire += got.Wire
	}
	for _, r := range ranges {
		response.Blocks = append(response.Blocks, blocks[index[placeOf(r)]])
	}
	return response, nil
}

// Rows is [Account.Ranges] for rows that the caller compares with what it knows of them: ranges
// whose response would be too large are read in parts, which may be of several states of the
// worksheet.
func (a *Account) Rows(ctx context.Context, spreadsheetID string, ranges []Range, render Render, urgency Urgency) (Response, error) {
	response, err := a.Ranges(ctx, spreadsheetID, ranges, render, urgency)
	if !errors.Is(err, ErrTooBig) {
		return response, err
	}
	if half := len(ranges) / 2; half > 0 {
		one, err := a.Rows(ctx, spreadsheetID, ranges[:half], render, urgency)
		if err != nil {
			return Response{}, err
		}
		other, err := a.Rows(ctx, spreadsheetID, ranges[half:], render, urgency)
		return Response{Blocks: append(one.Blocks, other.Blocks...), Wire: one.Wire + other.Wire}, err
	}
	whole := ranges[0]
	if whole.First == whole.Last {
		return response, err
	}
	upper, lower := whole, whole
	upper.Last = whole.First + (whole.Last-whole.First)/2
	lower.First = upper.Last + 1
	response, err = a.Rows(ctx, spreadsheetID, []Range{upper}, render, urgency)
	if err != nil {
		return Response{}, err
	}
	block := &response.Blocks[0]
	block.asked = whole.Last
	if block.Last < upper.Last {
		return response, nil
	}
	more, err := a.Rows(ctx, spreadsheetID, []Range{lower}, render, urgency)
	if kindOf(err) == PastGrid { // the grid ends with the upper part
		return response, nil
	}
	if err != nil {
		return Response{}, err
	}
	rows := upper.Last - upper.First + 1
	block.cells = append(block.cells, make([][]row.Cell, rows-len(block.cells))...) // blank
	block.cells, block.Last = append(block.cells, more.Blocks[0].cells...), more.Blocks[0].Last
	response.Wire += more.Wire
	return response, nil
}

// sharedTitle returns the worksheet title that all ranges share; "" if there are several.
func sharedTitle(ranges []Range) string {
	if len(ranges) == 0 {
		return ""
	}
	for _, r := range ranges {
		if r.Title != ranges[0].Title {
			return ""
		}
	}
	return ranges[0].Title
}

// batch reads ranges in one request.
func (a *Account) batch(ctx context.Context, t target, ranges []Range, render Render, urgency Urgency) (Response, error) {
	var got values
	err := a.call(ctx, t, urgency, func(ctx context.Context, conn *connection) (err error) {
		got, err = conn.batchGet(ctx, t.spreadsheet, ranges, render)
		return err
	})
	if err != nil {
		return Response{}, err
	}
	response := Response{Blocks: make([]Block, len(ranges)), Wire: got.wire}
	for i, r := range ranges {
		v := got.ranges[i]
		at, err := parseRange(v.at)
		if err != nil || at.first != r.First || at.last > r.Last || at.column != r.column || len(v.cells) > at.last-at.first+1 {
			return Response{}, a.bad(t, fmt.Sprintf("the response is not for rows %d to %d", r.First, r.Last))
		}
		response.Blocks[i] = Block{Title: r.Title, First: at.first, Last: at.last, asked: r.Last, column: r.column, cells: v.cells}
	}
	return response, nil
}
