package poll

import (
	"context"
	"math"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/plan"
	"github.com/rowtap/rowtap/internal/row"
)

// news tells whether there is something to commit.
func (p *poll) news(ctx context.Context) bool {
	switch {
	case p.first, !p.result.Unchanged, p.rebinds():
		return true
	case p.columns != nil, p.result.Doubt != "", len(p.failed) == 0 && p.snapshot.Counts.Waiting == 0:
		return false
	case p.cells.dropped && len(p.failed) > 0: // whether their cells were corrected shows once they are read again
		return true
	}
	p.changes, p.err = p.openChanges(ctx)
	return len(p.changes) > 0
}

// findChanges finds out which changes of known rows matter: none at a first read, nor at one that
// is not believed.
func (p *poll) findChanges(ctx context.Context) (err error) {
	if !p.first && p.columns == nil && p.result.Doubt == "" {
		p.changes, err = p.openChanges(ctx)
	}
	return err
}

// numbers returns the sheet rows that go into the ledger, in order.
func (p *poll) numbers() []int {
	numbers := make([]int, 0, len(p.result.Found)+len(p.changes))
	for _, f := range p.result.Found {
		numbers = append(numbers, f.Row)
	}
	for _, ch := range p.changes {
		if ch.Kind != detect.Deleted {
			numbers = append(numbers, ch.Row)
		}
	}
	slices.Sort(numbers)
	return slices.Compact(numbers)
}

// commit makes what was found durable, and reports it.
func (p *poll) commit(ctx context.Context) error {
	if !p.first && p.result.Unchanged && len(p.changes) == 0 && !p.rebinds() {
		return p.columns
	}
	if p.rehearses() {
		return p.rehearse()
	}
	if err := p.stillFills(ctx); err != nil {
		return err
	}
	p.poller.cache.forget(p.recipe.Name)
	c := p.commitOf()
	for _, ch := range p.changes {
		now, _ := p.shown.row(ch.Row)
		c.Changes = append(c.Changes, ch.ledger(now))
	}
	if err := p.holdOvertaken(ctx, &c); err != nil { // it maps rows, so not within the transaction
		return err
	}
	for _, f := range p.result.Found {
		n := ledger.NewRow{Row: row.Row{Number: f.Row}, State: LedgerState(f.State), Reason: f.Reason, Like: f.LikeDelivery}
		if n.LikeNew = p.result.LikeFound(f); n.LikeNew > 0 {
			n.Like = 0
		}
		switch {
		case f.Old:
			n.Reason = p.fill.note
			p.fill.sum.Queued++
		case p.skip:
			n.State, n.Reason = ledger.Skipped, SkippedByOperator
		}
		c.New = append(c.New, n)
	}
	p.cells = nil // of a hundred thousand rows, memory that is needed now
	began := time.Now()
	first, err := p.poller.opts.Ledger.Commit(ctx, p.recipe.Name, c)
	if err != nil {
		p.sheet.read = time.Time{}                // a window may not show what this read found
		p.poller.opts.Queued(p.recipe.Name, true) // it may have been written all the same
		return err
	}
	p.poller.opts.Committed(began)
	p.announce(c, first)
	return p.columns
}

// holdOvertaken holds corrected profile rows whose user a newer row has updated since: sent now,
// they would overwrite newer values.
func (p *poll) holdOvertaken(ctx context.Context, c *ledger.Poll) error {
	if !slices.ContainsFunc(p.changes, func(ch openChange) bool { return ch.again }) {
		return nil
	}
	corrected, users := map[int]plan.User{}, map[plan.User]bool{} // by index into the changes
	oldest := uint64(math.MaxUint64)
	bound, err := p.recipe.Mapping.Bind(p.header)
	if err != nil {
		return err
	}
	zone, _ := row.Zone(c.Zone) // find refuses an unknown one
	for i, ch := range p.changes {
		if !ch.again || !p.recipe.Updates(ch.action) {
			continue
		}
		if id, err := bound.Identity(ch.action, *c.Changes[i].Row, mapping.Context{Zone: zone}); err == nil {
			corrected[i] = plan.User{Action: p.recipe.Actions[ch.action].Name, Identity: id}
			users[corrected[i]] = true
			oldest = min(oldest, ch.first)
		}
	}
	if len(corrected) == 0 {
		return nil
	}
	newer, err := plan.UpdatesSince(ctx, p.poller.opts.Ledger, p.recipe, oldest, users)
	if err != nil {
		return err
	}
	for i, who := range corrected {
		if newer.Than(who, p.changes[i].first) {
			c.Changes[i].State = ledger.Held
			c.Changes[i].Reason = "it was corrected, but a newer row has updated the same user since, or is past state.history and may have: release --again sends it all the same"
		}
	}
	return nil
}

// commitOf makes the commit of a result, without its rows.
func (p *poll) commitOf() ledger.Poll {
	return ledger.Poll{
		SpreadsheetID: p.recipe.Trigger.SpreadsheetID,
		GID:           p.sheet.gid,
		Title:         p.named(),
		Shown:         p.sheet.title,
		Start:         p.start(),
		Cursor:        p.cursorUpdate,
		Cells:         p.shownCells,
		Doubted:       p.result.Doubt != "",
		Header:        p.header,
		Zone:          p.sheet.zone,
		Action:        p.recipe.Actions[0].Name,
		Shadow:        p.recipe.Shadow,
		At:            p.poller.opts.Now(),
	}
}

// shownCells returns the cells of the new row of an index. They stay compressed until they are
// stored.
func (p *poll) shownCells(i int) []row.Cell {
	r, _ := p.shown.row(p.result.Found[i].Row)
	return r.Cells
}

// cursorUpdate returns what changes of the stored cursor, in which the new rows have the deliveries
// from first on.
func (p *poll) cursorUpdate(first uint64) ledger.CursorUpdate {
	if p.result.Unchanged {
		return ledger.CursorUpdate{}
	}
	p.result.Renumber(first)
	n, changed := p.result.Cursor.Since(p.cursor)
	return ledger.CursorUpdate{Chunks: n, Changed: changed}
}

// announce reports and logs what a commit did, whose first new row is the delivery first, and that
// there are rows to send.
func (p *poll) announce(c ledger.Poll, first uint64) {
	report := &p.report
	for _, n := range c.New {
		switch n.State {
		case ledger.Waiting:
			report.Waiting++
		case ledger.Held:
			report.Held++
		default:
		}
	}
	p.poller.opts.Found(p.recipe.Name, c, first)
	if report.Baseline {
		p.log.Info("worksheet read for the first time: rows added from now on are new",
			zap.String("worksheet", p.sheet.title), zap.Int("rows there", report.Rows), zap.Int("of these sent", report.Found))
	} else if report.Found > 0 {
		p.log.Info("new rows", zap.Int("found", report.Found), zap.Int("waiting", report.Waiting), zap.Int("held", report.Held))
	}
	p.announceLapsed(c)
	if report.Held > 0 {
		p.log.Warn("rows are held for an operator", zap.Int("held", report.Held), zap.String("next", "rowtap history "+p.recipe.Name+" --state held"))
	}
	if len(c.New)+len(c.Changes) > 0 {
		p.poller.opts.Queued(p.recipe.Name, len(c.Changes) > 0)
	}
}

// announceLapsed reports which waiting rows were discarded.
func (p *poll) announceLapsed(c ledger.Poll) {
	lapsed := 0
	for i, ch := range p.changes {
		if !ch.lapsed {
			continue
		}
		lapsed++
		change := c.Changes[i]
		p.poller.opts.Lapsed(p.recipe.Name, ch.Row, ledger.Outcome{Number: change.Delivery, State: change.State, Reason: change.Reason})
	}
	if lapsed > 0 {
		p.log.Info("waiting rows are discarded: they were deleted from the sheet a day ago", zap.Int("rows", lapsed))
	}
}
