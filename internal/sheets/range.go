package sheets

import (
	"fmt"
	"net/url"
)

const (
	maxGap    = 20    // rows between two wanted ones that are read with them rather than begin a new range
	maxRanges = 100   // a request
	maxQuery  = 6_000 // bytes of ranges a request; front ends refuse long URLs
)

// Range is rows of a worksheet to read, whole.
type Range struct {
	Title       string // of the worksheet
	First, Last int    // 1-based sheet rows, both included; Last may be past the end of the worksheet, First may not
	Width       int    // columns that the rows are known to fill, which bounds what one request asks for; 0: not known

	column, columns int // of a part of them: the first column, 0-based, and how many; columns 0: all
}

// String returns the A1 notation of the range
// (https://developers.google.com/workspace/sheets/api/guides/concepts#cell).
func (r Range) String() string {
	if r.columns > 0 {
		return cellsRange(r.Title, r.First, r.Last, r.column, r.column+r.columns-1)
	}
	return rowsRange(r.Title, r.First, r.Last)
}

func (r Range) rows() int { return r.Last - r.First + 1 }

// cells returns about how many cells the range has.
func (r Range) cells() int { return r.rows() * max(r.columns, r.Width) }

// ofColumns returns the ranges of the same rows that have only some columns, which are in order.
func (r Range) ofColumns(columns []int) []Range {
	var parts []Range
	for _, column := range columns {
		if n := len(parts); n > 0 && parts[n-1].column+parts[n-1].columns == column {
			parts[n-1].columns++
			continue
		}
		part := r
		part.Width, part.column, part.columns = 0, column, 1
		parts = append(parts, part)
	}
	return parts
}

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
