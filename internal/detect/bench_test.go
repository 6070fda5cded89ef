package detect_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/row"
)

// BenchmarkDiff compares worksheets of 8 columns, including the hashing of what was read.
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

// BenchmarkTail compares windows with nothing new, and with ten new rows.
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
					if r, how := detect.DiffTail(c, readingOf(last, detect.Options{}), w, detect.Options{}, start.Add(time.Minute)); how != detect.Conclusive || len(r.Found) != added {
						b.Fatalf("%d found, %d", len(r.Found), how)
					}
				})
			})
		}
	}
}

// person returns the cells of a person; five of the ten columns identify people.
func person(i int) []row.Cell {
	intn := rand.New(rand.NewPCG(uint64(i), 10)).IntN
	return []row.Cell{
		emailOf(i),
		row.TextCell(fmt.Sprintf("First%d Last%d", intn(500), intn(2000))),
		row.TextCell(fmt.Sprintf("+91 9%09d", intn(1e9))),
		choice("city", intn(50)), choice("country", intn(7)), choice("plan", intn(3)), choice("source", intn(5)),
		row.NumberCell(float64(intn(101))),
		row.NumberCell(float64(intn(100_000)) / 100),
		row.NumberCell(46_000 + float64(i)/1440),
	}
}

// readPeople reads a worksheet with the people from one number up to another, page by page.
func readPeople(from, to int, change func(i int, cells []row.Cell)) *detect.Reading {
	h := row.HeaderOf([]string{"Email", "Name", "Phone", "City", "Country", "Plan", "Source", "Score", "Amount", "Signed up"})
	r := detect.NewReading(h, detect.Options{}, to-from)
	var page []row.Row
	for i := from; i < to; i++ {
		cells := person(i)
		if change != nil {
			change(i, cells)
		}
		page = append(page, row.Row{Number: i - from + 2, Cells: cells})
		if len(page) == 1000 || i == to-1 {
			r.Add(page...)
			page = page[:0]
		}
	}
	return r
}

// peakHeap returns the growth of the heap's objects while do runs, in bytes at the peak. The
// garbage collector is set as for large worksheets.
func peakHeap(do func()) int {
	defer debug.SetGCPercent(debug.SetGCPercent(5))
	runtime.GC()
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	now := func() int {
		metrics.Read(sample)
		return int(sample[0].Value.Uint64())
	}
	before := now()
	peak, done, wg := before, make(chan struct{}), sync.WaitGroup{}
	wg.Go(func() {
		for tick := time.NewTicker(time.Millisecond); ; {
			select {
			case <-done:
				tick.Stop()
				return
			case <-tick.C:
				peak = max(peak, now())
			}
		}
	})
	do()
	close(done)
	wg.Wait()
	return max(peak, now()) - before
}

// BenchmarkPeople compares worksheets of 10 columns that are hashed already: the time and memory of
// the comparison alone. For a doubtful read they include the read that confirms it.
func BenchmarkPeople(b *testing.B) {
	for _, rows := range []int{100_000, 1_000_000} {
		if rows == 1_000_000 && testing.Short() {
			continue
		}
		c := detect.Begin(readPeople(0, rows, nil), detect.Options{}, 1<<30, 1, start).Cursor
		for _, bb := range []struct {
			name     string
			from, to int
			change   func(i int, cells []row.Cell)
		}{
			{"unchanged", 0, rows, nil},
			{"appended", 0, rows + 10, nil},
			{"one column recalculated", 0, rows, func(i int, cells []row.Cell) { cells[7] = row.NumberCell(float64(i * 31 % 977)) }},
			{"everything replaced", rows, 2 * rows, nil},
		} {
			b.Run(fmt.Sprintf("%s/%d", bb.name, rows), func(b *testing.B) {
				b.ReportAllocs()
				peak := 0
				for b.Loop() {
					r := detect.Result{Cursor: c, Doubt: "not compared yet"}
					for r.Doubt != "" {
						b.StopTimer()
						read := readPeople(bb.from, bb.to, bb.change)
						b.StartTimer()
						peak = max(peak, peakHeap(func() { r = detect.Diff(r.Cursor, read, detect.Options{}, start.Add(time.Minute)) }))
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(rows), "ns/row")
				b.ReportMetric(float64(peak)/float64(rows), "peak-B/row")
			})
		}
	}
}

// perRow measures an operation on a worksheet of the given number of rows.
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

// renumbered returns a table with changed rows, numbered again.
func renumbered(t wholeSheet, change func([]row.Row) []row.Row) wholeSheet {
	t.Rows = change(slices.Clone(t.Rows))
	for i := range t.Rows {
		t.Rows[i].Number = i + 2
	}
	return t
}

// recalculated returns a table with other values in the given columns.
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

// editedEach returns a table with another value in one cell of each row, in alternating columns.
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
