package engine

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/row"
	"github.com/rowtap/rowtap/internal/sheets"
)

// ErrPaused is returned where a zap is paused, ErrNotPaused where it must be and is not, ErrDisabled where it says enabled: false and
// its baseline is known, ErrRemoved where the configuration no longer has a zap whose rows would be queued, ErrNoZap where it has none of
// that name.
var (
	ErrPaused    = errors.New("the zap is paused")
	ErrNotPaused = errors.New("the zap is not paused")
	ErrDisabled  = errors.New("the zap is not enabled")
	ErrRemoved   = errors.New("the configuration no longer has that zap, so that nothing would send its rows")
	ErrNoZap     = errors.New("no such zap")
)

// PollReport is what one poll came to.
type PollReport struct {
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

// Hinted is an error and what to do about it.
type Hinted struct {
	Err  error
	Hint string
}

func (h *Hinted) Error() string { return h.Err.Error() }
func (h *Hinted) Unwrap() error { return h.Err }

// Blocked says why a zap cannot go on until somebody does something, and what.
type Blocked struct {
	Reason string
	Hint   string
}

func (b *Blocked) Error() string { return b.Reason }

// poll is one poll of one zap, a part of a round. The round calls its methods in the order in which they stand here and in
// read.go, compare.go and commit.go; err ends it.
type poll struct {
	engine  *Engine
	name    string // the zap's
	among   *Plan
	recipe  *Recipe
	beat    *beat
	round   *round
	whole   bool // an operator asks for it: the worksheet is read whole
	skip    bool // new rows are recorded as skipped, though the zap is paused
	ended   func(PollReport, error)
	log     *zap.Logger
	account *sheets.Account

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
	report PollReport

	sheet   *worksheet
	located bool // looked up in this attempt
	leaving bool // it is the one that the zap leaves, read a last time

	tails   bool // only a window is read
	window  detect.Window
	ranges  []sheets.Range // of its first request
	further bool           // it takes pages to read the worksheet whole
	pages   int            // that it took
	reading *detect.Reading
	blocks  []sheets.Block // rows at hand
	bytes   int            // of the pages so far
	full    bool           // they were too many to keep

	cursor   detect.Cursor          // what was last seen
	seen     bool                   // there is such a cursor
	open     map[uint64]detect.Open // the open rows, as of the comparison
	result   detect.Result
	partial  bool            // the read was torn: the result is what two of them prove
	glimpsed map[int]row.Row // with partial: the rows at hand, by sheet row
	familiar bool            // all the rows that were known stand in it, and these are some
	first    bool            // the worksheet was read for the first time
	columns  error           // the header lacks a column that the zap names: nothing but a baseline is committed
	header   row.Header
	changes  []followed
	rows     map[int]row.Row // those that go into the ledger, by sheet row
}

// prepare reads what the ledger knows of the zap.
func (p *poll) prepare(ctx context.Context) (err error) {
	if err := p.engine.inPlace(); err != nil {
		return err
	}
	p.kept, p.known, err = p.engine.ledger.Zap(ctx, p.recipe.Name)
	if err != nil {
		return err
	}
	switch question := asks(p.kept); {
	case question != nil && !p.skip:
		return question
	case p.kept.Paused && !p.skip:
		return ErrPaused
	case !p.kept.Paused && p.skip:
		return ErrNotPaused
	}
	if !p.recipe.Enabled && p.based() {
		return ErrDisabled
	}
	if p.kept.Counts.Failed > 0 {
		p.failed, err = p.engine.ledger.Deliveries(ctx, ledger.Query{Zap: p.recipe.Name, State: ledger.Failed, Limit: correctedAtOnce})
	}
	return err
}

// begin starts an attempt.
func (p *poll) begin() {
	p.attempt = attempt{}
	if w := p.beat.sheet; w != nil && w.spreadsheetID == p.recipe.Trigger.SpreadsheetID && p.names(w) {
		p.sheet = w
	}
}

// end tells who waits for the poll what it came to.
func (p *poll) end(report PollReport, err error) { p.ended(p.withLast(report), err) }

// Poll reads a zap's worksheet whole, finds what is new, and makes it durable. It waits for a poll of the zap that is under way.
//
// The error is the zap's trouble, which the next poll may find gone: [sheets.Error], [mapping.ColumnError], [Blocked], or
// an error of the ledger.
func (e *Engine) Poll(ctx context.Context, name string) (PollReport, error) {
	return e.poll(ctx, name, false)
}

// poll is Poll; with skip it is that of a paused zap, whose new rows are recorded as skipped.
func (e *Engine) poll(ctx context.Context, name string, skip bool) (report PollReport, err error) {
	set := func(p *poll) { p.whole, p.skip = true, skip }
	e.pollAll(ctx, []string{name}, set, func(ends []pollEnd) { report, err = ends[0].report, ends[0].err })
	return report, err
}

// pollEnd is what a poll came to.
type pollEnd struct {
	zap    string
	report PollReport
	err    error
}

// pollAll polls zaps of one spreadsheet together and tells what their polls came to, of several at a time where they end together;
// it may tell from several goroutines at once. A zap whose turn is taken, by an operator's poll perhaps, is waited for and polled by
// itself: the others need not wait for it. None waits while it has another's turn, so that none waits in a circle.
func (e *Engine) pollAll(ctx context.Context, names []string, set func(*poll), ended func([]pollEnd)) {
	var polls []*poll
	var ends []pollEnd
	var alone errgroup.Group
	open := map[*poll]bool{} // those that have their turns
	defer func() {
		for p := range open { // a panic has cut them off, which net/http recovers where an operator asked for the poll
			if p.sheet != nil {
				p.sheet.read = time.Time{} // what this read found is not recorded: a window may not show it
			}
			e.memory.forget(p.recipe.Name)
			<-p.beat.turn
		}
	}()
	for _, name := range names {
		p, err := e.takeTurn(ctx, name, len(names) == 1)
		if errors.Is(err, errTaken) {
			alone.Go(func() error {
				e.pollAll(ctx, []string{name}, set, ended)
				return nil
			})
			continue
		}
		if err != nil {
			ends = append(ends, pollEnd{name, PollReport{}, err})
			continue
		}
		if set != nil {
			set(p)
		}
		began := time.Now()
		p.ended = func(report PollReport, err error) {
			e.polled(ctx, p, began, report, err)
			delete(open, p)
			<-p.beat.turn // whoever takes it next sees what came of this poll
			ends = append(ends, pollEnd{name, report, err})
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
	e.roundOf(ctx, polls, tell)
	tell()
	_ = alone.Wait() // it has told what came of each
}

// errTaken is a turn that is taken, where it is not waited for.
var errTaken = errors.New("another poll of the zap is under way")

// takeTurn begins a poll of a zap, of which one is under way at a time. Where another is, it waits for its end, or returns errTaken.
func (e *Engine) takeTurn(ctx context.Context, name string, wait bool) (*poll, error) {
	e.mu.Lock()
	b := e.beats[name]
	e.mu.Unlock()
	if b == nil {
		return nil, e.noZap("poll", name)
	}
	select {
	case b.turn <- struct{}{}:
	default:
		if !wait {
			return nil, errTaken
		}
		select {
		case b.turn <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	p := &poll{engine: e, name: name, beat: b, log: e.log.With(zap.String("zap", name))}
	if err := p.bind(); err != nil {
		<-b.turn
		return nil, err
	}
	return p, nil
}

// bind gives the poll the recipe in force. The error is [ErrNoZap]: its zap was taken out of the configuration.
func (p *poll) bind() error {
	e := p.engine
	e.mu.Lock()
	gone := e.beats[p.name] != p.beat
	p.recipe, p.among = p.beat.recipe, e.plan
	e.mu.Unlock()
	if gone {
		return e.noZap("poll", p.name)
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
			p.account, err = p.among.google[p.recipe.Trigger.Account.Name].open(ctx)
		}
		if err != nil {
			p.end(PollReport{}, err)
		}
		return err == nil
	})
}

// roundOf runs polls that have their turns: those of one account and spreadsheet in one round. ended is called each time that some have
// ended.
//
// A round waits for the quota before anything is decided: the recipe in force when its first request goes out counts, and so does a
// pause. A poll whose recipe names another spreadsheet by then goes into another round.
func (e *Engine) roundOf(ctx context.Context, polls []*poll, ended func()) {
	polls = ready(ctx, polls)
	for len(polls) > 0 {
		first := polls[0]
		r := &round{
			account:       first.account,
			spreadsheetID: first.recipe.Trigger.SpreadsheetID,
			lane:          e.lane(first.recipe.Trigger.Account.Name, first.whole),
			ended:         ended,
		}
		together := only(polls, r.takes)
		polls = only(polls, func(p *poll) bool { return !r.takes(p) })
		r.lane.quick(ctx, func() {
			admitted, err := r.account.Admit(ctx, r.spreadsheetID, sheets.Polling)
			if err != nil {
				for _, p := range together {
					p.end(PollReport{}, err)
				}
				return
			}
			together = ready(ctx, together)
			polls = append(polls, only(together, func(p *poll) bool { return !r.takes(p) })...)
			together = only(together, r.takes)
			for _, p := range together {
				p.round = r
			}
			r.run(admitted, together)
		})
	}
}

// polled takes up what a poll came to.
func (e *Engine) polled(ctx context.Context, p *poll, began time.Time, report PollReport, err error) {
	if ctx.Err() != nil {
		return
	}
	unread := errors.Is(err, ErrPaused) || errors.Is(err, ErrNotPaused) || errors.Is(err, ErrDisabled) || errors.Is(err, ErrNoZap) ||
		displaced(err)
	e.mu.Lock()
	gone := e.beats[p.name] != p.beat
	p.beat.loaded = p.beat.loaded || err == nil || errors.Is(err, ErrDisabled)
	if !unread {
		p.beat.read(report, err, e.now())
	}
	former := p.beat.see(p.header)
	e.mu.Unlock()
	for _, w := range former {
		p.log.Warn(w.Message, zap.String("at", w.Pos.String()), zap.String("next", w.Suggestion))
	}
	if unread {
		return
	}
	if report.Baseline && gone {
		e.gone.forget()
	}
	if report.Again > 0 {
		poke(e.wake)
	}
	e.metrics.polled(p.recipe.Name, began, report, err)
}

// headless takes up a worksheet without a header. One that is empty altogether starts at zero rows: those typed later are new,
// together with the header or after it.
func (p *poll) headless(ctx context.Context) error {
	blocked := &Blocked{
		Reason: fmt.Sprintf("row %d of worksheet %q, the header row, is empty", p.recipe.Trigger.HeaderRow, p.sheet.title),
		Hint:   "write the column names there, or correct header_row in " + p.recipe.Trigger.Pos.String() + thenReload,
	}
	seen, err := p.engine.ledger.HasCursor(ctx, p.recipe.Name, p.recipe.Trigger.SpreadsheetID, p.sheet.gid)
	if err != nil {
		return err
	}
	if seen || p.reading.Len() > 0 {
		return blocked
	}
	p.result = detect.Begin(p.reading, detect.Options{}, math.MaxInt, 1, p.engine.now())
	p.first = true
	p.beat.commits++
	if _, err := p.engine.ledger.Commit(ctx, p.recipe.Name, p.commitOf()); err != nil {
		return err
	}
	p.report = PollReport{Baseline: true}
	return blocked
}
