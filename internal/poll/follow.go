package poll

import (
	"context"
	"slices"

	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/row"
)

// correctedAtOnce bounds the failed rows whose cells are compared with the sheet at a poll, the
// newest first.
const correctedAtOnce = 100

// openChange is a change of the sheet row of an open delivery: one that waits, failed or is held.
type openChange struct {
	detect.Change        // of this delivery, be it the row's first or not
	first         uint64 // the row's first delivery, by which detection knows the row
	action        int    // which it is for
	again         bool   // it failed, and the cells of which its record is made have changed: it is queued again
	lapsed        bool   // it waits for a row that was deleted so long ago that it cannot come back
}

// openChanges returns the changes that matter to open deliveries: those of the comparison, and
// failed rows whose cells are no longer those that failed, because they were corrected while
// queued, or in a column that is ignored.
func (p *poll) openChanges(ctx context.Context) ([]openChange, error) {
	result := p.result
	changes, err := p.lapsed(ctx)
	if err != nil || len(result.Changes) == 0 && len(p.failed) == 0 {
		return changes, err
	}
	open := map[uint64][]ledger.Delivery{} // by the row's first delivery
	if slices.ContainsFunc(result.Changes, func(ch detect.Change) bool { return p.open[ch.Delivery] != 0 }) {
		for _, state := range []ledger.State{ledger.Waiting, ledger.Held, ledger.Failed} {
			ds, err := p.poller.opts.Ledger.Deliveries(ctx, ledger.Query{Zap: p.recipe.Name, State: state})
			if err != nil {
				return nil, err
			}
			for _, d := range ds {
				open[d.Origin()] = append(open[d.Origin()], d)
			}
		}
	}
	bound, err := p.recipe.Mapping.Bind(p.header)
	if err != nil {
		return nil, err
	}
	columns := bound.Columns()
	told := map[uint64]bool{}
	for _, ch := range result.Changes {
		now, _ := p.cells.row(ch.Row)
		for _, d := range open[ch.Delivery] {
			f := p.changeOf(d, ch)
			f.again = d.State == ledger.Failed && ch.Kind == detect.Edited && !sameCells(columns, d, p.header, now)
			changes = append(changes, f)
			told[d.Number] = true
		}
	}
	at := rowsOf(result.Cursor, p.failed)
	for _, d := range p.failed {
		number, ok := at[d.Origin()]
		if !ok || told[d.Number] {
			continue
		}
		if now, read := p.cells.row(number); read && !sameCells(columns, d, p.header, now) {
			f := p.changeOf(d, detect.Change{Kind: detect.Edited, Row: number})
			f.again = true
			changes = append(changes, f)
		}
	}
	return changes, nil
}

// lapsed returns the deliveries that wait for rows which were deleted before they were complete,
// and would be new rows if they came back now: nothing can become of them.
func (p *poll) lapsed(ctx context.Context) ([]openChange, error) {
	if p.tails || p.snapshot.Counts.Waiting == 0 {
		return nil, nil
	}
	waiting := map[uint64]bool{}
	for first, state := range p.open {
		if state == detect.OpenWaiting {
			waiting[first] = true
		}
	}
	lost := p.result.Cursor.Forgotten(waiting, p.poller.opts.Now())
	if len(lost) == 0 {
		return nil, nil
	}
	ds, err := p.poller.opts.Ledger.Deliveries(ctx, ledger.Query{Zap: p.recipe.Name, State: ledger.Waiting})
	if err != nil {
		return nil, err
	}
	var lapsed []openChange
	for _, d := range ds {
		stay, ok := p.snapshot.Stay(d)
		here := ok && stay.SpreadsheetID == p.recipe.Trigger.SpreadsheetID && stay.GID == p.sheet.gid // another worksheet's may be looked at again
		if d.DeletedInSheet && lost[d.Origin()] && here {
			f := p.changeOf(d, detect.Change{Kind: detect.Deleted, Row: d.Row.Number})
			f.lapsed = true
			lapsed = append(lapsed, f)
		}
	}
	return lapsed, nil
}

// changeOf returns a change of a row as one of a delivery for that row.
func (p *poll) changeOf(d ledger.Delivery, ch detect.Change) openChange {
	f := openChange{Change: ch, first: d.Origin()}
	f.Delivery = d.Number
	f.action, _ = p.recipe.ActionOf(d)
	f.action = max(f.action, 0)
	return f
}

// rowsOf returns the sheet rows of deliveries, by the rows' first deliveries.
func rowsOf(c detect.Cursor, ds []ledger.Delivery) map[uint64]int {
	wanted := make(map[uint64]bool, len(ds))
	for _, d := range ds {
		wanted[d.Origin()] = true
	}
	at := make(map[uint64]int, len(ds))
	for _, s := range c.Rows {
		if s.Delivery != 0 && wanted[s.Delivery] {
			at[s.Delivery] = int(s.Number)
		}
	}
	return at
}

// sameCells tells whether a row of the sheet has a delivery's cells in the columns given. Polls
// read dates as numbers, which have no shape.
func sameCells(columns []string, d ledger.Delivery, h row.Header, now row.Row) bool {
	cell := func(h row.Header, r row.Row, column string) row.Cell {
		i, ok := h.Index(column)
		if !ok {
			return row.Cell{}
		}
		c := r.Cell(i)
		if c.Kind == row.Date {
			c.Kind, c.Shape = row.Number, row.ShapeUnknown
		}
		return c
	}
	was := d.Header.Updated(h)
	return !slices.ContainsFunc(columns, func(column string) bool {
		return cell(was, d.Row, column) != cell(h, now, column)
	})
}

// ledger returns what the ledger records of the change; r is its row with typed cells.
func (f openChange) ledger(r row.Row) ledger.Change {
	c := ledger.Change{Delivery: f.Delivery, Row: &r, Reason: f.Reason}
	deleted := false
	switch f.Kind {
	case detect.BecameReady:
		c.State = ledger.Queued
	case detect.BecameHeld:
		c.State = ledger.Held
	case detect.Edited:
		if f.again {
			c.State = ledger.Queued
		}
	case detect.Deleted:
		deleted, c.Row = true, nil
		c.DeletedInSheet = &deleted
		c.Reason = "its row was deleted from the sheet"
		if f.lapsed {
			c.State, c.Reason = ledger.Discarded, "its row was deleted from the sheet before it was complete, and did not come back for a day"
		}
	case detect.Back:
		c.DeletedInSheet = &deleted
	case detect.Moved:
	}
	return c
}
