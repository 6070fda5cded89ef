package sheets

import (
	"iter"

	"github.com/rowtap/rowtap/internal/row"
)

// Block is what was read of a [Range].
type Block struct {
	Title       string // of the worksheet, as it was asked for
	First, Last int    // 1-based sheet rows, both included; Last is less than was asked for where the grid ends at it

	asked  int          // the last row asked for
	column int          // the first, 0-based; above 0 only for [Account.Show]
	cells  [][]row.Cell // from row First on; rows past its end are blank, and so are cells past a row's
}

// GridEnds tells whether the grid is known to end with the block's last row. Where it does not, there may be more rows
// below or not.
func (b Block) GridEnds() bool { return b.Last < b.asked }

// Cells returns the cells of a sheet row; nil for one that is blank, or outside of the block. Cells past the last that has
// a value are left out.
func (b Block) Cells(number int) []row.Cell {
	if i := number - b.First; i >= 0 && i < len(b.cells) {
		return b.cells[i]
	}
	return nil
}

// Rows returns the rows below the sheet row after that are not blank, in sheet order. With the header row it leaves out the
// header.
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

// Size returns about how many bytes the block was in the answer before compression. It serves to tell the parts of an
// answer's Wire.
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

// below returns the block without the rows down to the given one.
func (b Block) below(number int) Block {
	if number < b.First {
		return b
	}
	b.cells = b.cells[min(number-b.First+1, len(b.cells)):]
	b.First = number + 1
	return b
}
