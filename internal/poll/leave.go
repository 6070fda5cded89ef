package poll

import (
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/plan"
)

// A zap that is pointed at another worksheet of its spreadsheet leaves the one before with a last
// read, so that the rows that were added there since the read before are sent. Only once that read
// is believed, and recorded, the other worksheet is read, by the same poll. No step of that is
// recorded: until the other worksheet's cursor is, each poll begins with the old one.

// moves tells whether a worksheet of the zap's spreadsheet is another one than that which was read
// last, which has not been left yet.
func (p *poll) moves(gid int64) bool {
	return !p.left && p.snapshot.SpreadsheetID == p.recipe.Trigger.SpreadsheetID && p.snapshot.GID != gid
}

// leave tells whether a worksheet that the zap leaves is done with: it has been read a last time,
// or cannot be. A read that is not believed is tried again for a while.
func (p *poll) leave() bool {
	if !p.leaving {
		return false
	}
	_, blocked := errors.AsType[*hint.Blocked](p.err)
	_, misfit := errors.AsType[*mapping.ColumnError](p.err)
	switch {
	case blocked || misfit:
		p.unread = p.err.Error()
	case p.err != nil:
		p.err = fmt.Errorf("before the zap moves to another worksheet the last rows of %q are read: %w", p.sheet.title, p.err)
		return false
	case p.report.Doubt != "" && p.report.Rows > 0:
		if p.schedule.lingers.IsZero() {
			p.schedule.lingers = time.Now()
		}
		if time.Since(p.schedule.lingers) < titleTrust {
			p.report.Doubt = fmt.Sprintf("before the zap moves to another worksheet the last rows of %q are read: %s", p.sheet.title, p.report.Doubt)
			return false
		}
		p.unread = p.report.Doubt
	}
	if p.unread != "" {
		p.log.Warn("the zap moves to another worksheet; rows that were added to the one before since its last read are not sent: "+p.unread,
			zap.String("worksheet", p.sheet.title))
	}
	p.left, p.last, p.schedule.lingers = true, p.report, time.Time{}
	return true
}

// withLast adds what the last read of the worksheet before came to.
func (p *poll) withLast(report Report) Report {
	report.Found += p.last.Found
	report.Waiting += p.last.Waiting
	report.Held += p.last.Held
	return report
}

// start returns how a stay at a worksheet begins, nil where it does not.
func (p *poll) start() *ledger.Start {
	switch {
	case p.fills():
		return &ledger.Start{} // how many rows were there is of no more use
	case !p.first && !p.elsewhere():
		return nil
	}
	s := &ledger.Start{Unread: p.unread}
	if rows := p.result.Cursor.Rows; p.first && len(rows) > len(p.result.Found) {
		s.There, s.LastRow = len(rows)-len(p.result.Found), int(rows[len(rows)-1].Number)
	}
	return s
}

// rebinds tells whether the zap file, or the spreadsheet, names the worksheet otherwise than the
// ledger has it.
func (p *poll) rebinds() bool {
	b := plan.BindingOf(p.snapshot)
	return p.seen && p.columns == nil && p.result.Doubt == "" && b.GID == p.sheet.gid && (b.Named != p.named() || b.Title != p.sheet.title)
}

// named returns the title that the zap file gives the worksheet which is read, "" where it gives
// the gid.
func (p *poll) named() string {
	if p.leaving {
		return p.snapshot.Title
	}
	return p.recipe.Trigger.Worksheet.Title
}
