package detect_test

import (
	"slices"
	"time"

	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/row"
)

// wholeSheet is a worksheet as it was read at one time.
type wholeSheet struct {
	Header row.Header
	Rows   []row.Row // those below the header that are not blank, in sheet order
}

// readingOf reads a table.
func readingOf(t wholeSheet, o detect.Options) *detect.Reading {
	r := detect.NewReading(t.Header, o.Key, len(t.Rows)/2)
	for page := range slices.Chunk(t.Rows, 1000) {
		r.Add(page...)
	}
	return r
}

// outcome is a result, and the table it is of.
type outcome struct {
	detect.Result
	table wholeSheet
}

// row returns the row of the table that stands in a sheet row.
func (o outcome) row(number int) row.Row {
	for _, r := range o.table.Rows {
		if r.Number == number {
			return r
		}
	}
	return row.Row{Number: number}
}

func begin(t wholeSheet, o detect.Options, oldTo int, next uint64, now time.Time) outcome {
	return outcome{detect.Begin(readingOf(t, o), o, oldTo, next, now), t}
}

func diff(c detect.Cursor, t wholeSheet, o detect.Options, now time.Time) outcome {
	return outcome{detect.Diff(c, readingOf(t, o), o, now), t}
}
