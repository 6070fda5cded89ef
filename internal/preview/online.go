// Package preview is what an operator looks at before a zap runs: whether accounts, worksheets and
// headers fit the configuration ([Look], for rowtap check --online), what a spreadsheet holds that
// has no zap yet ([Spreadsheet], [Survey], for rowtap new), which rows a trigger would find
// ([Newest], [NewestReady], [RowAt], for rowtap test trigger), and what record an action makes of a
// row and what CleverTap says about it ([Try], [Send], for rowtap test action). It asks Google and
// CleverTap, within the accounts' quotas, and never touches the ledger.
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

// Online is what a configuration's accounts and sheets look like now.
type Online struct {
	Accounts []OnlineAccount // Google's, then CleverTap's, by name
	Zaps     []OnlineZap     // by name
}

// OnlineAccount is whether an account may do what its zaps need.
type OnlineAccount struct {
	Name  string
	App   string // google_sheets or clevertap
	Pos   config.Pos
	Email string // whom spreadsheets are to be shared with; "" where it is not known, and for CleverTap
	Err   error  // nil: it is good
}

// OnlineZap is whether a zap's worksheet fits it.
type OnlineZap struct {
	Recipe      *plan.Recipe
	NotLooked   bool // because of an error of its Google account
	Err         error
	Spreadsheet string // its title; "" where it could not be read
	Worksheet   sheets.Worksheet
	Header      row.Header
	Missing     []mapping.MissingColumn // what the zap file names and the header lacks, `redact` among it
	Warnings    config.Diagnostics      // names of earlier releases in the zap file, and formats that do not read the dates of the first rows
	Names       [][]string              // of each action with `properties: all`, the property that each column becomes
}

// atOnce is how many spreadsheets of an account, and how many CleverTap accounts, are looked at at
// a time.
const maxConcurrent = 4

// Look looks at every account, spreadsheet, worksheet and header, and binds each mapping to its
// header. Each account and each spreadsheet is asked once, within the account's quota; one error
// hides no other. bound is the zaps' bindings, by name. The error is ctx's.
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
	var reads, probes errgroup.Group // they return no error: errors are the result
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

// look is a look at what a Google account reads.
type look struct {
	account *sheets.Account
	bound   map[string]plan.Binding
	mu      sync.Mutex
	state   *OnlineAccount // guarded by mu while spreadsheets are looked at
}

// noSpreadsheet is an id that no spreadsheet has: that it is not found shows that an account
// without zaps may read.
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
	var group errgroup.Group
	group.SetLimit(maxConcurrent)
	for left := zaps; len(left) > 0; {
		id := left[0].Recipe.Trigger.SpreadsheetID
		same := func(z *OnlineZap) bool { return z.Recipe.Trigger.SpreadsheetID == id }
		of := slices.DeleteFunc(slices.Clone(left), func(z *OnlineZap) bool { return !same(z) })
		left = slices.DeleteFunc(slices.Clone(left), same)
		group.Go(func() error {
			l.spreadsheet(ctx, id, of)
			return nil
		})
	}
	_ = group.Wait() // they return none
	if l.state.Err == nil && !slices.ContainsFunc(zaps, (*OnlineZap).responded) {
		l.state.Err = zaps[0].Err
		for _, z := range zaps {
			z.Err, z.NotLooked = nil, true
		}
	}
}

// heard tells whether the Sheets API responded about the zap's spreadsheet. Where it does about
// none, the account, its endpoint or the network is the cause.
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

// refused records an error that is about the account rather than a spreadsheet, and tells whether
// there is one.
func (l *look) accountFailed(err error) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	wrong, ok := errors.AsType[*sheets.Error](err)
	if ok && (wrong.Kind == sheets.Unauthorized || wrong.Kind == sheets.Disabled) && l.state.Err == nil {
		l.state.Err = err
	}
	return l.state.Err != nil
}

// spreadsheet looks at one spreadsheet for the zaps that watch it: one request for its worksheets,
// one for the headers.
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

// onlineRows is how many rows below the header are looked at.
const onlineRows = 100

// headers reads the header rows of zaps of one spreadsheet, and the first rows below them.
func (l *look) headers(ctx context.Context, id string, zaps []*OnlineZap) {
	ranges := make([]sheets.Range, len(zaps))
	for i, z := range zaps {
		head := z.Recipe.Trigger.HeaderRow
		ranges[i] = sheets.Range{Title: z.Worksheet.Title, First: head, Last: max(head, min(head+onlineRows, z.Worksheet.Rows))}
	}
	answer, err := l.account.Ranges(ctx, id, ranges, sheets.Serials, sheets.Finishing)
	if len(zaps) > 1 && err != nil && (sheets.OfRange(err) || errors.Is(err, sheets.ErrTooBig)) { // one range fails all
		for _, z := range zaps {
			l.headers(ctx, id, []*OnlineZap{z})
		}
		return
	}
	for i, z := range zaps {
		if z.Err = err; err == nil {
			z.fit(ctx, l.account, answer.Blocks[i])
		}
	}
}

// fit binds the zap to a header row, and looks at the rows below it.
func (z *OnlineZap) fit(ctx context.Context, account *sheets.Account, block sheets.Block) {
	r := z.Recipe
	if z.Header, z.Err = plan.ReadHeader(ctx, account, r, z.Worksheet, block.Cells(r.Trigger.HeaderRow)); z.Err != nil {
		return
	}
	bound, missing, err := r.Bind(z.Header)
	if err != nil {
		z.Err = err
		return
	}
	if missing != nil {
		z.Missing = missing.Missing
	}
	z.Missing = append(z.Missing, plan.MissingIn(z.Header, r.Redact, r.RedactPos)...)
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
