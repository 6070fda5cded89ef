// Package row holds what a sheet row is: its number, its typed cells and the header that names them.
//
// It is the one word that sheets (reads it), detect (compares it), ledger (keeps it) and mapping (turns it into a record)
// share. Nothing that reads, decides or sends belongs here.
package row

// Row is a spreadsheet row below the header.
type Row struct {
	Number int    // 1-based sheet row
	Cells  []Cell // by column, the sheet's column A first; cells past the end are blank
}

// Cell returns the cell of the 0-based column i, blank when the row is shorter than that.
func (r Row) Cell(i int) Cell {
	if i < 0 || i >= len(r.Cells) {
		return Cell{}
	}
	return r.Cells[i]
}

// Origin says from which cells a part of a text was made.
type Origin struct {
	From, To int   // the part: bytes of the text, from 0
	Columns  []int // of the cells, from 0, in the order in which they were used; several parts share the slice
}

// Blank tells whether every cell of the row is blank.
func (r Row) Blank() bool {
	for _, c := range r.Cells {
		if !c.Blank() {
			return false
		}
	}
	return true
}
