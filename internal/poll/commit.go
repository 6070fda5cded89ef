package poll

import (
	"context"
	"math"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/plan"
	"github.com/rowtap/rowtap/internal/row"
)

// news reports whether there is something to commit.
func (p *poll) news(ctx context.Context) bool {
	switch {
	case p.first, !p.result.Unchanged, p.rebinds():
		return true
	case p.columns != nil, p.result.Doubt != "", len(p.failed) == 0 && p.stored.Counts.Waiting == 0:
		return false
	// The failed rows have to be read again to compare their cells.
	case p.cells.dropped && len(p.failed) > 0:
		return true
	}
	p.changes, p.err = p.openChanges(ctx)
	return len(p.changes) > 0
}

// findChanges finds the changes of known rows that matter. A first read, or a read in doubt, has
// none.
func (p *poll) findChanges(ctx context.Context) (err error) {
	if !p.first && p.columns == nil && p.result.Doubt == "" {
		p.changes, err = p.openChanges(ctx)
	}
	return err
}

// numbers returns the sheet rows that go into the ledger, sorted.
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

// commit stores the result and reports it.
func (p *poll) commit(ctx context.Context) error {
	if !p.first && p.result.Unchanged && len(p.changes) == 0 && !p.rebinds() {
		return p.columns
	}
	if p.isDryRun() {
		return p.dryRun()
	}
	if err := p.checkPaused(ctx); err != nil {
		return err
	}
	p.poller.cache.forget(p.recipe.Name)
	c := p.commitOf()
	for _, ch := range p.changes {
		now, _ := p.shown.row(ch.Row)
		change := ch.ledger(now)
		if ch.Kind != detect.Deleted {
			change.Key = p.result.Cursor.KeyAt(ch.Row)
		}
		c.Changes = append(c.Changes, change)
	}
	if err := p.holdOvertaken(ctx, &c); err != nil { // outside of the transaction: it maps rows
		return err
	}
	for _, f := range p.result.Found {
		n := ledger.NewRow{Row: row.Row{Number: f.Row}, State: LedgerState(f.State), Reason: f.Reason, Like: f.LikeDelivery, Key: f.Key, Repeat: f.Repeat, Old: f.Old}
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
	p.cells = nil // free the memory: there may be 100,000 rows
	began := time.Now()
	first, err := p.poller.opts.Ledger.Commit(ctx, p.recipe.Name, c)
	if err != nil {
		// A window may not show the rows of this read again, and the commit may have been written
		// despite the error.
		p.sheet.read = time.Time{}
		p.poller.opts.Queued(p.recipe.Name, true)
		return err
	}
	p.poller.opts.Committed(began)
	p.announce(c, first)
	return p.columns
}

// holdOvertaken holds corrected profile rows whose user has since been updated by a newer row: sent
// now, they would overwrite newer values.
func (p *poll) holdOvertaken(ctx context.Context, c *ledger.Poll) error {
	if !slices.ContainsFunc(p.changes, func(ch openChange) bool { return ch.requeue }) {
		return nil
	}
	corrected, users := map[int]plan.User{}, map[plan.User]bool{} // by index into the changes
	oldest := uint64(math.MaxUint64)
	bound, err := p.recipe.Mapping.Bind(p.header)
	if err != nil {
		return err
	}
	zone, _ := row.Zone(c.Zone) // find rejects unknown zones
	for i, ch := range p.changes {
		if !ch.requeue || !p.recipe.Updates(ch.action) {
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
			c.Changes[i].Reason = "corrected, but a newer row has updated the same user since, or may have if it is past state.history; release --again sends it anyway"
		}
	}
	return nil
}

// commitOf returns the commit of the result, without its rows.
func (p *poll) commitOf() ledger.Poll {
	return ledger.Poll{
		SpreadsheetID: p.recipe.Trigger.SpreadsheetID,
		GID:           p.sheet.gid,
		Title:         p.namedTitle(),
		Shown:         p.sheet.title,
		Start:         p.start(),
		Cursor:        p.cursorUpdate,
		Keys:          p.keys(),
		Cells:         p.shownCells,
		Doubted:       p.result.Doubt != "",
		Header:        p.header,
		Zone:          p.sheet.zone,
		Action:        p.recipe.Actions[0].Name,
		Shadow:        p.recipe.Shadow,
		At:            p.poller.opts.Now(),
	}
}

// keys returns what the ledger needs to know about keys; nil if the read does not show them.
func (p *poll) keys() *ledger.Keys {
	if p.columns != nil || p.result.Doubt != "" {
		return nil
	}
	cursor := &p.result.Cursor
	k := &ledger.Keys{By: cursor.KeyedBy, Skip: p.recipe.Trigger.Repeats == config.RepeatsSkip}
	for _, one := range p.result.Keys {
		k.Known = append(k.Known, ledger.KnownKey(one))
	}
	k.All = func() []ledger.KnownKey {
		before := cursor.Next
		if len(p.result.Found) > 0 {
			before = p.result.Found[0].Delivery
		}
		keys := cursor.AllKeys(before)
		all := make([]ledger.KnownKey, len(keys))
		for i, one := range keys {
			all[i] = ledger.KnownKey(one)
		}
		return all
	}
	return k
}

// shownCells returns the cells of the ith new row. They stay compressed until they are stored.
func (p *poll) shownCells(i int) []row.Cell {
	r, _ := p.shown.row(p.result.Found[i].Row)
	return r.Cells
}

// cursorUpdate returns the changes of the stored cursor. The new rows get the deliveries from first
// on.
func (p *poll) cursorUpdate(first uint64) ledger.CursorUpdate {
	if p.result.Unchanged {
		return ledger.CursorUpdate{}
	}
	p.result.Renumber(first)
	n, changed := p.result.Cursor.Since(p.cursor)
	return ledger.CursorUpdate{Chunks: n, Changed: changed}
}

// announce reports and logs a commit, and wakes the sender if there are rows to send. first is the
// delivery of the first new row.
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
	p.announceRepeats(c)
	p.poller.opts.Found(p.recipe.Name, c, first)
	if report.Baseline {
		p.log.Info("first read of the worksheet: rows added from now on are new",
			zap.String("worksheet", p.sheet.title), zap.Int("rows_baseline", report.Rows), zap.Int("rows_sent", report.Found))
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

// announceRepeats reports the waiting and corrected rows that the ledger skipped because their key
// is taken, and logs how many rows it skipped.
func (p *poll) announceRepeats(c ledger.Poll) {
	if p.recipe.Trigger.Repeats != config.RepeatsSkip || p.skip {
		return
	}
	repeats := 0
	for i, ch := range p.changes {
		if change := c.Changes[i]; change.State == ledger.Skipped {
			repeats++
			p.poller.opts.Lapsed(p.recipe.Name, ch.Row, ledger.Outcome{Number: change.Delivery, State: change.State, Reason: change.Reason})
		}
	}
	for i, n := range c.New {
		if n.State == ledger.Skipped && p.result.Found[i].State == detect.Ready {
			repeats++
		}
	}
	p.report.Repeats = repeats
	if repeats > 0 {
		p.log.Info("rows skipped: their keys are taken", zap.Int("rows", repeats))
	}
}

// announceLapsed reports and logs the waiting rows that were discarded.
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
		p.log.Info("waiting rows discarded: deleted from the sheet a day ago", zap.Int("rows", lapsed))
	}
}
