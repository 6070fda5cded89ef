package detect_test

import (
	"slices"
	"strconv"
	"testing"

	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/row"
)

// TestBackfillStand: a row fires only if it is the one that is known in its place.
func TestBackfillStand(t *testing.T) {
	sheet := numbersIn(written("Email|City|Days / a|Pune|1 / b|Pune|2 / b|Pune|3 / d|Goa|4"))
	o := detect.Options{Require: []string{"Email"}}
	known := begin(sheet, o, 99, 1, start).Cursor
	tests := []struct {
		name   string
		number int
		cells  string
		want   detect.BackfillState
	}{
		{"the same", 2, "a|Pune|1", detect.BackfillReady},
		{"a number recalculated", 2, "a|Pune|77", detect.BackfillReady},
		{"a word changed", 2, "a|Goa|1", detect.BackfillChanged},
		{"a required cell changed", 2, "x|Pune|1", detect.BackfillChanged},
		{"its neighbour of the same words, shifted", 3, "b|Pune|3", detect.BackfillChanged},
		{"emptied", 2, "", detect.BackfillChanged},
		{"not known", 9, "a|Pune|1", detect.BackfillChanged},
	}
	for _, tt := range tests {
		line := numbersIn(written("h / " + tt.cells)).Rows[0]
		line.Number = tt.number
		got := detect.NewBackfill(known).Check(sheet.Header, []row.Row{line}, o.Require, o)[0]
		if got != tt.want {
			t.Errorf("%s: stand %d, want %d", tt.name, got, tt.want)
		}
	}
}

// TestBackfillAmongShiftedRows: where another row is no longer what it was, numbers that changed
// may hide a shift.
func TestBackfillAmongShiftedRows(t *testing.T) {
	sheet := numbersIn(written("Email|Days / a|1 / b|2 / c|3"))
	o := detect.Options{Require: []string{"Email"}}
	rows := numbersIn(written("h / a|1 / b|7 / x|8")).Rows
	got := detect.NewBackfill(begin(sheet, o, 99, 1, start).Cursor).Check(sheet.Header, rows, o.Require, o)
	if want := []detect.BackfillState{detect.BackfillReady, detect.BackfillChanged, detect.BackfillChanged}; !slices.Equal(got, want) {
		t.Errorf("stands %v, want %v", got, want)
	}
}

// numbersIn makes the cells that look like numbers numbers.
func numbersIn(t wholeSheet) wholeSheet {
	for _, r := range t.Rows {
		for i, c := range r.Cells {
			if f, err := strconv.ParseFloat(c.Text, 64); err == nil {
				r.Cells[i] = row.NumberCell(f)
			}
		}
	}
	return t
}

// TestBackfillFires marks rows, gives them deliveries, and changes no cursor but its own; its
// chunks make the cursor that it has.
func TestBackfillFires(t *testing.T) {
	sheet := written("Email / a / b / c / d")
	known := begin(sheet, detect.Options{}, 99, 5, start).Cursor
	chunks := known.Encode()
	b := detect.NewBackfill(known)
	b.Fire([]int{3, 5}, 7)
	n, changed := b.Since()
	for i, chunk := range changed {
		chunks[i] = chunk
	}
	stored, err := detect.Decode(func(yield func([]byte) bool) {
		for _, c := range chunks {
			if !yield(c) {
				return
			}
		}
	})
	if err != nil || n != len(chunks) {
		t.Fatalf("%d chunks, %v, want %d", n, err, len(chunks))
	}
	for number, want := range map[int]uint64{2: 0, 3: 7, 4: 0, 5: 8} {
		s, _ := stored.At(number)
		before, _ := known.At(number)
		if s.Delivery != want || s.Waits || before.Delivery != 0 {
			t.Errorf("row %d: %+v, before %+v; want delivery %d", number, s, before, want)
		}
	}
	if stored.Next != 9 {
		t.Errorf("next delivery %d, want 9", stored.Next)
	}
	if got := b.Known(2, 5); got != (detect.Known{Old: 2, Delivered: 2}) {
		t.Errorf("%+v, want 2 old ones, 2 that have deliveries", got)
	}
}
