// Package row represents a sheet row: its number, its typed cells, and the header that names them.
//
// It is the vocabulary shared by sheets (reads rows), detect (compares them), ledger (stores them)
// and mapping (turns them into records). It contains no code that reads, decides or sends.
package row

// Row is a spreadsheet row below the header.
type Row struct {
	Number int    // 1-based sheet row
	Cells  []Cell // by column, starting with column A; cells past the end are blank
}

// Cell returns the cell in the 0-based column i, or a blank cell if the row is shorter.
func (r Row) Cell(i int) Cell {
	if i < 0 || i >= len(r.Cells) {
		return Cell{}
	}
	return r.Cells[i]
}

// Origin records which cells a part of a text came from.
type Origin struct {
	From, To int   // byte offsets of the part: From inclusive, To exclusive
	Columns  []int // 0-based columns in order of use; several parts may share the slice
}

// Blank reports whether all cells of the row are blank.
func (r Row) Blank() bool {
	for _, c := range r.Cells {
		if !c.Blank() {
			return false
		}
	}
	return true
}
