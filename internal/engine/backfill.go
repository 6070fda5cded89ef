package engine

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/ledger"
)

// ErrRows is a range of sheet rows that is none.
var ErrRows = errors.New("no range of sheet rows")

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
	Waiting   int    `json:"waiting"`   // passed over: not complete; those that were not at the start are sent once they are
	SameKey   int    `json:"same_key"`  // passed over: another row of their key has fired, or stands above
	Changed   int    `json:"changed"`   // passed over: they were changed at each look

	Event    string            `json:"event"`              // of the zap's actions: upload_event, if one of them does
	Now      bool              `json:"now,omitempty"`      // an action that uploads events has no time: theirs is that of being queued
	Problems []BackfillProblem `json:"problems,omitempty"` // the first that failed
}

// BackfillProblem is a row that a backfill cannot send.
type BackfillProblem struct {
	Row     int             `json:"row"`
	Problem *ledger.Problem `json:"error"`
}

// ParseRows reads a range of sheet rows, "2:5000", both included; an end that is left out ("2:") is open, and "" is all of them. Its
// error wraps ErrRows.
func ParseRows(s string) (from, to int, err error) {
	a, b, two := strings.Cut(s, ":")
	if !two {
		b = a
	}
	from, to = 1, math.MaxInt32
	if a = strings.TrimSpace(a); a != "" {
		from, err = strconv.Atoi(a)
	}
	if b = strings.TrimSpace(b); b != "" && err == nil {
		to, err = strconv.Atoi(b)
	}
	if err != nil || from < 1 || to < from || to > math.MaxInt32 || two && a == "" && b == "" {
		return 0, 0, fmt.Errorf("rows %q: %w: write the first and the last, such as 2:5000", s, ErrRows)
	}
	return from, to, nil
}

// Backfill queues the rows of a zap's worksheet that were there at the start, within a range of sheet rows ([ParseRows]). Those that have
// a delivery already are passed over, so that doing it twice, or again after it broke off, sends no row twice. With dryRun it
// maps the rows, says what would become of them, and queues none. tell is called now and then with how many rows are through, of how
// many; it may be nil.
//
// Rows are queued page by page, each page with the cursor in one transaction, and are sent while the next ones are read. The zap is
// polled in between as always: a long backfill keeps no new row waiting, and takes only the reads that polls leave (sheets.Bulk). So a
// row is queued only if it is still what the last poll saw in its place; where rows are not, the zap is polled and they are looked at
// again. A range is of the rows that stand in it at that moment. Since an operator asks for it, max_new_rows holds nothing.
//
// The errors are those of [Engine.Poll], and ErrRows.
func (e *Engine) Backfill(ctx context.Context, name, rows string, dryRun bool, tell func(through, of int)) (Backfilled, error) {
	from, to, err := ParseRows(rows)
	if err != nil {
		return Backfilled{}, err
	}
	if tell == nil {
		tell = func(int, int) {}
	}
	b := &backfill{
		engine: e, name: name, from: from, to: to, tell: tell, note: noteOf("backfill", e.now()),
		sum: Backfilled{Zap: name, Rows: rows, DryRun: dryRun},
	}
	began := time.Now()
	err = b.run(ctx)
	if b.sum.Queued > 0 && !dryRun {
		e.log.Info("backfill by an operator", zap.String("zap", name), zap.String("rows", rows), zap.Int("queued", b.sum.Queued),
			zap.Duration("took", time.Since(began).Round(time.Millisecond)))
	}
	if err != nil {
		after := ""
		if b.through > 0 {
			after = fmt.Sprintf(", after %d rows", b.through)
		}
		err = fmt.Errorf("backfill %s%s: %w", name, after, e.withHint(name, err))
	}
	return b.sum, err
}

// backfill is one backfill under way.
type backfill struct {
	engine   *Engine
	name     string
	from, to int
	tell     func(through, of int)
	note     string // of its rows, in history
	sum      Backfilled
	through  int  // rows that are done with
	begun    bool // what is passed over was counted

	// What is known of the worksheet, and after which of the zap's commits; fill is nil while it is not at hand.
	fill    *detect.Backfill
	of      *beat
	commits int
	source  source
}

// errBehind tells that the sheet, or what is asked of it, is not what the last poll saw.
var errBehind = errors.New("the last poll is behind")

// run makes passes over the old rows. Each takes the rows that are as the last poll saw them; after another poll the next one takes the
// rest. What differs after a few, such as a formula of texts that change by themselves, is passed over.
func (b *backfill) run(ctx context.Context) error {
	for pass := 0; ; pass++ {
		differ, err := b.pass(ctx, pass == tornReads)
		behind := errors.Is(err, errBehind)
		switch {
		case err != nil && !behind:
			return err
		case pass == tornReads && behind:
			return &Blocked{
				Reason: fmt.Sprintf("the worksheet changed during each of %d reads", tornReads+1),
				Hint:   "the same again: rows that are queued are not queued twice",
			}
		case pass == tornReads || differ == 0 && !behind:
			b.sum.Changed = differ
			return nil
		}
		b.fill = nil
		report, err := b.engine.Poll(ctx, b.name)
		if err != nil {
			return err
		}
		if report.Partial != "" {
			return &Hinted{Err: errors.New(report.Partial), Hint: "try again when it changes less often"}
		}
		if report.Doubt != "" {
			return &Hinted{Err: errors.New("nothing is taken from this read: " + report.Doubt), Hint: "try again in a minute"}
		}
	}
}

// pass goes once over the rows that are left, three pages at a time: one is read while the dates of the one before are read and the one
// before that is queued. It returns how many rows are not what the last poll saw; only the last pass goes on where most are not.
func (b *backfill) pass(ctx context.Context, last bool) (differ int, err error) {
	numbers, err := b.plan(ctx)
	if err != nil || len(numbers) == 0 {
		return 0, err
	}
	all := b.through + len(numbers)
	g, ctx := errgroup.WithContext(ctx)
	read, dated := make(chan sheetPage), make(chan sheetPage)
	g.Go(func() error {
		defer close(read)
		return b.source.read(ctx, numbers, read)
	})
	g.Go(func() error {
		defer close(dated)
		return b.source.date(ctx, read, dated)
	})
	g.Go(func() error {
		for page := range dated {
			n, err := b.take(ctx, page)
			if err != nil {
				return err
			}
			differ += n
			b.through += len(page.numbers) - n
			b.tell(b.through, all)
			if !last && n > len(page.numbers)/2 {
				return errBehind // rows were inserted or deleted above
			}
		}
		return ctx.Err()
	})
	err = g.Wait()
	return differ, err
}

// plan returns the sheet rows that are to be read.
func (b *backfill) plan(ctx context.Context) ([]int, error) {
	p, release, err := b.turn(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	known := b.fill.Known(b.from, b.to)
	if b.sum.DryRun { // it leaves no marks, and looks at all rows again
		b.sum = Backfilled{Zap: b.name, Rows: b.sum.Rows, DryRun: true}
		b.through, b.begun = 0, false
	}
	if !b.begun {
		b.sum.Delivered, b.begun = known.Delivered, true
	}
	b.sum.Waiting, b.sum.SameKey = known.Waiting, 0 // rows that were passed over are looked at again, too
	b.sum.Event, b.sum.Now = string(config.CreateUpdateUserProfile), false
	for _, a := range p.recipe.Actions {
		if a.Event == config.UploadEvent {
			b.sum.Event, b.sum.Now = string(a.Event), b.sum.Now || a.Time == nil
		}
	}
	b.source = source{
		account: p.account, spreadsheetID: p.recipe.Trigger.SpreadsheetID, title: p.sheet.title,
		headerRow: p.recipe.Trigger.HeaderRow, width: len(b.fill.Cursor().Columns),
	}
	return b.fill.Old(b.from, b.to), nil
}

// turn takes the zap's turn, until release, with what is known of its worksheet at hand. The error wraps errBehind where a poll has to
// come first.
func (b *backfill) turn(ctx context.Context) (p *poll, release func(), err error) {
	taken, err := b.engine.takeTurn(ctx, b.name, true)
	if err != nil {
		return nil, nil, err
	}
	opened := false
	defer func() {
		if !opened { // after a panic, too
			<-taken.beat.turn
		}
	}()
	if err := b.open(ctx, taken); err != nil {
		return nil, nil, err
	}
	opened = true
	return taken, func() { <-taken.beat.turn }, nil
}

func (b *backfill) open(ctx context.Context, p *poll) (err error) {
	if err := b.engine.inPlace(); err != nil {
		return err
	}
	if p.kept, p.known, err = b.engine.ledger.Zap(ctx, b.name); err != nil {
		return err
	}
	switch {
	case p.kept.Paused:
		return ErrPaused
	case !p.recipe.Enabled:
		return ErrDisabled
	}
	if p.account, err = p.among.google[p.recipe.Trigger.Account.Name].open(ctx); err != nil {
		return err
	}
	p.begin()
	if p.sheet == nil || p.elsewhere() {
		return errBehind
	}
	if b.fill != nil && b.of == p.beat && b.commits == p.beat.commits {
		return nil
	}
	if err := p.decode(ctx); err != nil {
		return err
	}
	if !p.seen {
		return errBehind
	}
	b.fill, b.of, b.commits = detect.NewBackfill(p.cursor), p.beat, p.beat.commits
	return nil
}

// noteOf is what history says of an operator's doing: what, and when.
func noteOf(what string, at time.Time) string {
	return what + " by an operator, " + at.UTC().Format("2006-01-02 15:04:05") + " UTC"
}
