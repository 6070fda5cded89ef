package detect_test

import (
	"testing"

	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/row"
)

// TestKnownRows: rows that are read again are the ones that were compared, though cells may have
// changed meanwhile.
func TestKnownRows(t *testing.T) {
	sheet := written("Email|Phone|City|Plan / a|1|Pune|free / b|2|Pune|free / c|3|Pune|free / d|4|Goa|gold")
	known := begin(sheet, detect.Options{}, 0, 1, start).Cursor.Under(sheet.Header)
	tests := []struct {
		name          string
		number        int
		cells         string
		equals, shows bool
	}{
		{"the same", 3, "b|2|Pune|free", true, true},
		{"a cell filled in", 3, "b|2|Pune|free|x", true, true},
		{"a cell changed", 3, "b|22|Pune|free", false, true},
		{"the row above, shifted", 3, "a|1|Pune|free", false, false},
		{"the row below, shifted", 3, "c|3|Pune|free", false, false},
		{"another row", 3, "x|9|Goa|gold", false, false},
		{"another row of the same words", 3, "x|9|Pune|free", false, false},
		{"a row that is not known", 9, "a|1|Pune|free", false, false},
	}
	for _, tt := range tests {
		r := written("h / " + tt.cells).Rows[0]
		line := row.Row{Number: tt.number, Cells: r.Cells}
		if equals, shows := known.Equals(line), known.Shows(line); equals != tt.equals || shows != tt.shows {
			t.Errorf("%s: equals %t, shows %t; want %t, %t", tt.name, equals, shows, tt.equals, tt.shows)
		}
	}
}
