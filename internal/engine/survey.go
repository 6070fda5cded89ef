package engine

import (
	"context"
	"errors"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/row"
	"github.com/rowtap/rowtap/internal/sheets"
)

// The functions here look at a worksheet that no zap watches yet, and at the zap file that is to be written for it.

// LoadAccounts reads rowtap.yaml alone: a plan without zaps. Its errors are those of [config.LoadAccounts].
func LoadAccounts(dir string, lookup func(string) (string, bool), userAgent string) (*Plan, error) {
	cfg, err := config.LoadAccounts(dir, lookup)
	if err != nil {
		return nil, err
	}
	return newPlan(cfg, userAgent)
}

// Spreadsheet reads the title, the zone and the worksheets of a spreadsheet as a Google account of the plan. The error is a
// [*sheets.Error].
func (p *Plan) Spreadsheet(ctx context.Context, account, id string) (sheets.Spreadsheet, error) {
	opened, err := p.google[account].open(ctx)
	if err != nil {
		return sheets.Spreadsheet{}, err
	}
	return opened.Spreadsheet(ctx, id, sheets.Polling)
}

// Survey reads the header of a worksheet and its newest rows, at most so many, as a zap with this trigger would. Of the trigger it
// needs the account, the spreadsheet, the worksheet and the header row. The error is a [*sheets.Error] or [*Blocked].
func (p *Plan) Survey(ctx context.Context, t config.Trigger, most int) (*Sample, error) {
	return p.Newest(ctx, &Recipe{Zap: &config.Zap{Trigger: t}, Mapping: &mapping.Mapping{}}, Binding{}, most)
}

// CheckFile reads the text of a zap file as if it stood at path, compiles its mapping and binds it to a header: what rowtap check
// --online would find. The error is [config.Diagnostics] or [*mapping.ColumnError].
func (p *Plan) CheckFile(path string, text []byte, lookup func(string) (string, bool), h row.Header) (*Recipe, error) {
	var m *mapping.Mapping
	z, _, err := p.Config.ParseZap(path, text, lookup, func(z *config.Zap) (err error) {
		m, err = mapping.Compile(z)
		return err
	})
	if err != nil {
		return nil, err
	}
	r := &Recipe{Zap: z, Mapping: m}
	_, missing, err := r.bind(h)
	if missing != nil {
		err = errors.Join(err, missing)
	}
	return r, err
}
