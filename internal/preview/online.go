// Package preview shows an operator what a zap would do before it runs: whether accounts,
// worksheets and headers fit the configuration ([Look], for rowtap check --online), what is in a
// spreadsheet without a zap ([Spreadsheet], [Survey], for rowtap new), which rows a trigger would
// find ([Newest], [NewestReady], [RowAt], for rowtap test trigger), what record an action makes of a
// row ([Map]) and how CleverTap responds to it ([Try], [Send], for rowtap test action). It sends
// requests to Google and CleverTap, within the accounts' quotas, and never touches the ledger.
package preview

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/plan"
	"github.com/rowtap/rowtap/internal/row"
	"github.com/rowtap/rowtap/internal/sheets"
)

// Online is the current state of a configuration's accounts and sheets.
type Online struct {
	Accounts []OnlineAccount // Google's, then CleverTap's, each sorted by name
	Zaps     []OnlineZap     // sorted by name
}

// OnlineAccount is the state of an account.
type OnlineAccount struct {
	Name string
	App  string // google_sheets or clevertap
	Pos  config.Pos
	// Email is the address to share spreadsheets with; "" if unknown, and for CleverTap.
	Email string
	Err   error // nil: the account can do what its zaps need
}

// OnlineZap says whether a zap's worksheet fits the zap.
type OnlineZap struct {
	Recipe      *plan.Recipe
	NotLooked   bool // not checked because its Google account has an error
	Err         error
	Spreadsheet string // title; "" if it could not be read
	Worksheet   sheets.Worksheet
	Header      row.Header
	// Missing lists the columns that the zap file names, `redact` included, and the header lacks.
	Missing []mapping.MissingColumn
	// Warnings are about column names of earlier releases in the zap file, and about formats that
	// do not fit the dates in the first rows.
	Warnings config.Diagnostics
	// Names lists, for each action with `properties: all`, the property of each column.
	Names [][]string
}

// maxConcurrent bounds the spreadsheets of an account, and the CleverTap accounts, that are checked
// at the same time.
const maxConcurrent = 4

// Look checks every account, spreadsheet, worksheet and header, and binds each mapping to its
// header. It checks each account and spreadsheet only once, within the account's quota. One error
// does not hide others. bound has the zaps' bindings by name. The error is that of ctx.
func Look(ctx context.Context, p *plan.Plan, bound map[string]plan.Binding) (Online, error) {
	o := Online{Zaps: make([]OnlineZap, len(p.Recipes))}
	byAccount := map[string][]*OnlineZap{}
	for i, r := range p.Recipes {
		o.Zaps[i].Recipe = r
		name := r.Trigger.Account.Name
		byAccount[name] = append(byAccount[name], &o.Zaps[i])
	}
	for _, name := range slices.Sorted(maps.Keys(p.Google)) {
		o.Accounts = append(o.Accounts, OnlineAccount{Name: name, App: "google_sheets", Pos: p.Config.GoogleAccounts[name].Pos})
	}
	for _, name := range slices.Sorted(maps.Keys(p.CleverTap)) {
		o.Accounts = append(o.Accounts, OnlineAccount{Name: name, App: "clevertap", Pos: p.Config.CleverTapAccounts[name].Pos})
	}
	var reads, probes errgroup.Group // they return no errors: errors are part of the result
	probes.SetLimit(maxConcurrent)
	for i := range o.Accounts {
		a := &o.Accounts[i]
		if a.App == "clevertap" {
			probes.Go(func() error {
				_, a.Err = p.CleverTap[a.Name].Probe(ctx)
				return nil
			})
			continue
		}
		reads.Go(func() error {
			l := look{state: a, bound: bound}
			l.run(ctx, p.Google[a.Name], byAccount[a.Name])
			return nil
		})
	}
	return o, errors.Join(reads.Wait(), probes.Wait(), ctx.Err())
}

// look checks what a Google account reads.
type look struct {
	account *sheets.Account
	bound   map[string]plan.Binding
	mu      sync.Mutex
	state   *OnlineAccount // guarded by mu while spreadsheets are checked
}

// noSpreadsheet is an ID that no spreadsheet has. An account without zaps can read if the response
// is that it was not found.
const noSpreadsheet = "rowtap-probe"

func (l *look) run(ctx context.Context, g *plan.Google, zaps []*OnlineZap) {
	if l.account, l.state.Err = g.Open(); l.state.Err != nil {
		notLooked(zaps)
		return
	}
	l.state.Email = l.account.Email()
	if len(zaps) == 0 {
		_, err := l.account.Spreadsheet(ctx, noSpreadsheet, sheets.Polling)
		if err != nil && !(&OnlineZap{Err: err}).responded() {
			l.state.Err = err
		}
		return
	}
	bySpreadsheet := map[string][]*OnlineZap{}
	for _, z := range zaps {
		id := z.Recipe.Trigger.SpreadsheetID
		bySpreadsheet[id] = append(bySpreadsheet[id], z)
	}
	var group errgroup.Group
	group.SetLimit(maxConcurrent)
	for id, of := range bySpreadsheet {
		group.Go(func() error {
			l.spreadsheet(ctx, id, of)
			return nil
		})
	}
	_ = group.Wait() // they return no errors
	if l.state.Err == nil && !slices.ContainsFunc(zaps, (*OnlineZap).responded) {
		l.state.Err = zaps[0].Err
		for _, z := range zaps {
			z.Err, z.NotLooked = nil, true
		}
	}
}

// responded reports whether the Sheets API responded about the zap's spreadsheet. If it did for no
// zap, the cause is the account, its endpoint or the network.
func (z *OnlineZap) responded() bool {
	if z.Spreadsheet != "" {
		return true
	}
	wrong, ok := errors.AsType[*sheets.Error](z.Err)
	return ok && (wrong.Kind == sheets.NotFound || wrong.Kind == sheets.NotShared || wrong.Kind == sheets.NotASpreadsheet)
}

func notLooked(zaps []*OnlineZap) {
	for _, z := range zaps {
		z.NotLooked = true
	}
}

// accountFailed records an error that concerns the account rather than a spreadsheet, and reports
// whether the account has one.
func (l *look) accountFailed(err error) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	wrong, ok := errors.AsType[*sheets.Error](err)
	if ok && (wrong.Kind == sheets.Unauthorized || wrong.Kind == sheets.Disabled) && l.state.Err == nil {
		l.state.Err = err
	}
	return l.state.Err != nil
}

// spreadsheet checks one spreadsheet for its zaps, with one request for the worksheets and one for
// the headers.
func (l *look) spreadsheet(ctx context.Context, id string, zaps []*OnlineZap) {
	if l.accountFailed(nil) {
		notLooked(zaps)
		return
	}
	file, err := l.account.Spreadsheet(ctx, id, sheets.Polling)
	if err != nil {
		if l.accountFailed(err) {
			notLooked(zaps)
			return
		}
		for _, z := range zaps {
			z.Err = err
		}
		return
	}
	var found []*OnlineZap
	for _, z := range zaps {
		z.Spreadsheet = file.Title
		if z.Worksheet, z.Err = z.Recipe.GridOf(l.bound[z.Recipe.Name], file); z.Err == nil {
			found = append(found, z)
		}
	}
	if len(found) > 0 {
		l.headers(ctx, id, found)
	}
}

// onlineRows is the number of rows below the header that are checked.
const onlineRows = 100

// headers reads the header rows for zaps of one spreadsheet, and the first rows below them.
func (l *look) headers(ctx context.Context, id string, zaps []*OnlineZap) {
	ranges := make([]sheets.Range, len(zaps))
	for i, z := range zaps {
		head := z.Recipe.Trigger.HeaderRow
		ranges[i] = sheets.Range{Title: z.Worksheet.Title, First: head, Last: max(head, min(head+onlineRows, z.Worksheet.Rows))}
	}
	response, err := l.account.Ranges(ctx, id, ranges, sheets.Serials, sheets.Finishing)
	// One bad range fails all.
	if len(zaps) > 1 && err != nil && (sheets.OfRange(err) || errors.Is(err, sheets.ErrTooBig)) {
		for _, z := range zaps {
			l.headers(ctx, id, []*OnlineZap{z})
		}
		return
	}
	for i, z := range zaps {
		if z.Err = err; err == nil {
			z.fit(ctx, l.account, response.Blocks[i])
		}
	}
}

// fit binds the zap to a header row, and checks the rows below it.
func (z *OnlineZap) fit(ctx context.Context, account *sheets.Account, block sheets.Block) {
	r := z.Recipe
	if z.Header, z.Err = plan.ReadHeader(ctx, account, r, z.Worksheet, block.Cells(r.Trigger.HeaderRow)); z.Err != nil {
		return
	}
	var bound *mapping.Bound
	if bound, z.Missing, z.Err = r.Fit(z.Header); z.Err != nil {
		return
	}
	z.Warnings = r.FormerNames(z.Header)
	if bound == nil {
		return
	}
	z.Warnings = append(z.Warnings, bound.FormatWarnings(slices.Collect(block.Rows(r.Trigger.HeaderRow)))...)
	z.Names = make([][]string, len(r.Actions))
	for nth := range r.Actions {
		z.Names[nth] = bound.Names(nth, z.Header)
	}
}
