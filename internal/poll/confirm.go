package poll

import (
	"context"
	"errors"
	"time"

	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/sheets"
)

// lookedUp is how long a worksheet is known by its rows alone where the quota is short, before its title is looked up again.
const lookedUp = 10 * time.Minute

// confirm looks up whether the titles still stand for the worksheets that they stood for when they were found.
func (v *visit) confirm(ctx context.Context, polls []*poll) {
	crowded := v.account.Crowded()
	doubtful := only(polls, func(p *poll) bool {
		spared := crowded && p.familiar && time.Since(p.sheet.found) < lookedUp
		return !p.located && !spared
	})
	if len(doubtful) == 0 {
		return
	}
	found, err := v.account.Spreadsheet(ctx, v.spreadsheetID, sheets.Finishing)
	for _, p := range doubtful {
		if p.err = err; err == nil {
			p.err = p.refind(found)
		}
	}
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

// lookAgain looks up the titles of worksheets of which a strange read came: it may be of another worksheet that has taken the title.
// Where it is not, what the read came to stands.
func (v *visit) lookAgain(ctx context.Context, polls []*poll) {
	strange := only(polls, (*poll).strange)
	if len(strange) == 0 {
		return
	}
	found, err := v.account.Spreadsheet(ctx, v.spreadsheetID, sheets.Finishing)
	if err != nil {
		return
	}
	for _, p := range strange {
		if wrong := p.refind(found); wrong != nil {
			p.err = wrong
		}
	}
}

// strange tells whether a read came that another worksheet would explain, the first such one in a while: it is not believed, it lacks
// the header, or a column that the zap names.
func (p *poll) strange() bool {
	_, blocked := errors.AsType[*hint.Blocked](p.err)
	_, misfit := errors.AsType[*mapping.ColumnError](p.err)
	if p.sheet == nil || p.located || !blocked && !misfit && (p.err != nil || p.result.Doubt == "") {
		return false
	}
	p.poller.mu.Lock()
	defer p.poller.mu.Unlock()
	return p.schedule.err == nil && p.schedule.report.Doubt == "" || time.Since(p.sheet.found) >= lookedUp
}
