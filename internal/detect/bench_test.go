package detect_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/row"
)

// BenchmarkDiff compares a worksheet of 100,000 rows and 8 columns.
func BenchmarkDiff(b *testing.B) {
	const rows = 100_000
	base := bigTable(rows)
	c := begin(base, detect.Options{}, 1<<30, 1, start).Cursor
	keyed := detect.Options{Key: []string{"Email"}}
	kc := begin(base, keyed, 1<<30, 1, start).Cursor
	recalculate := func(columns ...int) row.Table {
		t := row.Table{Header: base.Header}
		for _, r := range base.Rows {
			r.Cells = slices.Clone(r.Cells)
			for _, k := range columns {
				r.Cells[k] = row.NumberCell(float64(r.Number*31 + k))
			}
			t.Rows = append(t.Rows, r)
		}
		return t
	}
	shuffled := row.Table{Header: base.Header, Rows: slices.Clone(base.Rows)}
	rand.New(rand.NewPCG(1, 2)).Shuffle(rows, func(i, j int) { shuffled.Rows[i], shuffled.Rows[j] = shuffled.Rows[j], shuffled.Rows[i] })
	for i := range shuffled.Rows {
		shuffled.Rows[i].Number = i + 2
	}
	other := bigTable(2 * rows)
	other.Rows = other.Rows[rows:]
	for _, bb := range []struct {
		name string
		c    detect.Cursor
		t    row.Table
		o    detect.Options
	}{
		{"unchanged", c, base, detect.Options{}},
		{"appended", c, bigTable(rows + 10), detect.Options{}},
		{"shuffled", c, shuffled, detect.Options{}},
		{"one column recalculated", c, recalculate(6), detect.Options{}},
		{"two columns recalculated", c, recalculate(3, 6), detect.Options{}},
		{"all but the email recalculated", c, recalculate(0, 2, 3, 4, 5, 6, 7), detect.Options{}},
		{"everything replaced", c, other, detect.Options{}},
		{"keyed, shuffled", kc, shuffled, keyed},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				diff(bb.c, bb.t, bb.o, start.Add(time.Minute))
			}
		})
	}
}

func BenchmarkCodec(b *testing.B) {
	c := begin(bigTable(100_000), detect.Options{}, 1<<30, 1, start).Cursor
	chunks := c.Encode()
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c.Encode()
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := detect.Decode(slices.Values(chunks)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
