package poll

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/plan"
	"github.com/rowtap/rowtap/internal/row"
)

// compare finds what is new in the worksheet, read whole.
func (p *poll) compare(ctx context.Context) error {
	w := p.sheet
	w.read, w.pages, w.rows = p.poller.opts.Now(), p.pages, p.reading.Len()
	p.header = p.reading.Header()
	if !slices.ContainsFunc(p.header.Names(), func(name string) bool { return name != "" }) {
		return p.headless(ctx)
	}
	o, columns, err := p.options(ctx, p.header)
	if err != nil {
		return err
	}
	p.columns = columns
	if err := p.decode(ctx); err != nil {
		return err
	}
	p.poller.cache.forget(p.recipe.Name)
	p.report.Rows = p.reading.Len()
	switch {
	case !p.seen:
		err = p.baseline(ctx, o)
	case columns != nil:
		return columns
	default:
		if !p.skip && !p.leaving && !p.elsewhere() && p.fill == nil { // those polls treat all new rows alike, and only once
			o.AtOnce = p.poller.atOnce
		}
		if p.fills() {
			o.Backfill = &p.fill.rows
		}
		p.result = detect.Diff(p.cursor, p.reading, o, p.poller.opts.Now())
		p.holdElsewhere()
		if p.fills() {
			p.fill.began(p.recipe, p.result.PassedOver)
		}
	}
	p.reportResult()
	if left := p.result.Left; left > 0 {
		w.read = time.Time{} // a window would find some of them, and take these for all
		p.report.left = left
		p.report.Partial = fmt.Sprintf("%d new rows were found; %d more are taken by the next reads", len(p.result.Found), left)
	}
	p.reading, p.cursor = nil, detect.Cursor{} // of a million rows, a hundred megabytes
	return err
}

// takenAtOnce is how many new rows of a known worksheet one poll takes where there are more: until
// they are committed, each takes some 300 bytes of memory.
const takenAtOnce = 250_000

// compareWindow finds what is new in the window that was read.
func (p *poll) compareWindow(ctx context.Context) (detect.Tailed, error) {
	o, columns, err := p.options(ctx, p.header)
	if err != nil {
		return 0, err
	}
	if columns != nil {
		return detect.Inconclusive, p.definitelyMissing(columns)
	}
	result, how := detect.DiffTail(p.cursor, p.reading, p.window, o, p.poller.opts.Now())
	if how == detect.Conclusive {
		p.result = result
		p.reportResult()
		p.report.Rows = len(result.Cursor.Rows)
	}
	return how, nil
}

// definitelyMissing returns the error about missing columns if rows outside of a window cannot supply them:
// those may reach columns that have no name in the header, and are known by their letters.
func (p *poll) definitelyMissing(columns error) error {
	wrong, ok := errors.AsType[*mapping.ColumnError](columns)
	if !ok || slices.ContainsFunc(wrong.Missing, func(c mapping.MissingColumn) bool {
		i, letter := row.ParseLetter(c.Name)
		return letter && i >= p.header.Len()
	}) {
		return nil
	}
	return columns
}

// someRows is how many known rows a worksheet must have to be certainly the one in which they were
// seen.
const someRows = 4

// reportResult reports the result of the comparison.
func (p *poll) reportResult() {
	known, now := &p.cursor, &p.result.Cursor
	added := 0
	for _, f := range p.result.Found {
		if !f.Old {
			added++
		}
	}
	p.familiar = p.seen && len(known.Rows) >= someRows && p.result.Doubt == "" &&
		len(now.Rows) == len(known.Rows)+added && len(now.Gone) == len(known.Gone)
	p.report.Found, p.report.Baseline = added, p.first
	p.report.Pages, p.report.Spreadsheet = p.sheet.pagesPerMinute(p.recipe), p.sheet.book
	p.report.Doubt, p.report.Again = p.result.Doubt, p.result.Recheck
	if p.columns != nil {
		p.report.Found = 0
	}
}

// baseline compares a worksheet that is read for the first time: it is exact, whatever columns the
// mapping lacks.
func (p *poll) baseline(ctx context.Context, o detect.Options) error {
	p.first = true
	oldTo, err := p.oldTo(ctx)
	if err != nil {
		return err
	}
	if p.columns != nil {
		if oldTo < math.MaxInt {
			return p.columns // rows that are there are to be sent: not before the mapping fits
		}
		o.Require, o.Ignore = present(p.header, o.Require), present(p.header, o.Ignore)
		if len(present(p.header, o.Key)) < len(o.Key) {
			o.Key = nil
		}
	}
	p.result = detect.Begin(p.reading, o, oldTo, 1, p.poller.opts.Now())
	return p.queuesNone()
}

// headless is the read of a worksheet without a header. An empty one starts at zero rows: those
// typed later are new, together with the header or after it.
func (p *poll) headless(ctx context.Context) error {
	blocked := &hint.Blocked{
		Reason: fmt.Sprintf("row %d of worksheet %q, the header row, is empty", p.recipe.Trigger.HeaderRow, p.sheet.title),
		Hint:   "write the column names there, or correct header_row in " + p.recipe.Trigger.Pos.String() + plan.ThenReload,
	}
	seen, err := p.poller.opts.Ledger.HasCursor(ctx, p.recipe.Name, p.recipe.Trigger.SpreadsheetID, p.sheet.gid)
	if err != nil {
		return err
	}
	if seen || p.reading.Len() > 0 {
		return blocked
	}
	p.result = detect.Begin(p.reading, detect.Options{}, math.MaxInt, 1, p.poller.opts.Now())
	p.first = true
	if _, err := p.poller.opts.Ledger.Commit(ctx, p.recipe.Name, p.commitOf()); err != nil {
		return err
	}
	p.report = Report{Baseline: true}
	return blocked
}

// holdElsewhere holds what was added while the zap watched another worksheet, at the first read
// that is believed.
func (p *poll) holdElsewhere() {
	if !p.elsewhere() || p.result.Doubt != "" {
		return
	}
	p.log.Warn("the zap watches a worksheet again that it watched before: what was added meanwhile is held",
		zap.String("worksheet", p.sheet.title), zap.Int("rows", len(p.result.Found)))
	for i := range p.result.Found {
		if f := &p.result.Found[i]; !f.Old {
			f.State, f.Reason = detect.Held, "added while the zap watched another worksheet"
		}
	}
	p.result.Unchanged = false
}

// elsewhere tells whether the zap's last read was of another worksheet.
func (p *poll) elsewhere() bool {
	return p.known && p.snapshot.SpreadsheetID != "" &&
		(p.snapshot.SpreadsheetID != p.recipe.Trigger.SpreadsheetID || p.snapshot.GID != p.sheet.gid)
}

// options returns what decides what is new under a header. missing is a [mapping.ColumnError] where
// the header lacks a column that the zap names, or has it twice.
func (p *poll) options(ctx context.Context, h row.Header) (o detect.Options, missing, err error) {
	bound, wrong, err := p.recipe.Bind(h)
	if err != nil {
		return o, nil, err
	}
	identity := p.recipe.Mapping.IdentityColumns()
	if bound != nil {
		identity = bound.IdentityColumns()
	}
	o = p.recipe.DetectOptions(identity)
	if o.Open, err = p.openRows(ctx); err != nil {
		return o, nil, err
	}
	if wrong != nil {
		p.account.ForgetHeaders(p.recipe.Trigger.SpreadsheetID) // a cell may be shown as the zap calls it by now
		return o, wrong, nil
	}
	return o, nil, nil
}

// openRows asks the ledger which rows are open. It is asked right before each comparison: operators
// release and discard rows meanwhile.
func (p *poll) openRows(ctx context.Context) (open map[uint64]detect.Open, err error) {
	p.open, err = OpenRows(ctx, p.poller.opts.Ledger, p.recipe.Name)
	return p.open, err
}

func present(h row.Header, names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		_, ok := h.Index(name)
		return !ok
	})
}

// oldTo returns the sheet row to which rows count as there already at a first read.
func (p *poll) oldTo(ctx context.Context) (int, error) {
	start := p.recipe.Trigger.Start
	if p.known && p.snapshot.SpreadsheetID != "" {
		p.log.Warn("the zap now watches another worksheet: the rows that are there already are not sent",
			zap.String("worksheet", p.sheet.title), zap.Int("rows", p.reading.Len()), zap.String("next", "rowtap status says how to send them"))
		return math.MaxInt, nil
	}
	before, err := p.renamedFrom(ctx)
	if err != nil {
		return 0, err
	}
	if before != "" {
		return math.MaxInt, p.asksAfter(ctx, before)
	}
	if start.Now {
		return math.MaxInt, nil
	}
	if start.Beginning {
		return 0, nil
	}
	return start.Row, nil
}

// renamedFrom returns the name of a zap that the configuration no longer has and that watched the
// same worksheet.
func (p *poll) renamedFrom(ctx context.Context) (string, error) {
	names, err := p.poller.removed.zaps(ctx, p.among, p.poller.opts.Ledger.Zaps)
	if err != nil {
		return "", err
	}
	for _, name := range names {
		ok, err := p.poller.opts.Ledger.HasCursor(ctx, name, p.recipe.Trigger.SpreadsheetID, p.sheet.gid)
		if err != nil {
			return "", err
		}
		if ok {
			return name, nil
		}
	}
	return "", nil
}
