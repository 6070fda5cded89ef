package poll

import (
	"context"
	"iter"
	"slices"
	"time"

	"github.com/rowtap/rowtap/internal/row"
	"github.com/rowtap/rowtap/internal/sheets"
	"golang.org/x/sync/errgroup"
)

// shownCells is the approximate number of cells that one request reads as shown.
const shownCells = 100_000

// show reads what the sheets show for the rows that go into the ledger, because their dates are
// still numbers. All polls share one request. Many rows take more, up to four at a time.
func (v *visit) show(ctx context.Context, polls []*poll) {
	type part struct {
		polls []*poll
		asks  []sheets.ShowAsk
	}
	parts := func(yield func(part) bool) {
		var next part
		size := 0
		for _, p := range polls {
			if p.err != nil {
				continue
			}
			near := 0
			if p.partial {
				near = maxShift
			}
			p.shown = p.newStore()
			most := max(shownCells/max(p.header.Len(), 1), 1)
			for numbers := range slices.Chunk(p.numbers(), most) {
				if size += len(numbers) * p.header.Len(); size > shownCells && len(next.asks) > 0 {
					if !yield(next) {
						return
					}
					next, size = part{}, len(numbers)*p.header.Len()
				}
				ask := sheets.ShowAsk{Title: p.sheet.title, Rows: make([]row.Row, 0, len(numbers)), Near: near}
				for _, number := range numbers {
					if r, ok := p.cells.row(number); ok {
						ask.Rows = append(ask.Rows, r)
					}
				}
				if len(ask.Rows) < len(numbers) { // no row enters the ledger without its cells
					p.err, p.sheet.read = sheets.ErrTorn, time.Time{}
					break
				}
				next.polls, next.asks = append(next.polls, p), append(next.asks, ask)
			}
		}
		if len(next.asks) > 0 {
			yield(next)
		}
	}
	read := func(part part) []sheets.ShowResult {
		return v.account.Show(ctx, v.spreadsheetID, part.asks, sheets.Finishing)
	}
	for part, results := range concurrently(4, parts, read) {
		for i, p := range part.polls {
			if p.err == nil {
				p.err = results[i].Err
			}
			if p.err == nil {
				p.err = p.shown.add(results[i].Rows...)
			}
		}
	}
}

// concurrently yields each item with the result of do, in order. Up to n calls run at a time, and
// all have ended when the loop ends.
func concurrently[T, R any](n int, items iter.Seq[T], do func(T) R) iter.Seq2[T, R] {
	return func(yield func(T, R) bool) {
		type making struct {
			item T
			done chan R
		}
		var running []making
		var group errgroup.Group
		defer func() { _ = group.Wait() }() // they return no errors
		finish := func() bool {
			m := running[0]
			running = running[1:]
			return yield(m.item, <-m.done)
		}
		for item := range items {
			m := making{item, make(chan R, 1)}
			group.Go(func() error {
				m.done <- do(item)
				return nil
			})
			if running = append(running, m); len(running) == n && !finish() {
				return
			}
		}
		for len(running) > 0 && finish() {
		}
	}
}
