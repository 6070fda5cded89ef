package engine

import (
	"context"
	"maps"
	"math"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/row"
	"github.com/rowtap/rowtap/internal/sheets"
)

// news tells whether there is something to commit, or may be: of a large worksheet not all cells are at hand that would show whether a
// failed row was mended.
func (p *poll) news(ctx context.Context) bool {
	switch {
	case p.first, !p.result.Unchanged, p.rebinds():
		return true
	case p.columns != nil, p.result.Doubt != "", len(p.failed) == 0 && p.kept.Counts.Waiting == 0:
		return false
	case p.full && len(p.failed) > 0:
		return true
	}
	p.changes, p.err = p.followed(ctx)
	return len(p.changes) > 0
}

// wanted returns the sheet rows that there is news of, in order: new ones, changed ones, and those of failed deliveries.
func (p *poll) wanted() []int {
	var numbers []int
	for _, f := range p.result.Found {
		numbers = append(numbers, f.Row)
	}
	if p.follows() {
		for _, ch := range p.result.Changes {
			if ch.Kind != detect.Deleted {
				numbers = append(numbers, ch.Row)
			}
		}
		for _, number := range rowsOf(p.result.Cursor, p.failed) {
			if _, ok := p.row(number); ok || !p.tails {
				numbers = append(numbers, number)
			}
		}
	}
	slices.Sort(numbers)
	return slices.Compact(numbers)
}

// missing returns the ranges of the rows that there is news of and that are not at hand.
func (p *poll) missing() []sheets.Range {
	var numbers []int
	for _, number := range p.wanted() {
		if _, ok := p.row(number); !ok {
			numbers = append(numbers, number)
		}
	}
	return sheets.RowRanges(p.sheet.title, numbers, p.header.Len())
}

// supply takes the missing rows. They may be others by now.
func (p *poll) supply(blocks []sheets.Block) error {
	if len(blocks) > 0 {
		p.blocks = append(p.blocks, blocks...)
		known := p.result.Cursor.Under(p.header)
		for _, number := range p.wanted() {
			if r, ok := p.row(number); !ok || !known.Shows(r) {
				return sheets.ErrTorn
			}
		}
	}
	return nil
}

// follow finds out which changes matter, and which rows go into the ledger.
func (p *poll) follow(ctx context.Context) (err error) {
	p.rows = map[int]row.Row{}
	if p.follows() {
		if p.changes, err = p.followed(ctx); err != nil {
			return err
		}
	}
	for _, f := range p.result.Found {
		p.rows[f.Row], _ = p.row(f.Row)
	}
	for _, ch := range p.changes {
		if ch.Kind != detect.Deleted {
			p.rows[ch.Row], _ = p.row(ch.Row)
		}
	}
	return nil
}

// follows tells whether the rows of known deliveries are followed: not by a first read, nor by one that is not believed.
func (p *poll) follows() bool { return !p.first && p.columns == nil && p.result.Doubt == "" }

// inOrder returns the rows that go into the ledger, in sheet order.
func (p *poll) inOrder() []row.Row {
	rows := make([]row.Row, 0, len(p.rows))
	for _, number := range slices.Sorted(maps.Keys(p.rows)) {
		rows = append(rows, p.rows[number])
	}
	return rows
}

// untyped returns the ranges of the rows in which dates are to be told from numbers.
func (p *poll) untyped() []sheets.Range {
	numbers, width := sheets.WithNumbers(p.inOrder())
	if p.partial {
		numbers = p.around(numbers)
	}
	return sheets.RowRanges(p.sheet.title, numbers, width)
}

// types takes what the sheet shows of them.
func (p *poll) types(blocks []sheets.Block) error {
	typed := sheets.Typed
	if p.partial {
		typed = sheets.TypedNear
	}
	rows, err := typed(p.inOrder(), blocks)
	for _, r := range rows {
		p.rows[r.Number] = r
	}
	return err
}

// commit makes what was found durable, and tells of it.
func (p *poll) commit(ctx context.Context) error {
	if !p.first && p.result.Unchanged && len(p.changes) == 0 && !p.rebinds() {
		return p.columns
	}
	p.engine.memory.forget(p.recipe.Name)
	c := p.commitOf()
	for _, ch := range p.changes {
		c.Changes = append(c.Changes, ch.ledger(p.rows[ch.Row]))
	}
	if err := p.holdOvertaken(ctx, &c); err != nil { // it maps rows, for which nobody is to wait
		return err
	}
	for _, f := range p.result.Found {
		n := ledger.NewRow{Row: p.rows[f.Row], State: LedgerState(f.State), Reason: f.Reason, Like: f.LikeDelivery}
		if n.LikeNew = p.result.LikeFound(f); n.LikeNew > 0 {
			n.Like = 0
		}
		if p.skip {
			n.State, n.Reason = ledger.Skipped, skippedByOperator
		}
		c.New = append(c.New, n)
	}
	began := time.Now()
	p.beat.commits++
	first, err := p.engine.ledger.Commit(ctx, p.recipe.Name, c)
	if err != nil {
		p.sheet.read = time.Time{}                // a window of it may not show what this read found
		p.engine.sender.look(p.recipe.Name, true) // it may have been written all the same
		return err
	}
	p.engine.metrics.committed(began)
	p.tell(c, first)
	return p.columns
}

// holdOvertaken holds corrected profile rows whose user a newer row has updated since: sent now, they would overwrite newer values.
func (p *poll) holdOvertaken(ctx context.Context, c *ledger.Poll) error {
	if !slices.ContainsFunc(p.changes, func(ch followed) bool { return ch.again }) {
		return nil
	}
	corrected, users := map[int]user{}, map[user]bool{} // by index into the changes
	oldest := uint64(math.MaxUint64)
	bound, err := p.recipe.Mapping.Bind(p.header)
	if err != nil {
		return err
	}
	zone, _ := row.Zone(c.Zone) // find lets no zap go on with an unknown one
	for i, ch := range p.changes {
		if !ch.again || !p.recipe.updates(ch.action) {
			continue
		}
		if id, err := bound.Identity(ch.action, *c.Changes[i].Row, mapping.Context{Zone: zone}); err == nil {
			corrected[i] = user{p.recipe.Actions[ch.action].Name, id}
			users[corrected[i]] = true
			oldest = min(oldest, ch.first)
		}
	}
	if len(corrected) == 0 {
		return nil
	}
	newer, err := p.engine.updatesSince(ctx, p.recipe, oldest, users)
	if err != nil {
		return err
	}
	for i, who := range corrected {
		if newer.than(who, p.changes[i].first) {
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
		Doubted:       p.result.Doubt != "",
		Header:        p.header,
		Zone:          p.sheet.zone,
		Action:        p.recipe.Actions[0].Name,
		Shadow:        p.recipe.Shadow,
		At:            p.engine.now(),
	}
}

// cursorUpdate returns what changes of the stored cursor, in which the new rows have the deliveries from first on.
func (p *poll) cursorUpdate(first uint64) ledger.CursorUpdate {
	if p.result.Unchanged {
		return ledger.CursorUpdate{}
	}
	p.result.Renumber(first)
	n, changed := p.result.Cursor.Since(p.cursor)
	return ledger.CursorUpdate{Chunks: n, Changed: changed}
}

// tell says what a commit did, the first new row of which is the delivery first, and wakes the sender.
func (p *poll) tell(c ledger.Poll, first uint64) {
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
	p.engine.metrics.found(p.recipe.Name, c)
	for i, n := range c.New {
		p.engine.hub.publish(Event{Zap: p.recipe.Name, Number: first + uint64(i), Row: n.Row.Number, State: n.State, Message: n.Reason, At: c.At})
	}
	if report.Baseline {
		p.log.Info("worksheet read for the first time: rows added from now on are new",
			zap.String("worksheet", p.sheet.title), zap.Int("rows there", report.Rows), zap.Int("of these sent", report.Found))
	} else if report.Found > 0 {
		p.log.Info("new rows", zap.Int("found", report.Found), zap.Int("waiting", report.Waiting), zap.Int("held", report.Held))
	}
	p.tellLapsed(c)
	if report.Held > 0 {
		p.log.Warn("rows are held for an operator", zap.Int("held", report.Held), zap.String("next", "rowtap history "+p.recipe.Name+" --state held"))
	}
	if len(c.New)+len(c.Changes) > 0 {
		p.engine.sender.look(p.recipe.Name, len(c.Changes) > 0)
	}
}

// tellLapsed says which waiting rows were given up.
func (p *poll) tellLapsed(c ledger.Poll) {
	lapsed := 0
	for i, ch := range p.changes {
		if !ch.lapsed {
			continue
		}
		lapsed++
		change := c.Changes[i]
		p.engine.told(p.recipe.Name, ch.Row, ledger.Outcome{Number: change.Delivery, State: change.State, Reason: change.Reason})
	}
	if lapsed > 0 {
		p.log.Info("waiting rows are discarded: they were deleted from the sheet a day ago", zap.Int("rows", lapsed))
	}
}
