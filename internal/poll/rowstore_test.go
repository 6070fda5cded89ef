package poll

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/rowtap/rowtap/internal/row"
)

// TestRowStore checks that every row is found by its number, for any number of rows and in any
// order, and that no other row is.
func TestRowStore(t *testing.T) {
	packer, err := newPacker()
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.SampledFrom([]int{0, 1, packedRows, looseRows - 1, looseRows, looseRows + 1, 2*looseRows + 700}).Draw(t, "rows")
		part := rapid.IntRange(1, 3000).Draw(t, "part")
		gap := rapid.IntRange(1, 3).Draw(t, "gap")
		var rows []row.Row
		for i := range n {
			rows = append(rows, row.Row{Number: 2 + i*gap, Cells: []row.Cell{
				row.TextCell(fmt.Sprint("user-", i)), row.NumberCell(float64(i) / 7), {}, row.BoolCell(i%2 == 0),
			}[:i%5%4+1]})
		}
		s := rowStore{packer: packer}
		for part := range slices.Chunk(rows, part) {
			if err := s.add(part...); err != nil {
				t.Fatal(err)
			}
		}
		for range min(n, 50) {
			want := rows[rapid.IntRange(0, n-1).Draw(t, "row")]
			got, ok := s.row(want.Number)
			if !ok || got.Number != want.Number || !slices.Equal(got.Cells, want.Cells) {
				t.Fatalf("row %d of %d is %+v, %v; want %+v", want.Number, n, got, ok, want)
			}
			if gap > 1 {
				if got, ok := s.row(want.Number + 1); ok {
					t.Fatalf("row %d is %+v, want none", want.Number+1, got)
				}
			}
		}
		if got, ok := s.row(2 + n*gap); ok {
			t.Fatalf("a row after the last one: %+v", got)
		}
	})
}
