package detect_test

import (
	"maps"
	"slices"
	"time"

	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/row"
)

// wholeSheet is a worksheet as read at one time.
type wholeSheet struct {
	Header row.Header
	Rows   []row.Row // rows below the header that are not blank, in sheet order
}

// readingOf returns the reading of a table.
func readingOf(t wholeSheet, o detect.Options) *detect.Reading {
	r := detect.NewReading(t.Header, o, len(t.Rows)/2)
	for page := range slices.Chunk(t.Rows, 1000) {
		r.Add(page...)
	}
	return r
}

// outcome is a result with its table and with the deliveries that a ledger would report as open.
type outcome struct {
	detect.Result
	table wholeSheet
	open  map[uint64]detect.Open
}

// row returns the table's row with the given sheet row number.
func (o outcome) row(number int) row.Row {
	for _, r := range o.table.Rows {
		if r.Number == number {
			return r
		}
	}
	return row.Row{Number: number}
}

func begin(t wholeSheet, o detect.Options, oldTo int, next uint64, now time.Time) outcome {
	return outcome{table: t}.took(detect.Begin(readingOf(t, o), o, oldTo, next, now))
}

func diff(c detect.Cursor, t wholeSheet, o detect.Options, now time.Time) outcome {
	return outcome{table: t, open: o.Open}.took(detect.Diff(c, readingOf(t, o), o, now))
}

// then polls again.
func (o outcome) then(t wholeSheet, opts detect.Options, now time.Time) outcome {
	opts.Open = o.open
	return diff(o.Cursor, t, opts, now)
}

// took returns the outcome after a ledger has committed a result.
func (o outcome) took(r detect.Result) outcome {
	o.Result = r
	o.open = maps.Clone(o.open)
	if o.open == nil {
		o.open = map[uint64]detect.Open{}
	}
	for _, f := range r.Found {
		switch f.State {
		case detect.Waiting:
			o.open[f.Delivery] = detect.OpenWaiting
		case detect.Held:
			o.open[f.Delivery] = detect.OpenHeld
		case detect.Ready, detect.Skipped:
		}
	}
	for _, ch := range r.Changes {
		switch ch.Kind {
		case detect.BecameReady:
			delete(o.open, ch.Delivery)
		case detect.BecameHeld:
			o.open[ch.Delivery] = detect.OpenHeld
		case detect.Edited, detect.Deleted, detect.Back, detect.Moved:
		}
	}
	return o
}
