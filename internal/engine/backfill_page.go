package engine

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/rowtap/rowtap/internal/clevertap"
	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/row"
	"github.com/rowtap/rowtap/internal/sheets"
)

const (
	// backfillCells is about how many cells a page of a backfill has: what one request reads.
	backfillCells = 100_000
	// shownProblems bounds the rows that a dry run tells of by name.
	shownProblems = 5
)

// source is where the rows of a backfill are read.
type source struct {
	account       *sheets.Account
	spreadsheetID string
	title         string
	headerRow     int
	width         int // columns of the widest row so far
}

// sheetPage is some rows that were read again, with the header of that moment.
type sheetPage struct {
	numbers []int // asked for
	header  row.Header
	rows    []row.Row // of these; none if the sheet changed meanwhile
}

// read reads sheet rows page by page. Rows that stand far apart are read by many ranges, as many as one request takes.
func (s *source) read(ctx context.Context, numbers []int, to chan<- sheetPage) error {
	most := max(backfillCells/max(s.width, 1), 1)
	for len(numbers) > 0 {
		n := min(most, len(numbers))
		page, err := s.page(ctx, numbers[:n])
		if errors.Is(err, sheets.ErrTooBig) && n > 1 {
			most = (n + 1) / 2
			continue
		}
		if err != nil {
			return err
		}
		select {
		case to <- page:
		case <-ctx.Done():
			return ctx.Err()
		}
		numbers = numbers[n:]
	}
	return nil
}

// page reads some rows. Where they are not there any more it has none.
func (s *source) page(ctx context.Context, numbers []int) (sheetPage, error) {
	page := sheetPage{numbers: numbers}
	header := sheets.Range{Title: s.title, First: s.headerRow, Last: s.headerRow}
	ranges := append([]sheets.Range{header}, sheets.RowRanges(s.title, numbers, s.width)...)
	answer, err := s.account.Ranges(ctx, s.spreadsheetID, ranges, sheets.Serials, sheets.Bulk)
	if err != nil {
		return page, unlessMoved(err)
	}
	for _, b := range answer.Blocks {
		s.width = max(s.width, b.Width())
	}
	page.header, err = s.account.Header(ctx, s.spreadsheetID, s.title, s.headerRow, answer.Blocks[0].Cells(s.headerRow), sheets.Bulk)
	if err != nil {
		return page, unlessMoved(err)
	}
	page.header = page.header.Wide(s.width)
	page.rows = make([]row.Row, len(numbers))
	blocks := answer.Blocks[1:]
	for i, number := range numbers {
		for number > blocks[0].Last && len(blocks) > 1 {
			blocks = blocks[1:]
		}
		page.rows[i] = row.Row{Number: number, Cells: blocks[0].Cells(number)}
	}
	return page, nil
}

// date tells dates from numbers in pages. A page that changed meanwhile loses its rows.
func (s *source) date(ctx context.Context, from <-chan sheetPage, to chan<- sheetPage) error {
	for page := range from {
		if numbers, width := sheets.WithNumbers(page.rows); len(numbers) > 0 {
			shown, err := s.account.Rows(ctx, s.spreadsheetID, sheets.RowRanges(s.title, numbers, width), sheets.Shown, sheets.Bulk)
			if err == nil {
				page.rows, err = sheets.Typed(page.rows, shown.Blocks)
			} else {
				page.rows = nil
			}
			if err := unlessMoved(err); err != nil {
				return err
			}
		}
		select {
		case to <- page:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// unlessMoved returns an error unless it says that the rows are elsewhere by now.
func unlessMoved(err error) error {
	wrong, ok := errors.AsType[*sheets.Error](err)
	if ok && (wrong.Kind == sheets.PastGrid || wrong.Kind == sheets.UnknownRange || errors.Is(err, sheets.ErrTorn)) {
		return nil
	}
	return err
}

// take queues those rows of a page that may fire, in the zap's turn, and returns how many are not what the last poll saw.
func (b *backfill) take(ctx context.Context, page sheetPage) (differ int, err error) {
	p, release, err := b.turn(ctx)
	if err != nil {
		return 0, err
	}
	defer release()
	t := p.recipe.Trigger
	if t.HeaderRow != b.source.headerRow || t.SpreadsheetID != b.source.spreadsheetID || p.sheet.title != b.source.title {
		return 0, errBehind
	}
	if len(page.rows) == 0 {
		return len(page.numbers), nil
	}
	o, columns, err := p.options(page.header)
	if err == nil {
		err = columns
	}
	if err != nil {
		return 0, err
	}
	bound, err := p.recipe.Mapping.Bind(page.header)
	if err != nil {
		return 0, err
	}
	telling := slices.Concat(o.Require, o.Key, bound.IdentityColumns())
	fire := page.rows[:0]
	for i, stand := range b.fill.Check(page.header, page.rows, telling, o) {
		switch stand {
		case detect.BackfillReady:
			fire = append(fire, page.rows[i])
		case detect.BackfillFired: // meanwhile
			b.sum.Delivered++
		case detect.BackfillIncomplete:
			b.sum.Waiting++
		case detect.BackfillKeyTaken:
			b.sum.SameKey++
		case detect.BackfillChanged:
			differ++
		}
	}
	p.header = page.header
	if b.sum.DryRun {
		b.rehearse(p, bound, fire)
		return differ, nil
	}
	return differ, b.queue(p, fire)
}

// queue makes rows durable as deliveries, together with the mark that they have fired.
func (b *backfill) queue(p *poll, rows []row.Row) error {
	if len(rows) == 0 {
		return nil
	}
	b.engine.numbering.Lock()
	defer b.engine.numbering.Unlock()
	next, err := b.engine.ledger.NextDelivery(b.name)
	if err != nil {
		return err
	}
	numbers := make([]int, len(rows))
	news := make([]ledger.NewRow, len(rows))
	for i, r := range rows {
		numbers[i] = r.Number
		news[i] = ledger.NewRow{Delivery: next + uint64(i), Row: r, State: ledger.Queued, Reason: b.note}
	}
	b.engine.memory.forget(b.name)
	b.fill.Fire(numbers, next)
	p.result.Unchanged = true // the cursor is the backfill's
	c := p.commitOf()
	c.New = news
	c.Start = &ledger.Start{} // how many rows were there is of no more use
	c.Cursor.Chunks, c.Cursor.Changed = b.fill.Since()
	began := time.Now()
	p.beat.commits++
	if err := b.engine.ledger.Commit(b.name, c); err != nil {
		b.fill = nil
		b.engine.sender.look(b.name, true) // it may have been written all the same
		return err
	}
	b.commits = p.beat.commits
	b.engine.metrics.committed(began)
	p.result.Cursor = b.fill.Cursor()
	p.remember()
	p.tell(c)
	b.sum.Queued += len(rows)
	return nil
}

// rehearse maps rows and counts what would become of them.
func (b *backfill) rehearse(p *poll, bound *mapping.Bound, rows []row.Row) {
	zone, _ := row.Zone(p.sheet.zone) // find lets no zap go on with an unknown one
	ctx := mapping.Context{Zone: zone, DetectedAt: b.engine.now()}
	for _, r := range rows {
		keep, tooLate, err := rehearseRow(p.recipe, bound, r, ctx)
		switch {
		case err != nil:
			b.sum.Failed++
			if len(b.sum.Problems) < shownProblems {
				b.sum.Problems = append(b.sum.Problems, BackfillProblem{r.Number, problemOf(err)})
			}
		case !keep:
			b.sum.Skipped++
		default:
			b.sum.Queued++
			if tooLate {
				b.sum.Late++
			}
		}
	}
}

// rehearseRow maps a row by all actions; tooLate tells that an event of it would trigger no live campaign.
func rehearseRow(r *Recipe, bound *mapping.Bound, sheetRow row.Row, ctx mapping.Context) (keep, tooLate bool, err error) {
	for nth, a := range r.Actions {
		record, keep, err := bound.Record(nth, sheetRow, ctx)
		if err != nil || !keep {
			return keep, false, err
		}
		tooLate = tooLate || a.Event == config.UploadEvent && a.Time != nil && late(record.JSON, ctx.DetectedAt)
	}
	return true, tooLate, nil
}

// late tells whether a record's time is too long ago for live campaigns.
func late(record []byte, now time.Time) bool {
	var r struct {
		TS int64 `json:"ts"`
	}
	return json.Unmarshal(record, &r) == nil && r.TS != 0 && time.Unix(r.TS, 0).Before(now.Add(-clevertap.LiveFor))
}
