package poll

import (
	"cmp"
	"context"
	"errors"
	"hash/fnv"
	"slices"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/plan"
	"github.com/rowtap/rowtap/internal/row"
)

// MaxSleep bounds each sleep of the scheduler so that a suspend or clock change is noticed within
// it.
const MaxSleep = 30 * time.Second

// sleepAtMost returns MaxSleep, or PulseEvery if that is less.
func (pr *Poller) sleepAtMost() time.Duration {
	if every := pr.opts.PulseEvery; every > 0 {
		return min(every, MaxSleep)
	}
	return MaxSleep
}

// zapSchedule is when a zap is polled, and the result of its last poll. [Poller.mu] guards all
// fields but sheet and doubtedSince, which belong to the poll that has claimed the zap.
type zapSchedule struct {
	recipe *plan.Recipe
	next   time.Time // UTC; zero: now
	missed bool      // became due during a poll: poll once more right after it
	busy   bool      // the scheduler started a poll that has not ended
	last   time.Time // end of the last poll
	report Report
	err    error
	loaded bool               // a baseline exists, from this run or an earlier one
	former config.Diagnostics // warnings about former column names in the recipe

	sheet *worksheet // where the worksheet was last found
	// doubtedSince is when the last read of a worksheet that the zap leaves was first in doubt;
	// zero: never.
	doubtedSince time.Time
}

// read records the result of a poll. A row that waits for time to pass brings the next poll
// forward. pr.mu is held.
func (s *zapSchedule) read(report Report, err error, now time.Time) {
	report.Spreadsheet = cmp.Or(report.Spreadsheet, s.report.Spreadsheet)
	s.last, s.report, s.err = now, report, err
	if again := now.Add(report.Again); report.Again > 0 && again.Before(s.next) {
		s.next = again
	}
}

// recordHeader records the header of a poll, which is empty if the poll read none. It returns the
// warnings about former column names in the recipe if they differ from those of the previous poll.
// pr.mu is held.
func (s *zapSchedule) recordHeader(h row.Header) config.Diagnostics {
	if h.Len() == 0 {
		return nil
	}
	before := s.former
	s.recipe.See(h)
	s.former = s.recipe.FormerNames(h)
	if slices.Equal(before, s.former) {
		return nil
	}
	return s.former
}

// change puts a new recipe in force. A changed trigger makes the zap due now, so that its baseline
// is read without delay.
func (s *zapSchedule) change(r *plan.Recipe) {
	was := s.recipe
	s.recipe = r
	s.former = nil
	if h := was.Seen(); h != nil && was.Trigger.SpreadsheetID == r.Trigger.SpreadsheetID && was.Trigger.Worksheet == r.Trigger.Worksheet {
		r.See(*h)
		s.former = r.FormerNames(*h)
	}
	switch {
	case was.Trigger.SpreadsheetID != r.Trigger.SpreadsheetID || was.Trigger.Worksheet != r.Trigger.Worksheet,
		was.Enabled != r.Enabled, s.err != nil:
		s.next, s.loaded, s.report.Spreadsheet = time.Time{}, false, ""
	case was.Schedule.Text != r.Schedule.Text:
		s.next = nextPoll(r, time.Now())
	}
}

// nextPoll returns the first time of the schedule after now. It adds a jitter derived from the
// spreadsheet ID, so that zaps do not all read at the same second but those of one spreadsheet do.
func nextPoll(r *plan.Recipe, now time.Time) time.Time {
	h := fnv.New32a()
	h.Write([]byte(r.Trigger.SpreadsheetID))
	room := min(r.Interval(now)/10, MaxSleep)
	if room <= 0 {
		return r.Schedule.Cron.Next(now).UTC()
	}
	jitter := time.Duration(h.Sum32()) % room
	// Without subtracting the jitter, the time being waited for would be skipped.
	next := r.Schedule.Cron.Next(now.Add(-jitter)).Add(jitter)
	if !next.After(now) {
		next = r.Schedule.Cron.Next(now).Add(jitter)
	}
	return next.UTC()
}

// Run starts polls when they are due, until ctx ends. It then waits for running polls, which stop
// without committing anything.
func (pr *Poller) Run(ctx context.Context) error {
	var polls errgroup.Group
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return polls.Wait()
		case <-timer.C:
		case <-pr.wake:
		}
		_ = pr.opts.InPlace() // for Status and notices if no poll is due; each poll checks again
		due, sleep := pr.due(pr.opts.Now())
		for _, names := range together(due) {
			polls.Go(func() error {
				pr.Visit(ctx, names, nil)
				return nil
			})
		}
		if pr.opts.Pulse != nil {
			pr.opts.Pulse()
		}
		timer.Reset(sleep)
	}
}

// together groups zaps that can share requests: those of one Google account and spreadsheet.
func together(recipes []*plan.Recipe) [][]string {
	type place struct{ account, spreadsheet string }
	var groups [][]string
	where := map[place]int{}
	for _, r := range recipes {
		at := place{r.Trigger.Account.Name, r.Trigger.SpreadsheetID}
		i, known := where[at]
		if !known {
			i = len(groups)
			where[at] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], r.Name)
	}
	return groups
}

// due returns the zaps to poll now, marked as busy, and the time until the next round.
func (pr *Poller) due(now time.Time) (recipes []*plan.Recipe, sleep time.Duration) {
	pr.mu.Lock()
	defer pr.mu.Unlock()
	if now.Before(pr.ticked) { // the clock was set back: times planned before may be far away
		for _, s := range pr.schedules {
			if next := nextPoll(s.recipe, now); s.next.After(next) {
				s.next = next
			}
		}
	}
	pr.ticked, pr.alive = now, time.Now()
	wake := now.Add(pr.sleepAtMost())
	for _, r := range pr.plan.Recipes {
		s := pr.schedules[r.Name]
		if !s.recipe.Enabled && s.loaded {
			s.next = time.Time{}
			continue // a zap that is not enabled only needs its baseline
		}
		switch {
		case s.next.After(now):
		case s.busy:
			s.missed = true
			s.next = nextPoll(s.recipe, now)
		default:
			recipes = append(recipes, s.recipe)
			s.busy = true
			s.next = nextPoll(s.recipe, now)
		}
		if s.next.Before(wake) {
			wake = s.next
		}
	}
	return recipes, max(wake.Sub(now), 0)
}

// pollsEnded ends what due started, for zaps whose polls ended together. Those that are due again
// stay together.
func (pr *Poller) pollsEnded(names []string) {
	pr.mu.Lock()
	defer pr.mu.Unlock()
	now, again := pr.opts.Now(), false
	for _, name := range names {
		s := pr.schedules[name]
		if s == nil {
			continue // removed during the poll
		}
		s.busy = false
		if s.missed {
			s.missed, s.next, again = false, now, true
		}
	}
	if again {
		poke(pr.wake)
	}
}

// Visit polls zaps of one spreadsheet together, as the scheduler does. It calls onEnd, if not nil,
// with the result of each poll, possibly from several goroutines at the same time. It also logs the
// results, a repeated error once. [Poller.State] returns them as well.
func (pr *Poller) Visit(ctx context.Context, names []string, onEnd func(End)) {
	before := map[string]error{}
	for _, name := range names {
		before[name] = pr.lastError(name)
	}
	pr.pollAll(ctx, names, nil, func(ends []End) {
		var done []string
		for _, end := range ends {
			pr.logPoll(ctx, end.Zap, before[end.Zap], end.Report, end.Err)
			if onEnd != nil {
				onEnd(end)
			}
			done = append(done, end.Zap)
		}
		pr.pollsEnded(done)
	})
}

// logPoll logs the result of a scheduled poll. before is the error of the previous poll.
func (pr *Poller) logPoll(ctx context.Context, name string, before error, report Report, err error) {
	log := pr.opts.Log.With(zap.String("zap", name))
	switch {
	case ctx.Err() != nil, isInPlaceError(err), ledger.Displaced(err), errors.Is(err, ErrPaused), errors.Is(err, ErrDisabled), errors.Is(err, ErrNoZap):
	case pr.opts.StateFault(err):
	case err != nil && (before == nil || before.Error() != err.Error()):
		log.Error("poll failed", zap.Error(err), zap.String("next", hint.Of(err)))
	case err != nil:
		log.Debug("poll failed again", zap.Error(err))
	case before != nil:
		log.Info("poll succeeded again")
	case report.Doubt != "":
		log.Warn("read ignored", zap.String("reason", report.Doubt))
	case report.Partial != "":
		log.Warn("read incomplete", zap.String("reason", report.Partial))
	}
}

func (pr *Poller) lastError(name string) error {
	pr.mu.Lock()
	defer pr.mu.Unlock()
	if s := pr.schedules[name]; s != nil {
		return s.err
	}
	return nil
}
