package poll

import (
	"context"
	"slices"

	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/row"
)

// maxCorrected bounds the failed rows whose cells a poll compares with the sheet, the newest first.
const maxCorrected = 100

// openChange is a change of the sheet row of an open delivery: one that is waiting, failed or held.
type openChange struct {
	detect.Change        // for this delivery, which may not be the row's first
	first         uint64 // the row's first delivery, which identifies the row in detection
	action        int    // index of the delivery's action
	requeue       bool   // the delivery failed, and cells used in its record have changed
	lapsed        bool   // the delivery waits for a row deleted too long ago to come back
}

// openChanges returns the changes that matter to open deliveries: those of the comparison, and
// failed rows whose cells differ from those that failed because they were corrected while queued or
// in an ignored column.
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
			f.requeue = d.State == ledger.Failed && ch.Kind == detect.Edited && !sameCells(columns, d, p.header, now)
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
			f.requeue = true
			changes = append(changes, f)
		}
	}
	return changes, nil
}

// lapsed returns changes for the deliveries that wait for rows which were deleted before they were
// complete. These rows would be new if they came back now, so the deliveries can no longer be sent.
func (p *poll) lapsed(ctx context.Context) ([]openChange, error) {
	if p.windowed || p.stored.Counts.Waiting == 0 {
		return nil, nil
	}
	waiting := map[uint64]bool{}
	for first, state := range p.open {
		if state == detect.OpenWaiting {
			waiting[first] = true
		}
	}
	lost := p.result.Cursor.Forgotten(waiting, p.recipe.ReadOptions(), p.poller.opts.Now())
	if len(lost) == 0 {
		return nil, nil
	}
	ds, err := p.poller.opts.Ledger.Deliveries(ctx, ledger.Query{Zap: p.recipe.Name, State: ledger.Waiting})
	if err != nil {
		return nil, err
	}
	var changes []openChange
	for _, d := range ds {
		stay, ok := p.stored.Stay(d)
		// Rows of another worksheet are left alone: the zap may watch it again.
		here := ok && stay.SpreadsheetID == p.recipe.Trigger.SpreadsheetID && stay.GID == p.sheet.gid
		if d.DeletedInSheet && lost[d.Origin()] && here {
			f := p.changeOf(d, detect.Change{Kind: detect.Deleted, Row: d.Row.Number})
			f.lapsed = true
			changes = append(changes, f)
		}
	}
	return changes, nil
}

// changeOf returns the change of a row for one of the row's deliveries.
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

// sameCells reports whether a sheet row has the cells of a delivery in the given columns. Polls
// read dates as numbers without a shape, so shapes are not compared.
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

// ledger returns the ledger's form of the change. r is the row with typed cells.
func (f openChange) ledger(r row.Row) ledger.Change {
	c := ledger.Change{Delivery: f.Delivery, Row: &r, Reason: f.Reason}
	deleted := false
	switch f.Kind {
	case detect.BecameReady:
		c.State = ledger.Queued
	case detect.BecameHeld:
		c.State = ledger.Held
	case detect.Edited:
		if f.requeue {
			c.State, c.Reason = ledger.Queued, "corrected in the sheet"
		}
	case detect.Deleted:
		deleted, c.Row = true, nil
		c.DeletedInSheet = &deleted
		c.Reason = "row deleted from the sheet"
		if f.lapsed {
			c.State, c.Reason = ledger.Discarded, "row deleted from the sheet before it was complete, and not restored within a day"
		}
	case detect.Back:
		c.DeletedInSheet = &deleted
	case detect.Moved:
	}
	return c
}
