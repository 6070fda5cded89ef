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

// Poll reads a zap's worksheet whole, finds what is new, and makes it durable. It waits for a poll
// of the zap that is under way.
//
// The error says what is wrong with the zap, which may be over at the next poll: [*sheets.Error],
// [*mapping.ColumnError], [*hint.Blocked], or an error of the ledger; also [ErrPaused],
// [ErrDisabled] and [ErrNoZap].
func (pr *Poller) Poll(ctx context.Context, name string) (Report, error) {
	return pr.poll(ctx, name, func(p *poll) { p.whole = true })
}

// PollSkipping is Poll for a paused zap: its new rows are recorded as skipped. It returns
// [ErrNotPaused] for one that is not paused.
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

// group is polls of one spreadsheet that began together, each with a claim on its zap
// ([claim.Table]) until it ends.
type group struct {
	poller *Poller
	open   map[*poll]bool // have not ended
	ends   []End          // not told yet
	tell   func([]End)
}

// pollAll polls zaps of one spreadsheet together, as set says (nil: as scheduled). tell is called
// with what the polls came to, with several of them where they end together; it may be called from
// several goroutines at once.
//
// A zap that another poll has claimed, perhaps an operator's, is waited for and polled by itself:
// the others do not wait for it. Nothing waits for a zap while it has a claim on another, so none
// waits in a circle.
func (pr *Poller) pollAll(ctx context.Context, names []string, set func(*poll), tell func([]End)) {
	g := &group{poller: pr, open: map[*poll]bool{}, tell: tell}
	defer g.abandon()
	var polls []*poll
	var alone errgroup.Group
	for _, name := range names {
		p, err := pr.claim(ctx, name, len(names) == 1)
		switch {
		case errors.Is(err, errClaimed):
			alone.Go(func() error {
				pr.pollAll(ctx, []string{name}, set, tell)
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
	_ = alone.Wait() // they return none
}

// errClaimed: another poll has claimed the zap, and it is not waited for.
var errClaimed = errors.New("another poll of the zap is under way")

// claim begins a poll of a zap, of which one is under way at a time. Where another is, it waits for
// its end, or without wait returns errClaimed.
func (pr *Poller) claim(ctx context.Context, name string, wait bool) (*poll, error) {
	pr.mu.Lock()
	s, among := pr.schedules[name], pr.plan
	pr.mu.Unlock()
	if s == nil {
		return nil, noZap(among, name)
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
// A visit waits for the quota before anything is decided: the recipe in force when its first
// request goes out counts, and so does a pause. A poll whose recipe names another spreadsheet by
// then goes into another visit.
func (g *group) run(ctx context.Context, polls []*poll) {
	polls = ready(ctx, polls)
	for len(polls) > 0 {
		first := polls[0]
		v := &visit{
			account:       first.account,
			spreadsheetID: first.recipe.Trigger.SpreadsheetID,
			slots:         g.poller.slotsOf(first.recipe.Trigger.Account.Name, first.whole),
			ended:         g.flush,
		}
		var together []*poll
		together, polls = split(polls, v.takes)
		v.slots.quick(ctx, func() {
			admitted, err := v.account.Admit(ctx, v.spreadsheetID, sheets.Polling)
			if err != nil {
				for _, p := range together {
					p.end(ctx, Report{}, err)
				}
				return
			}
			here, elsewhere := split(ready(ctx, together), v.takes)
			polls = append(polls, elsewhere...)
			v.run(admitted, here)
		})
	}
}

// ready ends the polls that cannot go on, and returns the others, under the recipes in force.
func ready(ctx context.Context, polls []*poll) []*poll {
	return only(polls, func(p *poll) bool {
		err := p.bind()
		if err == nil {
			err = p.prepare(ctx)
		}
		if err == nil {
			p.account, err = p.among.Google[p.recipe.Trigger.Account.Name].Open()
		}
		if err != nil {
			p.end(ctx, Report{}, err)
		}
		return err == nil
	})
}

// bind gives the poll the recipe in force. The error is [ErrNoZap]: its zap was taken out of the
// configuration.
func (p *poll) bind() error {
	pr := p.poller
	pr.mu.Lock()
	removed, among := pr.schedules[p.name] != p.schedule, pr.plan
	p.recipe, p.among = p.schedule.recipe, among
	pr.mu.Unlock()
	if removed {
		return noZap(among, p.name)
	}
	return nil
}

// prepare reads what the ledger knows of the zap. The error says why it is not to be polled now.
func (p *poll) prepare(ctx context.Context) (err error) {
	if err := p.poller.opts.InPlace(); err != nil {
		return &barred{err}
	}
	p.snapshot, p.known, err = p.poller.opts.Ledger.Zap(ctx, p.recipe.Name)
	if err != nil {
		return err
	}
	switch question, asks := Asks(p.snapshot); {
	case asks && !p.skip:
		return &question
	case p.snapshot.Paused && !p.skip:
		return ErrPaused
	case !p.snapshot.Paused && p.skip:
		return ErrNotPaused
	}
	if !p.recipe.Enabled && p.based() {
		return ErrDisabled
	}
	if p.snapshot.Counts.Failed > 0 {
		p.failed, err = p.poller.opts.Ledger.Deliveries(ctx, ledger.Query{Zap: p.recipe.Name, State: ledger.Failed, Limit: correctedAtOnce})
	}
	return err
}

// end ends a poll and its claim, and keeps what it came to for flush.
func (p *poll) end(ctx context.Context, report Report, err error) {
	report = p.withLast(report)
	p.poller.polled(ctx, p, report, err)
	delete(p.group.open, p)
	p.poller.opts.Claims.EndPoll(p.name) // the next poll sees what came of this one
	p.group.ends = append(p.group.ends, End{p.name, report, err})
}

// flush tells what the polls came to that have ended since the last flush.
func (g *group) flush() {
	if len(g.ends) > 0 {
		g.tell(g.ends)
	}
	g.ends = nil
}

// abandon ends the claims of polls that a panic has cut off, which net/http recovers where an
// operator asked for the poll.
func (g *group) abandon() {
	for p := range g.open {
		if p.sheet != nil {
			p.sheet.read = time.Time{} // what this read found is not recorded: a window may not show it
		}
		g.poller.cache.forget(p.name)
		g.poller.opts.Claims.EndPoll(p.name)
	}
}

// polled records what a poll came to.
func (pr *Poller) polled(ctx context.Context, p *poll, report Report, err error) {
	if ctx.Err() != nil {
		return
	}
	unread := errors.Is(err, ErrPaused) || errors.Is(err, ErrNotPaused) || errors.Is(err, ErrDisabled) || errors.Is(err, ErrNoZap) ||
		isBarred(err) || ledger.Displaced(err)
	pr.mu.Lock()
	removed := pr.schedules[p.name] != p.schedule
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
	if report.Baseline && removed {
		pr.removed.forget()
	}
	if report.Again > 0 {
		poke(pr.wake)
	}
	pr.opts.Polled(p.recipe.Name, p.began, report, err)
}
