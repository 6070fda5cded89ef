package engine

import (
	"context"
	"slices"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/row"
)

// typed makes the commit of what was found, with date cells told from numbers.
func (p *poll) typed(ctx context.Context, w *worksheet, t row.Table, result detect.Result, changes []followed) (ledger.Poll, error) {
	c := p.commitOf(w, t, result)
	if len(result.Found)+len(changes) == 0 {
		return c, nil
	}
	var rows []row.Row
	for _, f := range result.Found {
		rows = append(rows, f.Row)
	}
	for _, ch := range changes {
		if ch.Kind != detect.Deleted {
			rows = append(rows, ch.Row)
		}
	}
	rows, err := p.account.Typed(ctx, p.recipe.Trigger.SpreadsheetID, w.title, rows)
	if err != nil {
		return c, err
	}
	typed := make(map[int]row.Row, len(rows))
	for _, r := range rows {
		typed[r.Number] = r
	}
	for _, f := range result.Found {
		n := ledger.NewRow{Delivery: f.Delivery, Row: typed[f.Row.Number], State: ledgerState(f.State), Reason: f.Reason}
		if p.skip {
			n.State, n.Reason = ledger.Skipped, "added while the zap was paused, and skipped by an operator"
		}
		c.New = append(c.New, n)
	}
	for _, ch := range changes {
		c.Changes = append(c.Changes, ch.ledger(typed[ch.Row.Number]))
	}
	return c, p.holdOvertaken(t, &c, changes)
}

// holdOvertaken holds mended profile rows whose user a newer row has updated since: sent now, they would overwrite newer values.
func (p *poll) holdOvertaken(t row.Table, c *ledger.Poll, changes []followed) error {
	if p.recipe.Action.Event != config.CreateUpdateUserProfile {
		return nil
	}
	var mended []uint64
	for _, ch := range changes {
		if ch.again {
			mended = append(mended, ch.Delivery)
		}
	}
	if len(mended) == 0 {
		return nil
	}
	updated, err := p.engine.updatedSince(p.recipe.Name, slices.Min(mended))
	if err != nil {
		return err
	}
	bound, err := p.recipe.Mapping.Bind(t.Header)
	if err != nil {
		return err
	}
	zone, _ := row.Zone(c.Zone) // find lets no zap go on with an unknown one
	for i, ch := range changes {
		if !ch.again {
			continue
		}
		id, err := bound.Identity(*c.Changes[i].Row, mapping.Context{Zone: zone})
		if err == nil && updated[id] > ch.Delivery {
			c.Changes[i].State = ledger.Held
			c.Changes[i].Reason = "it was mended, but a newer row has updated the same user since: release --again sends it all the same"
		}
	}
	return nil
}

// commitOf makes the commit of a result, without its rows.
func (p *poll) commitOf(w *worksheet, t row.Table, result detect.Result) ledger.Poll {
	return ledger.Poll{
		SpreadsheetID: p.recipe.Trigger.SpreadsheetID,
		GID:           w.gid,
		Title:         p.recipe.Trigger.Worksheet.Title,
		Cursor:        cursorOf(result),
		Header:        t.Header,
		Zone:          w.zone,
		Action:        string(p.recipe.Action.Event),
		Shadow:        p.recipe.Shadow,
		At:            wallClock(),
	}
}

// cursorOf returns the cursor to store; none where it is as it was.
func cursorOf(result detect.Result) [][]byte {
	if result.Unchanged {
		return nil
	}
	return result.Cursor.Encode()
}

func ledgerState(s detect.State) ledger.State {
	switch s {
	case detect.Ready:
		return ledger.Queued
	case detect.Waiting:
		return ledger.Waiting
	case detect.Held:
		return ledger.Held
	case detect.Skipped:
		return ledger.Skipped
	}
	return ledger.Held
}

// tell says what a commit did, and wakes the sender.
func (p *poll) tell(w *worksheet, c ledger.Poll, report *PollReport) {
	for _, n := range c.New {
		switch n.State {
		case ledger.Waiting:
			report.Waiting++
		case ledger.Held:
			report.Held++
		default:
		}
	}
	p.engine.metrics.found(p.recipe.Name, c)
	for _, n := range c.New {
		p.engine.hub.publish(Event{Zap: p.recipe.Name, Number: n.Delivery, Row: n.Row.Number, State: n.State, Message: n.Reason, At: c.At})
	}
	if report.Baseline {
		p.log.Info("worksheet read for the first time: rows added from now on are new",
			zap.String("worksheet", w.title), zap.Int("rows there", report.Rows), zap.Int("of these sent", report.Found))
	} else if report.Found > 0 {
		p.log.Info("new rows", zap.Int("found", report.Found), zap.Int("waiting", report.Waiting), zap.Int("held", report.Held))
	}
	if report.Held > 0 {
		p.log.Warn("rows are held for an operator", zap.Int("held", report.Held), zap.String("next", "rowtap history "+p.recipe.Name+" --state held"))
	}
	if len(c.New)+len(c.Changes) > 0 {
		p.engine.sender.look(p.recipe.Name, len(c.Changes) > 0)
	}
}
