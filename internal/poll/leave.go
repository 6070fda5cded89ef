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

// A zap that is pointed at another worksheet of its spreadsheet reads the old one a last time, so
// that rows added there since the previous read are sent. Once that read is committed, the same
// poll reads the new worksheet. The move itself is not recorded: until the new worksheet has a
// cursor, each poll starts with the old one.

// mustLeave reports whether gid is a worksheet of the zap's spreadsheet other than the last one
// read, and that one still needs its last read.
func (p *poll) mustLeave(gid int64) bool {
	return !p.left && p.stored.SpreadsheetID == p.recipe.Trigger.SpreadsheetID && p.stored.GID != gid
}

// finishLeaving returns true once the worksheet that the zap leaves had its last read, or cannot be
// read. A read in doubt is retried for up to titleTrust.
func (p *poll) finishLeaving() bool {
	if !p.leaving {
		return false
	}
	_, blocked := errors.AsType[*hint.Blocked](p.err)
	_, misfit := errors.AsType[*mapping.ColumnError](p.err)
	switch {
	case blocked || misfit:
		p.unread = p.err.Error()
	case p.err != nil:
		p.err = fmt.Errorf("last read of worksheet %q before the zap moves to another one: %w", p.sheet.title, p.err)
		return false
	case p.report.Doubt != "" && p.report.Rows > 0:
		if p.schedule.doubtedSince.IsZero() {
			p.schedule.doubtedSince = time.Now()
		}
		if time.Since(p.schedule.doubtedSince) < titleTrust {
			p.report.Doubt = fmt.Sprintf("last read of worksheet %q before the zap moves to another one: %s", p.sheet.title, p.report.Doubt)
			return false
		}
		p.unread = p.report.Doubt
	}
	if p.unread != "" {
		p.log.Warn("the zap moves to another worksheet; rows added to the old one since its last read are not sent",
			zap.String("worksheet", p.sheet.title), zap.String("reason", p.unread))
	}
	p.left, p.last, p.schedule.doubtedSince = true, p.report, time.Time{}
	return true
}

// withLast adds the counts of the last read of the old worksheet.
func (p *poll) withLast(report Report) Report {
	report.Found += p.last.Found
	report.Waiting += p.last.Waiting
	report.Held += p.last.Held
	return report
}

// start returns how a stay at a worksheet begins; nil if none begins.
func (p *poll) start() *ledger.Start {
	switch {
	case p.isBackfill():
		return &ledger.Start{} // the number of rows at the start no longer matters
	case !p.first && !p.switched():
		return nil
	}
	s := &ledger.Start{Unread: p.unread}
	if rows := p.result.Cursor.Rows; p.first && len(rows) > len(p.result.Found) {
		s.There, s.LastRow = len(rows)-len(p.result.Found), int(rows[len(rows)-1].Number)
	}
	return s
}

// rebinds reports whether the zap file, or the spreadsheet, gives the worksheet another title than
// the ledger.
func (p *poll) rebinds() bool {
	b := plan.BindingOf(p.stored)
	return p.seen && p.columns == nil && p.result.Doubt == "" && b.GID == p.sheet.gid && (b.Named != p.namedTitle() || b.Title != p.sheet.title)
}

// namedTitle returns the title that the zap file gives to the worksheet being read; "" if it gives
// the gid.
func (p *poll) namedTitle() string {
	if p.leaving {
		return p.stored.Title
	}
	return p.recipe.Trigger.Worksheet.Title
}
