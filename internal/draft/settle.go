package draft

import (
	"fmt"
	"strings"

	"github.com/rowtap/rowtap/internal/quantity"
	"github.com/rowtap/rowtap/internal/row"
)

// Settle is the suggested value of the key settle.
const Settle = "30s"

const (
	// newestRows are the rows that may still be typed.
	newestRows = 3
	// fewestEarlier is how many earlier rows show what a finished row has.
	fewestEarlier = 3
	// mostListed is the maximum number of columns in a reason.
	mostListed = 3
)

// HalfTyped returns why the rows of a sheet seem to be typed cell by cell: some of the newest 3 rows
// lack a cell that at least 19 of 20 earlier rows fill. A cell that all three lack is more likely
// filled in later by somebody else. It returns "" if there is no such cell, or fewer than 6 rows.
// The newest row comes first.
func HalfTyped(h row.Header, rows []row.Row) string {
	if len(rows) < newestRows+fewestEarlier {
		return ""
	}
	newest, earlier := rows[:newestRows], rows[newestRows:]
	half := map[int]bool{} // sheet rows
	var columns []string
	for i, title := range h.Names() {
		lacking := lackingCell(newest, i)
		if title == "" || len(lacking) == 0 || len(lacking) == newestRows || 20*len(lackingCell(earlier, i)) > len(earlier) {
			continue
		}
		for _, number := range lacking {
			half[number] = true
		}
		if columns = append(columns, label(h.Name(i))); len(columns) > mostListed {
			columns[mostListed] = "…"
			columns = columns[:mostListed+1]
		}
	}
	if len(half) == 0 {
		return ""
	}
	lack := "lacks"
	if len(half) > 1 {
		lack = "lack"
	}
	return fmt.Sprintf("%d of the newest %s %s cells that nearly all earlier rows fill (%s)",
		len(half), quantity.Count(newestRows, "row"), lack, strings.Join(columns, ", "))
}

// lackingCell returns the sheet rows with a blank cell in column i.
func lackingCell(rows []row.Row, i int) []int {
	var numbers []int
	for _, r := range rows {
		if r.Cell(i).Blank() {
			numbers = append(numbers, r.Number)
		}
	}
	return numbers
}
