package row

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// TestCellStored: every cell survives a round trip, and the bytes after it are left over.
func TestCellStored(t *testing.T) {
	cell := rapid.Custom(func(t *rapid.T) Cell {
		num := rapid.OneOf(rapid.Float64(), rapid.Map(rapid.Int64Range(-1<<54, 1<<54), func(i int64) float64 { return float64(i) }),
			rapid.SampledFrom([]float64{0, math.Copysign(0, -1), math.Inf(1), 1 << 53})).Draw(t, "num")
		switch rapid.IntRange(0, 4).Draw(t, "kind") {
		case 1:
			return Cell{Kind: Text, Text: rapid.String().Draw(t, "text")}
		case 2:
			return NumberCell(num)
		case 3:
			return BoolCell(rapid.Bool().Draw(t, "bool"))
		case 4:
			c := DateCell(num)
			c.Shape = Shape(rapid.IntRange(0, int(ShapeDuration)).Draw(t, "shape"))
			return c
		}
		return Cell{}
	})
	rapid.Check(t, func(t *rapid.T) {
		want, rest := cell.Draw(t, "cell"), rapid.String().Draw(t, "rest")
		b, err := AppendCell(nil, want)
		if err != nil {
			t.Fatal(err)
		}
		got, left, ok := CutCell(string(b) + rest)
		if !ok || got != want && !(math.IsNaN(got.Num) && math.IsNaN(want.Num)) || left != rest || math.Signbit(got.Num) != math.Signbit(want.Num) {
			t.Fatalf("%+v came back as %+v, followed by %q of %q, %v", want, got, left, rest, ok)
		}
		for n := range b {
			if _, left, ok := CutCell(string(b[:n])); ok && left != "" {
				t.Fatalf("%d of %d bytes: a cell, followed by %q", n, len(b), left)
			}
		}
	})
}

// FuzzCutCell: input is either rejected or decodes to a cell that survives a round trip.
func FuzzCutCell(f *testing.F) {
	f.Add("\x01\x03abc")
	f.Add("\x08\x02\x06\x00\x00\x00\x00\x00\x00\x00\x00")
	f.Fuzz(func(t *testing.T, s string) {
		c, rest, ok := CutCell(s)
		if !ok {
			return
		}
		b, err := AppendCell(nil, c)
		if err != nil {
			t.Fatal(err)
		}
		again, _, ok := CutCell(string(b) + rest)
		if !ok || again != c && !math.IsNaN(c.Num) {
			t.Fatalf("%+v is stored as %+v", c, again)
		}
	})
}
