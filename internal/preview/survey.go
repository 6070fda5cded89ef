package preview

import (
	"context"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/plan"
	"github.com/rowtap/rowtap/internal/sheets"
)

// Spreadsheet reads the title, time zone and worksheets of a spreadsheet with a Google account of
// the plan. The error is a [*sheets.Error].
func Spreadsheet(ctx context.Context, p *plan.Plan, account, id string) (sheets.Spreadsheet, error) {
	opened, err := p.Google[account].Open()
	if err != nil {
		return sheets.Spreadsheet{}, err
	}
	return opened.Spreadsheet(ctx, id, sheets.Polling)
}

// Survey reads the header of a worksheet and up to most of its newest rows, like a zap with this
// trigger. It uses the trigger's account, spreadsheet, worksheet and header row. The error is a
// [*sheets.Error] or [*hint.Blocked].
func Survey(ctx context.Context, p *plan.Plan, t config.Trigger, most int) (*Sample, error) {
	return Newest(ctx, p, &plan.Recipe{Zap: &config.Zap{Trigger: t}, Mapping: &mapping.Mapping{}}, plan.Binding{}, most)
}

// For returns the sample as a zap for its worksheet and header row sees it, without reading the
// sheet again.
func (s *Sample) For(r *plan.Recipe) (*Sample, error) {
	taken := &sampling{Sample: &Sample{Spreadsheet: s.Spreadsheet, Zone: s.Zone, Worksheet: s.Worksheet, Header: s.Header, Seen: s.Seen, ctx: s.ctx}, recipe: r}
	var err error
	if taken.bound, taken.Columns, err = r.Bind(s.Header); err != nil {
		return nil, err
	}
	taken.heed()
	for _, at := range s.Rows {
		if taken.counts(at.Row) {
			taken.Rows = append(taken.Rows, taken.verdict(at.Row))
		}
	}
	return taken.Sample, nil
}
