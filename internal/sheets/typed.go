package sheets

import (
	"fmt"
	"slices"

	"github.com/rowtap/rowtap/internal/row"
)

// Typed returns rows with date cells told from numbers: polls read dates as serials, which look like numbers. The blocks
// are what a second read with [Shown] found of those rows of the same worksheet that have numbers, for which
// [WithNumbers] and [RowRanges] make the ranges: a number that is a text there is a date. The rows given stay as they are; those
// returned are in the same order.
//
// The error is an *Error that wraps [ErrTorn]: another row stands in a row's place, or it does not tell what a number is.
// That the second read itself is refused as PastGrid means the same.
func Typed(rows []row.Row, blocks []Block) ([]row.Row, error) {
	typed := slices.Clone(rows)
	for i, r := range typed {
		if !slices.ContainsFunc(r.Cells, func(c row.Cell) bool { return c.Kind == row.Number }) {
			continue
		}
		var again []row.Cell
		for _, b := range blocks {
			if again = b.Cells(r.Number); again != nil {
				break
			}
		}
		cells, same := dated(r.Cells, again)
		if !same {
			return nil, &Error{Kind: Temporary, Err: ErrTorn, Message: fmt.Sprintf("row %d changed while its types were read", r.Number)}
		}
		typed[i].Cells = cells
	}
	return typed, nil
}

// TypedNear is [Typed] for rows of a worksheet that rows are inserted into and deleted from all the time: they may have been shifted. The
// blocks are of the rows around each; a row is the nearest one that has the same cells but for dates.
func TypedNear(rows []row.Row, blocks []Block) ([]row.Row, error) {
	typed := slices.Clone(rows)
	for i, r := range typed {
		if !slices.ContainsFunc(r.Cells, func(c row.Cell) bool { return c.Kind == row.Number }) {
			continue
		}
		cells, found := datedNear(r, blocks)
		if !found {
			return nil, &Error{Kind: Temporary, Err: ErrTorn, Message: fmt.Sprintf("row %d changed while its types were read", r.Number)}
		}
		typed[i].Cells = cells
	}
	return typed, nil
}

func datedNear(r row.Row, blocks []Block) (typed []row.Cell, found bool) {
	for _, b := range blocks {
		if r.Number < b.First || r.Number > b.asked {
			continue
		}
		for away := range b.asked - b.First + 1 {
			for _, number := range []int{r.Number + away, r.Number - away} {
				if again := b.Cells(number); again != nil && sameShown(r.Cells, again) {
					return dated(r.Cells, again)
				}
			}
		}
	}
	return nil, false
}

// sameShown tells whether all cells of a row are those of a second read, but for numbers that are shown as text, for these are dates.
func sameShown(cells, again []row.Cell) bool {
	first, second := row.Row{Cells: cells}, row.Row{Cells: again}
	for i := range max(len(cells), len(again)) {
		a, b := first.Cell(i), second.Cell(i)
		if a != b && (a.Kind != row.Number || b.Kind != row.Text || b.ErrorText()) {
			return false
		}
	}
	return true
}

// dated returns the cells of a row with the numbers that the second read shows as text made dates of the shape shown. All values
// are the first read's. ok is false where the second is of another row, or does not tell whether a number is a date: cells that a
// formula recalculates, or that somebody edits, may differ, as long as half of the row's cells agree, or all of its words, and none
// stands in another column: a text next to a number is no date.
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
		case b.Kind == row.Text && columnsMoved(first, second, i):
			return nil, false
		case b.Kind == row.Text:
			typed[i] = row.ShownDate(a.Num, b.Text)
			agree++
		case b.Kind == row.Number:
			differ++
		default:
			return nil, false
		}
	}
	return typed, agree >= differ || words > 0 && same
}

// columnsMoved tells whether columns were inserted, deleted or moved between two reads of a row, where the second has a text in
// the place of a number of the first: that text was in another column before, or the number is in another now.
func columnsMoved(first, second row.Row, at int) bool {
	number, text := first.Cell(at), second.Cell(at)
	for i := range max(len(first.Cells), len(second.Cells)) {
		a, b := first.Cell(i), second.Cell(i)
		if i != at && a != b && (a == text || b == number) {
			return true
		}
	}
	return false
}
