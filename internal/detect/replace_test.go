package detect_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/row"
)

// TestReplacementRates: in one poll, the last row is deleted and another one typed in its place, in
// a sheet in which all columns but one are dropdowns.
func TestReplacementRates(t *testing.T) {
	header := row.HeaderOf([]string{"Email", "Event", "City", "Plan", "Source", "Consent"})
	values := []int{0, 5, 5, 3, 4, 3}
	o := detect.Options{Require: []string{"Email"}}
	const runs = 1000
	for _, n := range []int{1, 2, 3, 4, 5, 6, 7, 8, 10, 30} {
		lost, held := 0, 0
		for seed := range runs {
			intn := rand.New(rand.NewPCG(uint64(seed), uint64(n))).IntN
			fresh := func(number int) row.Row {
				r := row.Row{Number: number, Cells: []row.Cell{row.TextCell(fmt.Sprintf("u%d@example.com", intn(1<<40)))}}
				for k, v := range values[1:] {
					r.Cells = append(r.Cells, row.TextCell(fmt.Sprintf("%d of %d", intn(v), k)))
				}
				return r
			}
			sheet := wholeSheet{Header: header}
			for i := range n {
				sheet.Rows = append(sheet.Rows, fresh(i+2))
			}
			c := begin(sheet, o, 1<<30, 1, start).Cursor
			sheet.Rows = append(slices.Clone(sheet.Rows[:n-1]), fresh(n+1))
			switch r := diff(c, sheet, o, start.Add(time.Minute)); {
			case len(r.Found) == 0:
				lost++
			case r.Found[0].State != detect.Ready:
				held++
			}
		}
		t.Logf("%d rows: %d lost, %d held of %d", n, lost, held, runs)
		if lost*1000 >= runs*5 || held*100 >= runs*5 {
			t.Errorf("%d rows: %d lost, %d held of %d", n, lost, held, runs)
		}
	}
}
