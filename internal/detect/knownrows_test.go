package detect_test

import (
	"testing"

	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/row"
)

// TestKnownRows: a row that is read again is recognised even if some of its cells have changed.
func TestKnownRows(t *testing.T) {
	sheet := written("Email|Phone|City|Plan / a|1|Pune|free / b|2|Pune|free / c|3|Pune|free / d|4|Goa|gold")
	known := begin(sheet, detect.Options{}, 0, 1, start).Cursor.Under(sheet.Header)
	tests := []struct {
		name   string
		number int
		cells  string
		shows  bool
	}{
		{"the same", 3, "b|2|Pune|free", true},
		{"a cell filled in", 3, "b|2|Pune|free|x", true},
		{"a cell changed", 3, "b|22|Pune|free", true},
		{"the row above, shifted", 3, "a|1|Pune|free", false},
		{"the row below, shifted", 3, "c|3|Pune|free", false},
		{"another row", 3, "x|9|Goa|gold", false},
		{"another row with the same words", 3, "x|9|Pune|free", false},
		{"an unknown row", 9, "a|1|Pune|free", false},
	}
	for _, tt := range tests {
		r := written("h / " + tt.cells).Rows[0]
		line := row.Row{Number: tt.number, Cells: r.Cells}
		if shows := known.Shows(line); shows != tt.shows {
			t.Errorf("%s: shows %t, want %t", tt.name, shows, tt.shows)
		}
	}
}
