package sheets

import (
	"fmt"
	"net/url"
	"slices"

	"github.com/rowtap/rowtap/internal/row"
)

const (
	maxGap    = 20    // rows between two wanted ones that are read with them rather than begin a new range
	maxRanges = 100   // a request
	maxQuery  = 6_000 // bytes of ranges a request; front ends refuse long URLs
)

// Range is rows of a worksheet to read, all columns of them.
type Range struct {
	Title       string // of the worksheet
	First, Last int    // 1-based sheet rows, both included; Last may be past the end of the worksheet, First may not
	Width       int    // columns that the rows are known to fill, which bounds what one request asks for; 0: not known
}

// String returns the A1 notation of the range
// (https://developers.google.com/workspace/sheets/api/guides/concepts#cell).
func (r Range) String() string { return rowsRange(r.Title, r.First, r.Last) }

func (r Range) rows() int { return r.Last - r.First + 1 }

// cells returns about how many cells the range has.
func (r Range) cells() int { return r.rows() * r.Width }

// fault returns what is wrong with a range; "" where nothing is.
func (r Range) fault() string {
	switch {
	case r.Title == "":
		return "no worksheet is given"
	case r.First < 1:
		return fmt.Sprintf("there is no row %d, rows count from 1", r.First)
	case r.Last < r.First:
		return fmt.Sprintf("rows %d to %d are none", r.First, r.Last)
	}
	return ""
}

// RowRanges returns ranges of a worksheet that hold all given sheet rows, which are in order. Rows at most 20 apart are
// in one range, with those between. A range fits one request, if the rows have no more than width columns.
func RowRanges(title string, numbers []int, width int) []Range {
	most := max(pageCells/max(width, 1), 1) // rows a range
	var ranges []Range
	for i := 0; i < len(numbers); {
		first, last := numbers[i], numbers[i]
		for i++; i < len(numbers) && numbers[i]-last <= maxGap && numbers[i]-first < most; i++ {
			last = numbers[i]
		}
		ranges = append(ranges, Range{Title: title, First: first, Last: last, Width: width})
	}
	return ranges
}

// WithNumbers returns the sheet rows of the rows that have a number, in order and once each, and the width of the widest
// of them: those that [Typed] needs to see again.
func WithNumbers(rows []row.Row) (numbers []int, width int) {
	for _, r := range rows {
		if slices.ContainsFunc(r.Cells, func(c row.Cell) bool { return c.Kind == row.Number }) {
			numbers = append(numbers, r.Number)
			width = max(width, len(r.Cells))
		}
	}
	slices.Sort(numbers)
	return slices.Compact(numbers), width
}

// batches groups ranges into requests, in order: a URL that is too long is refused by front ends, and an answer that is
// too large by us.
func batches(ranges []Range) [][]Range {
	var all [][]Range
	first, query, cells := 0, 0, 0
	for i, r := range ranges {
		length := len("&ranges=") + len(url.QueryEscape(r.String()))
		if i > first && (i-first == maxRanges || query+length > maxQuery || cells+r.cells() > pageCells) {
			all = append(all, ranges[first:i])
			first, query, cells = i, 0, 0
		}
		query += length
		cells += r.cells()
	}
	if first < len(ranges) {
		all = append(all, ranges[first:])
	}
	return all
}
