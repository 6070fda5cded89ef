package detect_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/row"
)

// BenchmarkDiff compares worksheets of 8 columns, hashing what was read included.
func BenchmarkDiff(b *testing.B) {
	for _, rows := range []int{10_000, 100_000, 1_000_000} {
		if rows == 1_000_000 && testing.Short() {
			continue
		}
		base := bigTable(rows)
		c := begin(base, detect.Options{}, 1<<30, 1, start).Cursor
		keyed := detect.Options{Key: []string{"Email"}}
		shuffled := renumbered(base, func(rows []row.Row) []row.Row {
			rand.New(rand.NewPCG(1, 2)).Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
			return rows
		})
		other := bigTable(2 * rows)
		other.Rows = other.Rows[rows:]
		for _, bb := range []struct {
			name string
			t    wholeSheet
			o    detect.Options
		}{
			{"unchanged", base, detect.Options{}},
			{"appended", bigTable(rows + 10), detect.Options{}},
			{"inserted", renumbered(base, func(rows []row.Row) []row.Row {
				return slices.Insert(rows, len(rows)/2, bigTable(len(rows) + 10).Rows[len(rows):]...)
			}), detect.Options{}},
			{"shuffled", shuffled, detect.Options{}},
			{"one column recalculated", recalculated(base, 6), detect.Options{}},
			{"two columns recalculated", recalculated(base, 3, 6), detect.Options{}},
			{"all but the email recalculated", recalculated(base, 0, 2, 3, 4, 5, 6, 7), detect.Options{}},
			{"every row edited", editedEach(base), detect.Options{}},
			{"everything replaced", other, detect.Options{}},
			{"keyed, shuffled", shuffled, keyed},
		} {
			b.Run(fmt.Sprintf("%s/%d", bb.name, rows), func(b *testing.B) {
				c := c
				if len(bb.o.Key) > 0 {
					c = begin(base, bb.o, 1<<30, 1, start).Cursor
				}
				perRow(b, rows, func() { diff(c, bb.t, bb.o, start.Add(time.Minute)) })
			})
		}
	}
}

// BenchmarkTail compares windows: of nothing new, and of ten new rows.
func BenchmarkTail(b *testing.B) {
	for _, rows := range []int{10_000, 100_000, 1_000_000} {
		if rows == 1_000_000 && testing.Short() {
			continue
		}
		c := begin(bigTable(rows), detect.Options{}, 1<<30, 1, start).Cursor
		for _, added := range []int{0, 10} {
			b.Run(fmt.Sprintf("%d added/%d", added, rows), func(b *testing.B) {
				last := bigTable(rows + added)
				w, _ := c.Tail(detect.Options{})
				last.Rows = last.Rows[w.From-2:]
				perRow(b, rows, func() {
					w, _ := c.Tail(detect.Options{})
					if r, how := detect.DiffTail(c, readingOf(last, detect.Options{}), w, detect.Options{}, start.Add(time.Minute)); how != detect.TailTells || len(r.Found) != added {
						b.Fatalf("%d found, %d", len(r.Found), how)
					}
				})
			})
		}
	}
}

// perRow measures an operation on a worksheet of so many rows.
func perRow(b *testing.B, rows int, do func()) {
	b.Helper()
	b.ReportAllocs()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for b.Loop() {
		do()
	}
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(rows), "ns/row")
	b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/float64(b.N)/float64(rows), "B/row")
}

// renumbered returns a table with other rows, in their places.
func renumbered(t wholeSheet, change func([]row.Row) []row.Row) wholeSheet {
	t.Rows = change(slices.Clone(t.Rows))
	for i := range t.Rows {
		t.Rows[i].Number = i + 2
	}
	return t
}

// recalculated returns a table with other values in some columns.
func recalculated(t wholeSheet, columns ...int) wholeSheet {
	t.Rows = slices.Clone(t.Rows)
	for i, r := range t.Rows {
		t.Rows[i].Cells = slices.Clone(r.Cells)
		for _, k := range columns {
			t.Rows[i].Cells[k] = row.NumberCell(float64(r.Number*31 + k))
		}
	}
	return t
}

// editedEach returns a table with another value in a cell of each row, now in this column and now
// in that.
func editedEach(t wholeSheet) wholeSheet {
	t.Rows = slices.Clone(t.Rows)
	for i, r := range t.Rows {
		t.Rows[i].Cells = slices.Clone(r.Cells)
		t.Rows[i].Cells[i%len(r.Cells)] = row.NumberCell(float64(r.Number * 31))
	}
	return t
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
