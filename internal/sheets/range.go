package sheets

import (
	"fmt"
	"net/url"
)

const (
	maxGap    = 20    // rows between two wanted ones that are read along with them
	maxRanges = 100   // per request
	maxQuery  = 6_000 // bytes of ranges per request; front ends reject long URLs
)

// Range is whole rows of a worksheet.
type Range struct {
	Title string // of the worksheet
	// First and Last are 1-based sheet rows, both included. Last may be below the end of the grid,
	// First may not.
	First, Last int
	Width       int // known columns, used to bound the cells of a request; 0: unknown

	column, columns int // first column, 0-based, and number of columns; columns 0: all
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

// cells returns the approximate number of cells.
func (r Range) cells() int { return r.rows() * max(r.columns, r.Width) }

// ofColumns returns ranges of the same rows that cover only the given columns, which are sorted.
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

// fault returns what is wrong with a range; "" if it is valid.
func (r Range) fault() string {
	switch {
	case r.Title == "":
		return "the worksheet title is missing"
	case r.First < 1:
		return fmt.Sprintf("row %d is not a sheet row; rows count from 1", r.First)
	case r.Last < r.First:
		return fmt.Sprintf("rows %d to %d are an empty range", r.First, r.Last)
	}
	return ""
}

// RowRanges returns ranges of a worksheet that cover the given sheet rows, which are sorted. Rows
// at most 20 apart share a range, with those in between. Each range fits one request if its rows
// have at most width columns.
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

// batches groups ranges into requests, in order: front ends reject long URLs, and rowtap rejects
// large responses.
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
