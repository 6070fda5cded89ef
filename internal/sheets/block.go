package sheets

import (
	"iter"

	"github.com/rowtap/rowtap/internal/row"
)

// Block is the result of reading a [Range].
type Block struct {
	Title string // of the worksheet, as requested
	// First and Last are 1-based sheet rows, both included. Last is lower than requested if the
	// grid ends there.
	First, Last int

	asked  int          // last row requested
	column int          // first column, 0-based; not 0 only in [Account.Show]
	cells  [][]row.Cell // from row First; rows and cells that are missing at the end are blank
}

// GridEnds reports whether the grid is known to end with the last row of the block. If false, there
// may or may not be more rows.
func (b Block) GridEnds() bool { return b.Last < b.asked }

// Cells returns the cells of a sheet row, up to the last one with a value; nil if the row is blank
// or outside the block.
func (b Block) Cells(number int) []row.Cell {
	if i := number - b.First; i >= 0 && i < len(b.cells) {
		return b.cells[i]
	}
	return nil
}

// Rows returns the rows below sheet row after that are not blank, in sheet order. Pass the header
// row to leave it out.
func (b Block) Rows(after int) iter.Seq[row.Row] {
	return func(yield func(row.Row) bool) {
		for i, cells := range b.cells {
			r := row.Row{Number: b.First + i, Cells: cells}
			if r.Number > after && !r.Blank() && !yield(r) {
				return
			}
		}
	}
}

// Width returns the number of columns of the block's widest row.
func (b Block) Width() int {
	width := 0
	for _, cells := range b.cells {
		width = max(width, len(cells))
	}
	return width
}

// Size estimates how many bytes the block took in the uncompressed response. Use it to divide
// [Response.Wire] among the blocks.
func (b Block) Size() int {
	const envelope, number, word = 60, 8, 5 // bytes
	size := envelope
	for _, cells := range b.cells {
		size += len("[],")
		for _, c := range cells {
			size += len(",")
			switch c.Kind {
			case row.Number, row.Date:
				size += number
			case row.Bool:
				size += word
			case row.Blank, row.Text:
				size += len(`""`) + len(c.Text)
			}
		}
	}
	return size
}

// below returns the block without the rows up to number.
func (b Block) below(number int) Block {
	if number < b.First {
		return b
	}
	b.cells = b.cells[min(number-b.First+1, len(b.cells)):]
	b.First = number + 1
	return b
}
