package detect_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/row"
)

// TestErrorsAreNoNews: a sheet whose formulas partly or all show errors, for any length of time,
// fires nothing, and neither does its recovery, recalculated or not.
func TestErrorsAreNoNews(t *testing.T) {
	header := row.HeaderOf([]string{"Email", "Name", "Plan", "Total"})
	good := func(i, total int) row.Row {
		return row.Row{Number: i + 2, Cells: []row.Cell{
			row.TextCell(fmt.Sprintf("user-%d@example.com", i)), row.TextCell(fmt.Sprintf("Name %d", i)),
			row.TextCell([]string{"basic", "gold"}[i%2]), row.NumberCell(float64(total + i)),
		}}
	}
	table := func(n int, of func(i int) row.Row) wholeSheet {
		rows := make([]row.Row, n)
		for i := range rows {
			rows[i] = of(i)
		}
		return wholeSheet{Header: header, Rows: rows}
	}
	na := row.TextCell("#N/A")
	broken := map[string]func(n int) wholeSheet{
		"all but the identity": func(n int) wholeSheet {
			return table(n, func(i int) row.Row { return row.Row{Number: i + 2, Cells: []row.Cell{good(i, 0).Cells[0], na, na, na}} })
		},
		"one column": func(n int) wholeSheet {
			return table(n, func(i int) row.Row {
				r := good(i, 0)
				r.Cells[3] = row.TextCell("Loading...")
				return r
			})
		},
		"every cell": func(n int) wholeSheet {
			return table(n, func(i int) row.Row { return row.Row{Number: i + 2, Cells: []row.Cell{na, na, na, na}} })
		},
		"nothing": func(int) wholeSheet { return wholeSheet{Header: header} },
		"one #REF! in place of all": func(int) wholeSheet {
			return wholeSheet{Header: header, Rows: []row.Row{{Number: 2, Cells: []row.Cell{row.TextCell("#REF!")}}}}
		},
	}
	o := detect.Options{Require: []string{"Email"}, MaxNewRows: 1000}
	for name, read := range broken {
		for _, n := range []int{1, 2, 3, 5, 40} {
			if name == "nothing" && n < 4 {
				continue // a cleared test sheet looks the same, and what is typed then is new
			}
			now := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
			cursor := begin(table(n, func(i int) row.Row { return good(i, 0) }), o, math.MaxInt, 1, now).Cursor
			poll := func(what string, tb wholeSheet) {
				t.Helper()
				now = now.Add(2 * time.Minute)
				got := diff(cursor, tb, o, now)
				if len(got.Found) != 0 {
					t.Errorf("%s, %d rows, %s: found %d", name, n, what, len(got.Found))
				}
				cursor = got.Cursor
			}
			for i := range 4 {
				poll(fmt.Sprint("broken read ", i), read(n))
			}
			now = now.Add(72 * time.Hour)
			poll("broken after days", read(n))
			poll("recalculated", table(n, func(i int) row.Row { return good(i, 1000) }))
			poll("again", table(n, func(i int) row.Row { return good(i, 1000) }))
			added := table(n+1, func(i int) row.Row { return good(i, 1000) })
			if got := diff(cursor, added, o, now.Add(time.Minute)); len(got.Found) != 1 || got.Found[0].State != detect.Ready {
				t.Errorf("%s, %d rows: a row added afterwards: found %d, doubt %q", name, n, len(got.Found), got.Doubt)
			}
		}
	}
}
