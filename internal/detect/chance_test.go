package detect_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/row"
)

// manyPeople are sheets of thousands of people with few columns that identify them.
var manyPeople = []struct {
	name    string
	columns []string
	require []string
	cells   func(i int, intn func(int) int) []row.Cell
}{
	{"an e-mail address", []string{"Email"}, nil, func(i int, _ func(int) int) []row.Cell {
		return []row.Cell{emailOf(i)}
	}},
	{"required", []string{"Email", "Plan"}, []string{"Email"}, func(i int, intn func(int) int) []row.Cell {
		return []row.Cell{emailOf(i), choice("plan", intn(3))}
	}},
	{"not required", []string{"Email", "Plan", "Signed up"}, nil, func(i int, intn func(int) int) []row.Cell {
		return []row.Cell{emailOf(i), choice("plan", intn(3)), row.NumberCell(46_000 + float64(i)/1440)}
	}},
	{"two required", []string{"Email", "Plan", "Note"}, []string{"Email", "Plan"}, func(i int, intn func(int) int) []row.Cell {
		return []row.Cell{emailOf(i), choice("plan", intn(3)), row.TextCell(fmt.Sprint("note ", i))}
	}},
	{"amounts", []string{"Email", "City", "Amount", "Day"}, nil, func(i int, intn func(int) int) []row.Cell {
		return []row.Cell{emailOf(i), choice("city", intn(50)), row.NumberCell(float64(intn(20_000)) / 100), row.NumberCell(46_000 + float64(i)/1440)}
	}},
	{"names", []string{"Email", "Name", "City"}, nil, func(i int, intn func(int) int) []row.Cell {
		return []row.Cell{emailOf(i), row.TextCell(fmt.Sprintf("First%d Last%d", intn(500), intn(2000))), choice("city", intn(2))}
	}},
}

func emailOf(i int) row.Cell { return row.TextCell(fmt.Sprintf("u%d@example.com", i)) }

func choice(name string, n int) row.Cell { return row.TextCell(fmt.Sprint(name, n)) }

// TestOtherPeopleEverywhere: all rows are replaced by other people. Each of them is new or held,
// even if some share cells with people who were there, or folded hashes collide.
func TestOtherPeopleEverywhere(t *testing.T) {
	sizes := []struct{ rows, bits int }{{6000, 20}}
	if !testing.Short() {
		sizes = append(sizes, struct{ rows, bits int }{200_000, 32})
	}
	for _, size := range sizes {
		for _, tt := range manyPeople {
			if size.rows > 6000 && tt.name != "required" {
				continue
			}
			t.Run(fmt.Sprintf("%s/%d", tt.name, size.rows), func(t *testing.T) {
				o := detect.Options{Require: tt.require}
				read := func(from int) *detect.Reading {
					intn := rand.New(rand.NewPCG(uint64(from), 1)).IntN
					r := detect.NewReading(row.HeaderOf(tt.columns), o, size.rows)
					for i := range size.rows {
						r.Add(row.Row{Number: i + 2, Cells: tt.cells(from+i, intn)})
					}
					r.NarrowFolds(size.bits)
					return r
				}
				c := detect.Begin(read(0), o, 1<<30, 1, start).Cursor
				r := detect.Diff(c, read(size.rows), o, start.Add(time.Minute))
				if r.Doubt == "" {
					t.Fatalf("not doubted: %d found", len(r.Found))
				}
				r = detect.Diff(r.Cursor, read(size.rows), o, start.Add(2*time.Minute))
				if r.Doubt != "" || len(r.Found) != size.rows {
					t.Errorf("doubt %q, %d of %d found", r.Doubt, len(r.Found), size.rows)
				}
			})
		}
	}
}

// TestReplacedMemory: if all rows are replaced, the memory of a comparison is bounded by a multiple
// of the cursor and the reading: at most 400 bytes a row of ten columns in all.
func TestReplacedMemory(t *testing.T) {
	const rows, known, most = 50_000, 210, 400
	r := detect.Begin(readPeople(0, rows, nil), detect.Options{}, 1<<30, 1, start)
	for range 2 {
		read := readPeople(rows, 2*rows, nil)
		if peak := peakHeap(func() { r = detect.Diff(r.Cursor, read, detect.Options{}, start.Add(time.Minute)) }); peak > rows*(most-known) {
			t.Errorf("doubt %q: %d bytes a row besides cursor and reading, want at most %d", r.Doubt, peak/rows, most-known)
		}
	}
	if len(r.Found) != rows {
		t.Errorf("%d of %d found", len(r.Found), rows)
	}
}
