package poll

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/plan"
	"github.com/rowtap/rowtap/internal/row"
	"github.com/rowtap/rowtap/internal/sheets"
)

// ErrPaused is returned where a zap is paused, ErrNotPaused where it must be and is not, ErrDisabled where it says enabled: false and
// its baseline is known, ErrNoZap where the configuration has none of that name.
var (
	ErrPaused    = errors.New("the zap is paused")
	ErrNotPaused = errors.New("the zap is not paused")
	ErrDisabled  = errors.New("the zap is not enabled")
	ErrNoZap     = errors.New("no such zap")
)

// SkippedByOperator is the reason in the ledger of rows that [Poller.PollSkipping] found.
const SkippedByOperator = "added while the zap was paused, and skipped by an operator"

// Report is what a poll came to.
type Report struct {
	Rows     int           `json:"rows"`     // in the worksheet, below the header
	Found    int           `json:"found"`    // new ones
	Waiting  int           `json:"waiting"`  // of these, not ready yet
	Held     int           `json:"held"`     // of these, for an operator
	Baseline bool          `json:"baseline"` // the worksheet was read for the first time
	Doubt    string        `json:"doubt,omitempty"`
	Partial  string        `json:"partial,omitempty"` // why some of what was read waits for another read; "": all was taken
	Again    time.Duration `json:"-"`                 // look again after this long
	left     int           // new rows that the next polls take, see takenAtOnce
	Pages    float64       `json:"-"` // that reading it whole now and then takes a minute, beside the polls

	Spreadsheet string `json:"-"` // its title; "": it was not reached
}

// poll is one poll of one zap, a part of a round. The round calls its methods in the order in which they stand here and in
// read.go, compare.go and commit.go; err ends it.
type poll struct {
	poller   *Poller
	name     string // the zap's
	among    *plan.Plan
	recipe   *plan.Recipe
	schedule *zapSchedule
	visit    *visit
	whole    bool      // an operator asks for it: the worksheet is read whole
	skip     bool      // new rows are recorded as skipped, though the zap is paused
	fill     *backfill // rows that were there at the start are found, too; nil: only new ones
	ended    func(Report, error)
	log      *zap.Logger
	account  *sheets.Account

	kept   ledger.Zap        // what the ledger knows of the zap
	known  bool              // it knows it at all
	failed []ledger.Delivery // of the zap, the newest ones, newest first; their cells are compared with the sheet's
	torn   int               // attempts in which the sheet changed on the way

	glimpses glimpses
	departure
	attempt
}

// attempt is what a poll begins anew with when the sheet changes on the way.
type attempt struct {
	err    error
	report Report

	sheet   *worksheet
	located bool // looked up in this attempt
	leaving bool // it is the one that the zap leaves, read a last time

	tails   bool // only a window is read
	window  detect.Window
	ranges  []sheets.Range // of its first request
	further bool           // it takes pages to read the worksheet whole
	pages   int            // that it took
	reading *detect.Reading
	blocks  []sheets.Block // of the first request, and of what a window was extended by
	cells   *rowStore      // the rows that were read

	cursor   detect.Cursor          // what was last seen
	seen     bool                   // there is such a cursor
	open     map[uint64]detect.Open // the open rows, as of the comparison
	result   detect.Result
	partial  bool  // the read was torn: the result is what two of them prove
	familiar bool  // all the rows that were known stand in it, and these are some
	first    bool  // the worksheet was read for the first time
	columns  error // the header lacks a column that the zap names: nothing but a baseline is committed
	header   row.Header
	changes  []followed
	shown    rowStore // the rows that go into the ledger, with dates told from numbers
}

// prepare reads what the ledger knows of the zap.
func (p *poll) prepare(ctx context.Context) (err error) {
	if err := p.poller.opts.InPlace(); err != nil {
		return err
	}
	p.kept, p.known, err = p.poller.opts.Ledger.Zap(ctx, p.recipe.Name)
	if err != nil {
		return err
	}
	switch question, asks := Asks(p.kept); {
	case asks && !p.skip:
		return &question
	case p.kept.Paused && !p.skip:
		return ErrPaused
	case !p.kept.Paused && p.skip:
		return ErrNotPaused
	}
	if !p.recipe.Enabled && p.based() {
		return ErrDisabled
	}
	if p.kept.Counts.Failed > 0 {
		p.failed, err = p.poller.opts.Ledger.Deliveries(ctx, ledger.Query{Zap: p.recipe.Name, State: ledger.Failed, Limit: correctedAtOnce})
	}
	return err
}

// begin starts an attempt.
func (p *poll) begin() {
	p.attempt = attempt{}
	if w := p.schedule.sheet; w != nil && w.spreadsheetID == p.recipe.Trigger.SpreadsheetID && p.names(w) && !p.outdated(w) {
		p.sheet = w
	}
}

// end tells who waits for the poll what it came to.
func (p *poll) end(report Report, err error) { p.ended(p.withLast(report), err) }

// Poll reads a zap's worksheet whole, finds what is new, and makes it durable. It waits for a poll of the zap that is under way.
//
// The error is the zap's trouble, which the next poll may find gone: [sheets.Error], [mapping.ColumnError], [Blocked], or
// an error of the ledger.
func (pr *Poller) Poll(ctx context.Context, name string) (Report, error) {
	return pr.poll(ctx, name, func(p *poll) { p.whole = true })
}

// PollSkipping is Poll for a zap that is paused, else it returns [ErrNotPaused]: its new rows are recorded as skipped.
func (pr *Poller) PollSkipping(ctx context.Context, name string) (Report, error) {
	return pr.poll(ctx, name, func(p *poll) { p.whole, p.skip = true, true })
}

// poll polls a zap as set says.
func (pr *Poller) poll(ctx context.Context, name string, set func(*poll)) (report Report, err error) {
	pr.pollAll(ctx, []string{name}, set, func(ends []End) { report, err = ends[0].Report, ends[0].Err })
	return report, err
}

// End is what the poll of a zap came to.
type End struct {
	Zap    string
	Report Report
	Err    error
}

// pollAll polls zaps of one spreadsheet together and tells what their polls came to, of several at a time where they end together;
// it may tell from several goroutines at once. A zap whose turn is taken, by an operator's poll perhaps, is waited for and polled by
// itself: the others need not wait for it. None waits while it has another's turn, so that none waits in a circle.
func (pr *Poller) pollAll(ctx context.Context, names []string, set func(*poll), ended func([]End)) {
	var polls []*poll
	var ends []End
	var alone errgroup.Group
	open := map[*poll]bool{} // those that have their turns
	defer func() {
		for p := range open { // a panic has cut them off, which net/http recovers where an operator asked for the poll
			if p.sheet != nil {
				p.sheet.read = time.Time{} // what this read found is not recorded: a window may not show it
			}
			pr.cache.forget(p.recipe.Name)
			pr.opts.Claims.EndPoll(p.name)
		}
	}()
	for _, name := range names {
		p, err := pr.takeTurn(ctx, name, len(names) == 1)
		if errors.Is(err, errTaken) {
			alone.Go(func() error {
				pr.pollAll(ctx, []string{name}, set, ended)
				return nil
			})
			continue
		}
		if err != nil {
			ends = append(ends, End{name, Report{}, err})
			continue
		}
		if set != nil {
			set(p)
		}
		began := time.Now()
		p.ended = func(report Report, err error) {
			pr.polled(ctx, p, began, report, err)
			delete(open, p)
			pr.opts.Claims.EndPoll(name) // whoever polls next sees what came of this poll
			ends = append(ends, End{name, report, err})
		}
		open[p] = true
		polls = append(polls, p)
	}
	tell := func() {
		if len(ends) > 0 {
			ended(ends)
		}
		ends = nil
	}
	pr.visitOf(ctx, polls, tell)
	tell()
	_ = alone.Wait() // it has told what came of each
}

// errTaken is a turn that is taken, where it is not waited for.
var errTaken = errors.New("another poll of the zap is under way")

// takeTurn begins a poll of a zap, of which one is under way at a time. Where another is, it waits for its end, or returns errTaken.
func (pr *Poller) takeTurn(ctx context.Context, name string, wait bool) (*poll, error) {
	pr.mu.Lock()
	b, among := pr.schedules[name], pr.plan
	pr.mu.Unlock()
	if b == nil {
		return nil, noZap(among, name)
	}
	if !pr.opts.Claims.TryPoll(name) {
		if !wait {
			return nil, errTaken
		}
		if err := pr.opts.Claims.Poll(ctx, name); err != nil {
			return nil, err
		}
	}
	p := &poll{poller: pr, name: name, schedule: b, log: pr.opts.Log.With(zap.String("zap", name))}
	if err := p.bind(); err != nil {
		pr.opts.Claims.EndPoll(name)
		return nil, err
	}
	return p, nil
}

// bind gives the poll the recipe in force. The error is [ErrNoZap]: its zap was taken out of the configuration.
func (p *poll) bind() error {
	pr := p.poller
	pr.mu.Lock()
	gone, among := pr.schedules[p.name] != p.schedule, pr.plan
	p.recipe, p.among = p.schedule.recipe, among
	pr.mu.Unlock()
	if gone {
		return noZap(among, p.name)
	}
	return nil
}

// ready ends the polls that cannot go on, and returns the others, under the recipes in force.
func ready(ctx context.Context, polls []*poll) []*poll {
	return only(polls, func(p *poll) bool {
		err := p.bind()
		if err == nil {
			err = p.prepare(ctx)
		}
		if err == nil {
			p.account, err = p.among.Google[p.recipe.Trigger.Account.Name].Open(ctx)
		}
		if err != nil {
			p.end(Report{}, err)
		}
		return err == nil
	})
}

// visitOf runs polls that have their turns: those of one account and spreadsheet in one round. ended is called each time that some have
// ended.
//
// A round waits for the quota before anything is decided: the recipe in force when its first request goes out counts, and so does a
// pause. A poll whose recipe names another spreadsheet by then goes into another round.
func (pr *Poller) visitOf(ctx context.Context, polls []*poll, ended func()) {
	polls = ready(ctx, polls)
	for len(polls) > 0 {
		first := polls[0]
		r := &visit{
			account:       first.account,
			spreadsheetID: first.recipe.Trigger.SpreadsheetID,
			slots:         pr.slotsOf(first.recipe.Trigger.Account.Name, first.whole),
			ended:         ended,
		}
		together := only(polls, r.takes)
		polls = only(polls, func(p *poll) bool { return !r.takes(p) })
		r.slots.quick(ctx, func() {
			admitted, err := r.account.Admit(ctx, r.spreadsheetID, sheets.Polling)
			if err != nil {
				for _, p := range together {
					p.end(Report{}, err)
				}
				return
			}
			together = ready(ctx, together)
			polls = append(polls, only(together, func(p *poll) bool { return !r.takes(p) })...)
			together = only(together, r.takes)
			for _, p := range together {
				p.visit = r
			}
			r.run(admitted, together)
		})
	}
}

// polled takes up what a poll came to.
func (pr *Poller) polled(ctx context.Context, p *poll, began time.Time, report Report, err error) {
	if ctx.Err() != nil {
		return
	}
	unread := errors.Is(err, ErrPaused) || errors.Is(err, ErrNotPaused) || errors.Is(err, ErrDisabled) || errors.Is(err, ErrNoZap) ||
		ledger.Displaced(err)
	pr.mu.Lock()
	gone := pr.schedules[p.name] != p.schedule
	p.schedule.loaded = p.schedule.loaded || err == nil || errors.Is(err, ErrDisabled)
	if !unread {
		p.schedule.read(report, err, pr.opts.Now())
	}
	former := p.schedule.see(p.header)
	pr.mu.Unlock()
	for _, w := range former {
		p.log.Warn(w.Message, zap.String("at", w.Pos.String()), zap.String("next", w.Suggestion))
	}
	if unread {
		return
	}
	if report.Baseline && gone {
		pr.removed.forget()
	}
	if report.Again > 0 {
		poke(pr.wake)
	}
	pr.opts.Polled(p.recipe.Name, began, report, err)
}

// headless takes up a worksheet without a header. One that is empty altogether starts at zero rows: those typed later are new,
// together with the header or after it.
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

// noZap is [ErrNoZap] with the name that may have been meant.
func noZap(among *plan.Plan, name string) error {
	return &hint.Error{Err: fmt.Errorf("poll %s: %w", name, ErrNoZap), Hint: among.Meant(name)}
}

// poke sends without waiting; one token is enough, since the receiver looks at everything.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
