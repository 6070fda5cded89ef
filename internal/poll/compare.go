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

// compare finds the new rows in a complete read.
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
		// The polls excluded here treat all new rows alike, and only once.
		if !p.skip && !p.leaving && !p.switched() && p.fill == nil {
			o.AtOnce = p.poller.rowsPerPoll
		}
		if p.isBackfill() {
			o.Backfill = &p.fill.rows
			if o.SentKeys, err = p.sentKeys(ctx, o); err != nil {
				return err
			}
		}
		p.result = detect.Diff(p.cursor, p.reading, o, p.poller.opts.Now())
		p.holdAfterSwitch()
		if p.isBackfill() {
			p.fill.recordComparison(p.recipe, p.result.PassedOver)
		}
	}
	p.reportResult()
	if left := p.result.Left; left > 0 {
		w.read = time.Time{} // a window would find only some of them
		p.report.remaining = left
		p.report.Partial = fmt.Sprintf("%d new rows were found; the next reads take %d more", len(p.result.Found), left)
	}
	// Free the memory: a hundred megabytes for a million rows.
	p.reading, p.cursor = nil, detect.Cursor{}
	return err
}

// maxRowsPerPoll bounds the new rows that one poll takes from a known worksheet. Each takes about
// 300 bytes of memory until it is committed.
const maxRowsPerPoll = 250_000

// compareWindow finds the new rows in the window that was read.
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

// definitelyMissing returns the error about missing columns unless rows outside of the window may
// have them: columns without a name in the header are known by their letters, and other rows may be
// wider.
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

// someRows is how many known rows a worksheet must contain to be recognized with certainty.
const someRows = 4

// reportResult fills in the report from the comparison.
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

// baseline compares the first read of a worksheet. The read is exact even if columns of the mapping
// are missing.
func (p *poll) baseline(ctx context.Context, o detect.Options) error {
	p.first = true
	oldTo, err := p.oldTo(ctx)
	if err != nil {
		return err
	}
	if p.columns != nil {
		if oldTo < math.MaxInt {
			return p.columns // existing rows are to be sent, and the mapping has to fit first
		}
		o.Require, o.Ignore = present(p.header, o.Require), present(p.header, o.Ignore)
		if len(present(p.header, o.Key)) < len(o.Key) {
			o.Key = nil
		}
	}
	p.result = detect.Begin(p.reading, o, oldTo, 1, p.poller.opts.Now())
	return p.refuseDryRun()
}

// headless handles a worksheet without a header. An empty one starts at zero rows: rows typed
// later, with the header or after it, are new.
func (p *poll) headless(ctx context.Context) error {
	blocked := &hint.Blocked{
		Reason: fmt.Sprintf("header row %d of worksheet %q is empty", p.recipe.Trigger.HeaderRow, p.sheet.title),
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

// holdAfterSwitch holds the rows added while the zap watched another worksheet. It does so at the
// first read that is not in doubt.
func (p *poll) holdAfterSwitch() {
	if !p.switched() || p.result.Doubt != "" {
		return
	}
	p.log.Warn("the zap is back at a worksheet that it watched before: rows added in between are held",
		zap.String("worksheet", p.sheet.title), zap.Int("rows", len(p.result.Found)))
	for i := range p.result.Found {
		if f := &p.result.Found[i]; !f.Old {
			f.State, f.Reason = detect.Held, "added while the zap watched another worksheet"
		}
	}
	p.result.Unchanged = false
}

// switched reports whether the zap's last read was of another worksheet.
func (p *poll) switched() bool {
	return p.known && p.stored.SpreadsheetID != "" &&
		(p.stored.SpreadsheetID != p.recipe.Trigger.SpreadsheetID || p.stored.GID != p.sheet.gid)
}

// options returns the detection options for a header. missing is a [mapping.ColumnError] if the
// header lacks a column that the zap names, or has it twice.
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
		// The sheet may by now show a header cell under the name that the zap uses.
		p.account.ForgetHeaders(p.recipe.Trigger.SpreadsheetID)
		return o, wrong, nil
	}
	return o, nil, nil
}

// openRows loads the open rows from the ledger. Call it right before each comparison, because
// operators release and discard rows at any time.
func (p *poll) openRows(ctx context.Context) (open map[uint64]detect.Open, err error) {
	p.open, err = OpenRows(ctx, p.poller.opts.Ledger, p.recipe.Name)
	return p.open, err
}

// sentKeys returns the keys against which old rows count as repeats in a backfill. If the ledger has
// not kept them so far, these are the keys of all rows that have a delivery.
func (p *poll) sentKeys(ctx context.Context, o detect.Options) (map[uint64]bool, error) {
	if o.Repeats != detect.RepeatsSkip {
		return nil, nil
	}
	keys, kept, err := p.poller.opts.Ledger.SentKeys(ctx, p.recipe.Name, p.cursor.KeyedBy)
	if err != nil || kept {
		return keys, err
	}
	keys = map[uint64]bool{}
	for _, k := range p.cursor.AllKeys(math.MaxUint64 - 1) {
		if k.Delivery != 0 {
			keys[k.Sum] = true
		}
	}
	return keys, nil
}

// present returns those of names that the header has.
func present(h row.Header, names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		_, ok := h.Index(name)
		return !ok
	})
}

// oldTo returns the sheet row up to which a first read counts rows as old.
func (p *poll) oldTo(ctx context.Context) (int, error) {
	start := p.recipe.Trigger.Start
	if p.known && p.stored.SpreadsheetID != "" {
		p.log.Warn("the zap now watches another worksheet: its existing rows are not sent",
			zap.String("worksheet", p.sheet.title), zap.Int("rows", p.reading.Len()), zap.String("next", "rowtap status says how to send them"))
		return math.MaxInt, nil
	}
	before, err := p.renamedFrom(ctx)
	if err != nil {
		return 0, err
	}
	if before != "" {
		return math.MaxInt, p.askAboutRename(ctx, before)
	}
	if start.Now {
		return math.MaxInt, nil
	}
	if start.Beginning {
		return 0, nil
	}
	return start.Row, nil
}

// renamedFrom returns the name of a zap that watched the same worksheet and is no longer in the
// configuration; "" if there is none.
func (p *poll) renamedFrom(ctx context.Context) (string, error) {
	names, err := p.poller.removed.zaps(ctx, p.plan, p.poller.opts.Ledger.Zaps)
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
