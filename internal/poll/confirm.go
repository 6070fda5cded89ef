package poll

import (
	"context"
	"errors"
	"time"

	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/sheets"
)

// titleTrust is how long a title is trusted without a lookup where the quota is short.
const titleTrust = 10 * time.Minute

// confirm looks up whether the titles are still those of the worksheets that were found under them.
func (v *visit) confirm(ctx context.Context, polls []*poll) {
	crowded := v.account.Crowded()
	doubtful := only(polls, func(p *poll) bool {
		spared := crowded && p.familiar && time.Since(p.sheet.found) < titleTrust
		return !p.located && !spared
	})
	v.lookUp(ctx, doubtful, sheets.Finishing, (*poll).refind)
}

// refind finds the zap's worksheet after it was read. ErrTorn: another one was.
func (p *poll) refind(s sheets.Spreadsheet) error {
	was := *p.sheet
	err := p.find(s)
	if err == nil && (p.sheet.gid != was.gid || p.sheet.title != was.title) {
		err = sheets.ErrTorn
	}
	return err
}

// lookAgain looks up the titles of worksheets whose read was strange: another worksheet may have
// taken the title. Where none has, the outcome of the read is unchanged.
func (v *visit) recheckTitles(ctx context.Context, polls []*poll) {
	suspicious := only(polls, (*poll).suspicious)
	if len(suspicious) == 0 {
		return
	}
	found, err := v.account.Spreadsheet(ctx, v.spreadsheetID, sheets.Finishing)
	if err != nil {
		return
	}
	for _, p := range suspicious {
		if wrong := p.refind(found); wrong != nil {
			p.err = wrong
		}
	}
}

// strange tells whether another worksheet would explain the read, the first such one in a while:
// the read is not believed, or it lacks the header or a column that the zap names.
func (p *poll) suspicious() bool {
	_, blocked := errors.AsType[*hint.Blocked](p.err)
	_, misfit := errors.AsType[*mapping.ColumnError](p.err)
	if p.sheet == nil || p.located || !blocked && !misfit && (p.err != nil || p.result.Doubt == "") {
		return false
	}
	p.poller.mu.Lock()
	defer p.poller.mu.Unlock()
	return p.schedule.err == nil && p.schedule.report.Doubt == "" || time.Since(p.sheet.found) >= titleTrust
}
