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
