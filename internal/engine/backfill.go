package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/row"
	"github.com/rowtap/rowtap/internal/sheets"
)

// ErrRows is a range of sheet rows that is none.
var ErrRows = errors.New("no range of sheet rows")

// liveFor is how old an event may be for CleverTap to let it trigger live campaigns
// (https://developer.clevertap.com/docs/upload-events-api).
const liveFor = 2 * time.Hour

// shownProblems bounds the rows that a dry run tells of by name.
const shownProblems = 5

// Backfilled is what a backfill did, or with DryRun what it would do. Rows are counted.
type Backfilled struct {
	Zap       string `json:"zap"`
	Rows      string `json:"rows"` // the sheet rows asked for
	DryRun    bool   `json:"dry_run,omitempty"`
	Queued    int    `json:"queued"`    // there at the start, and sent now
	Skipped   int    `json:"skipped"`   // of these, dropped by the filter; known to a dry run alone, as the next ones
	Failed    int    `json:"failed"`    // of these, refused by the mapping
	Late      int    `json:"late"`      // of these, events too old to trigger a live campaign
	Delivered int    `json:"delivered"` // passed over: they have a delivery already
	Waiting   int    `json:"waiting"`   // passed over: not complete; they are sent once they are

	Event    string            `json:"event"`              // of the zap's action
	Problems []BackfillProblem `json:"problems,omitempty"` // the first that failed
}

// BackfillProblem is a row that a backfill cannot send.
type BackfillProblem struct {
	Row     int             `json:"row"`
	Problem *ledger.Problem `json:"error"`
}

// ParseRows reads a range of sheet rows, "2:5000", both included; "" is all of them. Its error wraps ErrRows.
func ParseRows(s string) (from, to int, err error) {
	if s == "" {
		return 1, math.MaxInt32, nil
	}
	a, b, two := strings.Cut(s, ":")
	if !two {
		b = a
	}
	from, err = strconv.Atoi(strings.TrimSpace(a))
	if err == nil {
		to, err = strconv.Atoi(strings.TrimSpace(b))
	}
	if err != nil || from < 1 || to < from || to > math.MaxInt32 {
		return 0, 0, fmt.Errorf("rows %q: %w: write the first and the last, such as 2:5000", s, ErrRows)
	}
	return from, to, nil
}

// Backfill queues the rows of a zap's worksheet that were there at the start, within a range of sheet rows ([ParseRows]). Those that have
// a delivery already are passed over, so that doing it twice, or again after it broke off, sends no row twice. With dryRun it
// maps the rows, says what would become of them, and queues none. tell is called now and then with how many rows are through, of how
// many; it may be nil.
//
// The zap's polls wait meanwhile. Rows are queued page by page, each page with the cursor in one transaction, and are sent while the next
// ones are read. The errors are those of [Engine.Poll], and ErrRows.
func (e *Engine) Backfill(ctx context.Context, name, rows string, dryRun bool, tell func(through, of int)) (Backfilled, error) {
	from, to, err := ParseRows(rows)
	if err != nil {
		return Backfilled{}, err
	}
	sum := Backfilled{Zap: name, Rows: rows, DryRun: dryRun}
	if tell == nil {
		tell = func(int, int) {}
	}
	for attempt := 0; ; attempt++ {
		if attempt > 0 { // what is known of the worksheet is not what it shows
			if err := e.pollFor(ctx, name); err != nil {
				return sum, err
			}
		}
		b := backfill{sum: &sum, from: from, to: to, tell: tell}
		if b.poll, err = e.takeTurn(ctx, name); err != nil {
			return sum, err
		}
		err = b.run(ctx)
		<-b.beat.turn
		if !errors.Is(err, sheets.ErrTorn) || attempt == tornReads {
			if err != nil {
				err = fmt.Errorf("backfill %s, after %d rows: %w", name, sum.Queued, e.withHint(name, err))
			}
			return sum, err
		}
		if dryRun {
			sum = Backfilled{Zap: name, Rows: rows, DryRun: true}
		}
	}
}

// pollFor polls a zap before a backfill goes on.
func (e *Engine) pollFor(ctx context.Context, name string) error {
	report, err := e.PollNow(ctx, name)
	if err == nil && report.Doubt != "" {
		err = &Hinted{Err: errors.New("nothing is taken from this read: " + report.Doubt), Hint: "try again in a minute"}
	}
	if err != nil {
		return fmt.Errorf("backfill %s: %w", name, err)
	}
	return nil
}

// backfill is one pass over the old rows of a worksheet, in the zap's turn.
type backfill struct {
	*poll
	sum      *Backfilled
	from, to int
	tell     func(through, of int)
	all      int // rows to go through
	through  int
	bound    *mapping.Bound
	needed   []int // columns that have to be filled
}

// page is a part of the rows, on its way from the sheet into the ledger.
type page struct{ rows []row.Row }

// run reads, types and queues the rows, three pages at a time: one is read while the one before is typed and the one before that
// committed.
func (b *backfill) run(ctx context.Context) error {
	if err := b.open(ctx); err != nil {
		return err
	}
	rows, passed := b.cursor.Old(b.from, b.to)
	b.sum.Delivered, b.sum.Waiting, b.sum.Event = passed.Delivered-b.sum.Queued, passed.Waiting, string(b.recipe.Action.Event)
	if b.sum.DryRun {
		b.sum.Delivered = passed.Delivered
	}
	b.all = len(rows)
	known := b.cursor.Under(b.header) // the pages that are queued make other cursors of it
	g, ctx := errgroup.WithContext(ctx)
	read, typed := make(chan page), make(chan page)
	g.Go(func() error {
		defer close(read)
		return b.read(ctx, known, rows, read)
	})
	g.Go(func() error {
		defer close(typed)
		for p := range read {
			if err := b.dates(ctx, &p); err != nil {
				return err
			}
			select {
			case typed <- p:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	g.Go(func() error {
		for p := range typed {
			if err := b.take(p); err != nil {
				return err
			}
			b.tell(b.through, b.all)
		}
		return nil
	})
	return g.Wait()
}

// open finds the worksheet, its header and what is known of it.
func (b *backfill) open(ctx context.Context) (err error) {
	if err := b.prepare(); err != nil {
		return err
	}
	if b.account, err = b.among.google[b.recipe.Trigger.Account.Name].open(ctx); err != nil {
		return err
	}
	b.begin()
	if b.sheet == nil { // it has not been polled in this run
		return sheets.ErrTorn
	}
	if err := b.decode(); err != nil {
		return err
	}
	if !b.seen {
		return sheets.ErrTorn
	}
	b.engine.memory.forget(b.recipe.Name)
	at := b.recipe.Trigger.HeaderRow
	answer, err := b.account.Ranges(ctx, b.recipe.Trigger.SpreadsheetID,
		[]sheets.Range{{Title: b.sheet.title, First: at, Last: at}}, sheets.Serials, sheets.Finishing)
	if err != nil {
		return err
	}
	names := row.NewHeader(answer.Blocks[0].Cells(at)).Names()
	for len(names) < len(b.cursor.Columns) { // columns that only rows reach
		names = append(names, "")
	}
	b.header = row.HeaderOf(names)
	o, columns, err := b.options(b.header)
	if err == nil {
		err = columns
	}
	if err != nil {
		return err
	}
	for _, name := range o.Require {
		i, _ := b.header.Index(name)
		b.needed = append(b.needed, i)
	}
	b.bound, err = b.recipe.Mapping.Bind(b.header)
	return err
}

// read sends the rows' pages.
func (b *backfill) read(ctx context.Context, known detect.Sight, rows []int, to chan<- page) error {
	for _, r := range sheets.RowRanges(b.sheet.title, rows, b.header.Len()) {
		answer, err := b.ranges(ctx, []sheets.Range{r}, sheets.Serials)
		if err != nil {
			return err
		}
		var p page
		for line := range answer.Blocks[0].Rows(b.recipe.Trigger.HeaderRow) {
			if _, wanted := slices.BinarySearch(rows, line.Number); wanted {
				if !known.Equals(line) {
					return sheets.ErrTorn
				}
				p.rows = append(p.rows, line)
			}
		}
		select {
		case to <- p:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// dates tells dates from numbers in a page.
func (b *backfill) dates(ctx context.Context, p *page) error {
	numbers, width := sheets.WithNumbers(p.rows)
	if len(numbers) == 0 {
		return nil
	}
	answer, err := b.ranges(ctx, sheets.RowRanges(b.sheet.title, numbers, width), sheets.Shown)
	if err == nil {
		p.rows, err = sheets.Typed(p.rows, answer.Blocks)
	}
	return err
}

// ranges reads ranges behind the polls of other zaps. Rows that are not there any more were there a moment ago.
func (b *backfill) ranges(ctx context.Context, ranges []sheets.Range, render sheets.Render) (sheets.Answer, error) {
	answer, err := b.account.Ranges(ctx, b.recipe.Trigger.SpreadsheetID, ranges, render, sheets.Bulk)
	if wrong, ok := errors.AsType[*sheets.Error](err); ok && (wrong.Kind == sheets.PastGrid || wrong.Kind == sheets.UnknownRange) {
		return answer, sheets.ErrTorn
	}
	return answer, err
}

// take queues the rows of a page that are complete, or says what would become of them.
func (b *backfill) take(p page) error {
	b.through += len(p.rows)
	complete := slices.DeleteFunc(p.rows, func(r row.Row) bool {
		return slices.ContainsFunc(b.needed, func(i int) bool { return r.Cell(i).Blank() || r.Cell(i).ErrorText() })
	})
	b.sum.Waiting += len(p.rows) - len(complete)
	if b.sum.DryRun {
		b.rehearse(complete)
		return nil
	}
	numbers := make([]int, len(complete))
	for i, r := range complete {
		numbers[i] = r.Number
	}
	cursor, found := b.cursor.Fire(numbers)
	n, changed := cursor.Since(b.cursor)
	c := b.commitOf()
	c.Cursor = ledger.CursorUpdate{Chunks: n, Changed: changed}
	note := noteOf("backfill", c.At)
	for i, f := range found {
		c.New = append(c.New, ledger.NewRow{Delivery: f.Delivery, Row: complete[i], State: ledger.Queued, Reason: note})
	}
	began := time.Now()
	if err := b.engine.ledger.Commit(b.recipe.Name, c); err != nil {
		return err
	}
	b.engine.metrics.committed(began)
	b.engine.metrics.found(b.recipe.Name, c)
	b.cursor = cursor
	b.sum.Queued += len(found)
	b.log.Info("backfill", zap.Int("queued", b.sum.Queued), zap.Int("of", b.all))
	b.engine.sender.look(b.recipe.Name, false)
	return nil
}

// rehearse maps rows and counts what would become of them.
func (b *backfill) rehearse(rows []row.Row) {
	zone, _ := row.Zone(b.sheet.zone) // find lets no zap go on with an unknown one
	now := b.engine.now()
	for _, r := range rows {
		record, keep, err := b.bound.Record(r, mapping.Context{Zone: zone, DetectedAt: now})
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
			if b.recipe.Action.Event == config.UploadEvent && tsOf(record.JSON).Before(now.Add(-liveFor)) {
				b.sum.Late++
			}
		}
	}
}

// tsOf returns the time of a record.
func tsOf(record []byte) time.Time {
	var r struct {
		TS int64 `json:"ts"`
	}
	if json.Unmarshal(record, &r) != nil || r.TS == 0 {
		return time.Now()
	}
	return time.Unix(r.TS, 0)
}

// noteOf is what history says of an operator's doing: what, and when.
func noteOf(what string, at time.Time) string {
	return what + " by an operator, " + at.UTC().Format("2006-01-02 15:04:05") + " UTC"
}
