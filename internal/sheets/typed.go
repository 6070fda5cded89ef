package sheets

import (
	"context"
	"net/url"
	"slices"

	"github.com/rowtap/rowtap/internal/row"
)

const (
	maxGap    = 20    // rows between two wanted ones that are read with them rather than begin a new range
	maxRanges = 100   // a request
	maxQuery  = 6_000 // bytes of ranges a request; front ends refuse long URLs
)

// Typed reads the given rows of a worksheet again and returns them with date cells told from numbers: polls read dates
// as serials, which look like numbers; this read has them as the text the sheet shows, and only them
// (https://developers.google.com/workspace/sheets/api/reference/rest/v4/DateTimeRenderOption). Rows without a number
// are not read. The rows given stay as they are; those returned are in the same order. The error is an *Error; it wraps
// [ErrTorn] when another row stands in a row's place.
func (a *Account) Typed(ctx context.Context, spreadsheetID, title string, rows []row.Row) ([]row.Row, error) {
	w := what{spreadsheetID, title}
	numbers, width := withNumbers(rows)
	again := make(map[int][]row.Cell, len(numbers))
	for _, request := range requests(title, numbers, width) {
		blocks, err := a.blocks(ctx, w, request, true)
		switch {
		case kindOf(err) == PastGrid:
			return nil, a.torn(w, request[len(request)-1][1])
		case err != nil:
			return nil, err
		}
		for _, b := range blocks {
			for i, cells := range b.cells {
				again[b.first+i] = cells
			}
		}
	}
	typed := slices.Clone(rows)
	for i, r := range typed {
		if _, found := slices.BinarySearch(numbers, r.Number); !found {
			continue
		}
		cells, same := dated(r.Cells, again[r.Number])
		if !same {
			return nil, a.torn(w, r.Number)
		}
		typed[i].Cells = cells
	}
	return typed, nil
}

// withNumbers returns the sheet rows of the rows that have a number, in order and once each, and the widest's width.
func withNumbers(rows []row.Row) (numbers []int, width int) {
	for _, r := range rows {
		if slices.ContainsFunc(r.Cells, func(c row.Cell) bool { return c.Kind == row.Number }) {
			numbers = append(numbers, r.Number)
			width = max(width, len(r.Cells))
		}
	}
	slices.Sort(numbers)
	return slices.Compact(numbers), width
}

// requests returns the ranges to read so that all numbers are, by request.
func requests(title string, numbers []int, width int) [][][2]int {
	most := max(pageCells/max(width, 1), 1) // rows a request
	var all [][][2]int
	var ranges [][2]int
	rows, query := 0, 0
	for i := 0; i < len(numbers); {
		first, last := numbers[i], numbers[i]
		for i++; i < len(numbers) && numbers[i]-last <= maxGap && numbers[i]-first < most; i++ {
			last = numbers[i]
		}
		length := len(url.QueryEscape(rowsRange(title, first, last))) + len("&ranges=")
		if len(ranges) > 0 && (len(ranges) == maxRanges || rows+last-first+1 > most || query+length > maxQuery) {
			all = append(all, ranges)
			ranges, rows, query = nil, 0, 0
		}
		ranges = append(ranges, [2]int{first, last})
		rows += last - first + 1
		query += length
	}
	if len(ranges) > 0 {
		all = append(all, ranges)
	}
	return all
}

// dated returns the cells of a row with the numbers that the second read shows as text made dates. All values are the first
// read's. ok is false where the second is of another row, or does not tell whether a number is a date: cells that a
// formula recalculates, or that somebody edits, may differ, as long as half of the row's cells agree, or all of its words.
func dated(cells, again []row.Cell) (typed []row.Cell, ok bool) {
	first, second := row.Row{Cells: cells}, row.Row{Cells: again}
	typed = slices.Clone(cells)
	agree, differ := 0, 0
	words, same := 0, true // cells that no formula of numbers changes, and whether all of them agree
	for i := range max(len(cells), len(again)) {
		a, b := first.Cell(i), second.Cell(i)
		switch {
		case a == b && a.Kind == row.Blank:
		case a == b:
			agree++
			if a.Kind == row.Text {
				words++
			}
		case a.Kind != row.Number:
			differ++
			same = false
		case b.ErrorText():
			return nil, false
		case b.Kind == row.Text:
			typed[i] = row.DateCell(a.Num)
			agree++
		case b.Kind == row.Number:
			differ++
		default:
			return nil, false
		}
	}
	return typed, agree >= differ || words > 0 && same
}
