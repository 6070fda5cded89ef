package detect_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/row"
)

// TestPhonesWithoutPrefix: people write phone numbers without +, 00 or ( too. Where a column mostly holds texts of ten digits or
// more with something between them, other punctuation is no other number, even if the sheet has no other column.
func TestPhonesWithoutPrefix(t *testing.T) {
	number := func(i int) (string, string) { return fmt.Sprint(98450 + i*7), fmt.Sprintf("%05d", 12345+i*1031) }
	written := map[string]func(i int) row.Cell{
		"98450 12345": func(i int) row.Cell { a, b := number(i); return row.TextCell(a + " " + b) },
		"98450-12345": func(i int) row.Cell { a, b := number(i); return row.TextCell(a + "-" + b) },
		"9845012345":  func(i int) row.Cell { a, b := number(i); return row.TextCell(a + b) },
		"#9845012345": func(i int) row.Cell { a, b := number(i); return textOrNumber("#" + a + b) },
	}
	for _, from := range []string{"98450 12345", "98450-12345"} {
		was := written[from]
		for to, is := range written {
			for _, header := range [][]string{{"Phone"}, {"Phone", "Plan"}} {
				for _, n := range []int{6, 12, 60} {
					t.Run(fmt.Sprintf("%s to %s/%d columns/%d rows", from, to, len(header), n), func(t *testing.T) {
						of := func(cell func(int) row.Cell, n int) wholeSheet {
							s := wholeSheet{Header: row.HeaderOf(slices.Clone(header))}
							for i := range n {
								s.Rows = append(s.Rows, row.Row{Number: i + 2, Cells: []row.Cell{cell(i), row.TextCell("Gold")}[:len(header)]})
							}
							return s
						}
						o := detect.Options{Require: []string{"Phone"}}
						c := begin(of(was, n), o, 1<<30, 1, start).Cursor
						r := diff(c, of(is, n+1), o, start.Add(time.Minute))
						if len(r.Found) != 1 || r.Found[0].Row != n+2 || r.Found[0].State != detect.Ready {
							t.Errorf("found %+v, want row %d; doubt %q", r.Found, n+2, r.Doubt)
						}
					})
				}
			}
		}
	}
}
