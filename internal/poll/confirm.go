package poll

import (
	"context"
	"errors"
	"time"

	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/sheets"
)

// titleTrust is how long a title is trusted without a lookup when the quota is short.
const titleTrust = 10 * time.Minute

// confirm looks up whether the worksheets that were read still have the titles they were read by.
func (v *visit) confirm(ctx context.Context, polls []*poll) {
	crowded := v.account.Crowded()
	doubtful := only(polls, func(p *poll) bool {
		spared := crowded && p.familiar && time.Since(p.sheet.found) < titleTrust
		return !p.located && !spared
	})
	v.lookUp(ctx, doubtful, sheets.Finishing, (*poll).refind)
}

// refind looks the zap's worksheet up after the read. The error is [sheets.ErrTorn] if another one
// was read.
func (p *poll) refind(s sheets.Spreadsheet) error {
	was := *p.sheet
	err := p.find(s)
	if err == nil && (p.sheet.gid != was.gid || p.sheet.title != was.title) {
		err = sheets.ErrTorn
	}
	return err
}

// recheckTitles looks up the titles of worksheets whose read is suspicious: another worksheet may
// have taken the title. If none has, the result of the read stands.
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

// suspicious reports whether another worksheet would explain the read: the read is in doubt, or
// lacks the header or a column that the zap names. It returns false if that was so at the last poll
// and the title was looked up less than titleTrust ago.
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
