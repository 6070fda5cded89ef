package poll

import (
	"context"
	"errors"
	"time"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/sheets"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
)

// Poll reads the whole worksheet of a zap, finds new rows, and commits them. It waits for a running
// poll of the zap.
//
// The error describes the state of the zap and may be gone at the next poll: a [*sheets.Error], a
// [*mapping.ColumnError], a [*hint.Blocked], or an error of the ledger; also [ErrPaused],
// [ErrDisabled] and [ErrNoZap].
func (pr *Poller) Poll(ctx context.Context, name string) (Report, error) {
	return pr.poll(ctx, name, func(p *poll) { p.full = true })
}

// PollSkipping is Poll for a paused zap: its new rows are recorded as skipped. It returns
// [ErrNotPaused] if the zap is not paused.
func (pr *Poller) PollSkipping(ctx context.Context, name string) (Report, error) {
	return pr.poll(ctx, name, func(p *poll) { p.full, p.skip = true, true })
}

// poll polls a zap, set up by set.
func (pr *Poller) poll(ctx context.Context, name string, set func(*poll)) (report Report, err error) {
	pr.pollAll(ctx, []string{name}, set, func(ends []End) { report, err = ends[0].Report, ends[0].Err })
	return report, err
}

// End is the result of the poll of one zap.
type End struct {
	Zap    string
	Report Report
	Err    error
}

// group is a number of polls of one spreadsheet that start together. Each has a claim on its zap
// ([claim.Table]) until it ends.
type group struct {
	poller *Poller
	open   map[*poll]bool // not ended
	ends   []End          // not reported yet
	onEnds func([]End)
}

// pollAll polls zaps of one spreadsheet together, set up by set (nil: as scheduled). onEnds is
// called with the results, several at a time for polls that end together, and possibly from several
// goroutines at the same time.
//
// A zap that another poll has claimed, perhaps an operator's, is polled separately once it is free,
// so that the others need not wait for it. No poll waits for a zap while it has a claim on another,
// so deadlocks are impossible.
func (pr *Poller) pollAll(ctx context.Context, names []string, set func(*poll), onEnds func([]End)) {
	g := &group{poller: pr, open: map[*poll]bool{}, onEnds: onEnds}
	defer g.release()
	var polls []*poll
	var waiting errgroup.Group
	for _, name := range names {
		p, err := pr.claim(ctx, name, len(names) == 1)
		switch {
		case errors.Is(err, errClaimed):
			waiting.Go(func() error {
				pr.pollAll(ctx, []string{name}, set, onEnds)
				return nil
			})
		case err != nil:
			g.ends = append(g.ends, End{name, Report{}, err})
		default:
			if set != nil {
				set(p)
			}
			p.group, g.open[p] = g, true
			polls = append(polls, p)
		}
	}
	g.run(ctx, polls)
	g.flush()
	_ = waiting.Wait() // they return no errors
}

// errClaimed means that another poll has claimed the zap.
var errClaimed = errors.New("another poll of the zap is running")

// claim starts a poll of a zap, which has at most one at a time. If another poll is running, claim
// waits for its end, or returns errClaimed if wait is false.
func (pr *Poller) claim(ctx context.Context, name string, wait bool) (*poll, error) {
	pr.mu.Lock()
	s, current := pr.schedules[name], pr.plan
	pr.mu.Unlock()
	if s == nil {
		return nil, noZap(current, name)
	}
	if !pr.opts.Claims.TryPoll(name) {
		if !wait {
			return nil, errClaimed
		}
		if err := pr.opts.Claims.Poll(ctx, name); err != nil {
			return nil, err
		}
	}
	p := &poll{poller: pr, name: name, schedule: s, began: time.Now(), log: pr.opts.Log.With(zap.String("zap", name))}
	if err := p.bind(); err != nil {
		pr.opts.Claims.EndPoll(name)
		return nil, err
	}
	return p, nil
}

// run makes the polls: those of one account and spreadsheet in one visit.
//
// A visit first waits for the quota. The recipe in force when its first request is sent counts, and
// so does a pause. A poll whose recipe names another spreadsheet by then moves to another visit.
func (g *group) run(ctx context.Context, polls []*poll) {
	polls = ready(ctx, polls)
	for len(polls) > 0 {
		first := polls[0]
		v := &visit{
			account:       first.account,
			spreadsheetID: first.recipe.Trigger.SpreadsheetID,
			slots:         g.poller.slotsOf(first.recipe.Trigger.Account.Name, first.full),
			ended:         g.flush,
		}
		var together []*poll
		together, polls = split(polls, v.covers)
		v.slots.quick(ctx, func() {
			admitted, err := v.account.Admit(ctx, v.spreadsheetID, sheets.Polling)
			if err != nil {
				for _, p := range together {
					p.end(ctx, Report{}, err)
				}
				return
			}
			here, elsewhere := split(ready(ctx, together), v.covers)
			polls = append(polls, elsewhere...)
			v.run(admitted, here)
		})
	}
}

// ready gives the polls the recipes in force, ends those that cannot proceed, and returns the
// others.
func ready(ctx context.Context, polls []*poll) []*poll {
	return only(polls, func(p *poll) bool {
		err := p.bind()
		if err == nil {
			err = p.prepare(ctx)
		}
		if err == nil {
			p.account, err = p.plan.Google[p.recipe.Trigger.Account.Name].Open()
		}
		if err != nil {
			p.end(ctx, Report{}, err)
		}
		return err == nil
	})
}

// bind gives the poll the recipe in force. The error wraps [ErrNoZap] if the zap was removed from
// the configuration.
func (p *poll) bind() error {
	pr := p.poller
	pr.mu.Lock()
	removed, current := pr.schedules[p.name] != p.schedule, pr.plan
	p.recipe, p.plan = p.schedule.recipe, current
	pr.mu.Unlock()
	if removed {
		return noZap(current, p.name)
	}
	return nil
}

// prepare loads the ledger's record of the zap. It returns an error that describes why the zap
// cannot be polled now.
func (p *poll) prepare(ctx context.Context) (err error) {
	if err := p.poller.opts.InPlace(); err != nil {
		return &inPlaceError{err}
	}
	p.stored, p.known, err = p.poller.opts.Ledger.Zap(ctx, p.recipe.Name)
	if err != nil {
		return err
	}
	switch question, asks := Asks(p.stored); {
	case asks && !p.skip:
		return &question
	case p.stored.Paused && !p.skip:
		return ErrPaused
	case !p.stored.Paused && p.skip:
		return ErrNotPaused
	}
	if !p.recipe.Enabled && p.hasBaseline() {
		return ErrDisabled
	}
	if p.stored.Counts.Failed > 0 {
		p.failed, err = p.poller.opts.Ledger.Deliveries(ctx, ledger.Query{Zap: p.recipe.Name, State: ledger.Failed, Limit: maxCorrected})
	}
	return err
}

// end ends a poll and its claim, and keeps the result for flush.
func (p *poll) end(ctx context.Context, report Report, err error) {
	report = p.withLast(report)
	p.poller.polled(ctx, p, report, err)
	delete(p.group.open, p)
	p.poller.opts.Claims.EndPoll(p.name) // after polled, so that the next poll sees the result
	p.group.ends = append(p.group.ends, End{p.name, report, err})
}

// flush reports the polls that have ended since the last flush.
func (g *group) flush() {
	if len(g.ends) > 0 {
		g.onEnds(g.ends)
	}
	g.ends = nil
}

// release ends the claims of polls that were cut off by a panic. net/http recovers from panics in
// polls that operators requested.
func (g *group) release() {
	for p := range g.open {
		if p.sheet != nil {
			// The read is not recorded, and a window may not show its rows again.
			p.sheet.read = time.Time{}
		}
		g.poller.cache.forget(p.name)
		g.poller.opts.Claims.EndPoll(p.name)
	}
}

// polled records the result of a poll.
func (pr *Poller) polled(ctx context.Context, p *poll, report Report, err error) {
	if ctx.Err() != nil {
		return
	}
	unread := errors.Is(err, ErrPaused) || errors.Is(err, ErrNotPaused) || errors.Is(err, ErrDisabled) || errors.Is(err, ErrNoZap) ||
		isInPlaceError(err) || ledger.Displaced(err)
	pr.mu.Lock()
	removed := pr.schedules[p.name] != p.schedule
	p.schedule.loaded = p.schedule.loaded || err == nil || errors.Is(err, ErrDisabled)
	if !unread {
		p.schedule.read(report, err, pr.opts.Now())
	}
	former := p.schedule.recordHeader(p.header)
	pr.mu.Unlock()
	for _, w := range former {
		p.log.Warn(w.Message, zap.String("at", w.Pos.String()), zap.String("next", w.Suggestion))
	}
	if unread {
		return
	}
	if report.Baseline && removed {
		pr.removed.forget()
	}
	if report.Again > 0 {
		poke(pr.wake)
	}
	pr.opts.Polled(p.recipe.Name, p.began, report, err)
}
