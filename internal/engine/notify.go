package engine

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v5"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/notify"
)

// notifyEvery is how often conditions are checked. A notice is sent if a condition holds at two
// checks in a row, so a single failed poll causes none.
const notifyEvery = 5 * time.Second

// emailEvery is the minimum time between two e-mails to one target. What changes meanwhile is in the
// next one.
const emailEvery = time.Minute

// longestPause is the maximum time between two attempts at a target that fails.
const longestPause = 5 * time.Minute

// notifier sends a message to the targets of the configuration when something begins to need
// attention, and when it no longer does; never about single rows. It also sends daily summaries
// (summary.go). What it told is forgotten at a restart, except which summaries were sent.
//
// Each target has its own state, and nothing waits for a target: while one is slow or down, it
// misses nothing. What still holds when it is back is sent then.
type notifier struct {
	engine    *Engine
	loaded    *config.Config // whose targets they are
	targets   []*target      // only the loop uses them
	sends     errgroup.Group
	results   chan result
	summaries map[string]time.Time // the summary last sent, by ID; nil: not read yet
}

// target is a destination with what it was told.
type target struct {
	config.Notify
	to      notify.Target
	told    map[about]bool      // a notice that it needs attention was sent
	changed map[about]time.Time // since when it differs from the last notice

	busy     bool // a message is being sent
	failures int  // in a row
	pauses   *backoff.ExponentialBackOff
	until    time.Time // nothing is sent before
}

// result is the end of an attempt to send a message.
type result struct {
	*target
	err  error
	sent func() // records that it was sent
}

func newNotifier(e *Engine) *notifier { return &notifier{engine: e, results: make(chan result)} }

func (n *notifier) run(ctx context.Context) error {
	tick := time.NewTicker(notifyEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return n.sends.Wait()
		case r := <-n.results:
			n.finish(ctx, r)
		case <-tick.C:
			n.check(ctx)
		}
	}
}

// adopt takes the targets of the configuration in force. A target whose destination stays keeps its
// state.
func (n *notifier) adopt(c *config.Config) {
	if c == n.loaded {
		return
	}
	before := map[string]*target{}
	for _, t := range n.targets {
		before[t.ID()] = t
	}
	n.loaded, n.targets = c, nil
	for _, configured := range c.Notify {
		t := before[configured.ID()]
		if t == nil {
			pauses := backoff.NewExponentialBackOff()
			pauses.InitialInterval, pauses.MaxInterval = 2*notifyEvery, longestPause
			t = &target{told: map[about]bool{}, changed: map[about]time.Time{}, pauses: pauses}
		}
		t.Notify, t.to = configured, notify.New(configured)
		n.targets = append(n.targets, t)
	}
}

// check sends each target at most one message: about all conditions that have changed, or its summary
// if that is due.
func (n *notifier) check(ctx context.Context) {
	if n.adopt(n.engine.Config()); len(n.targets) == 0 {
		return
	}
	conditions, err := n.engine.conditions(ctx)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		n.engine.log.Error("notify: "+err.Error(), zap.Error(err))
		return
	}
	now := n.engine.now()
	for _, t := range n.targets {
		changed := t.look(conditions, now)
		switch {
		case t.busy || now.Before(t.until):
		case len(changed) > 0: // before a summary, which the target may refuse because of its size
			n.send(ctx, t, messageOf(n.engine.explained(ctx, changed), now), func() { t.tell(changed) })
		default:
			n.sendSummary(ctx, t, now)
		}
	}
}

// look compares conditions with what the target was told and returns those that it should be told.
// It forgets what no longer exists, such as a zap that was removed from the configuration.
func (t *target) look(conditions []condition, now time.Time) []condition {
	told, since := t.told, t.changed
	t.told, t.changed = map[about]bool{}, map[about]time.Time{}
	var due []condition
	for _, c := range conditions {
		if !t.Tells(c.trouble.event()) {
			continue
		}
		c.needs = c.needs && (c.trouble != TroubleFailed || c.rows > t.FailedRows)
		if told[c.about] {
			t.told[c.about] = true
		}
		began, otherwise := since[c.about]
		switch {
		case c.unknown, c.needs == told[c.about]:
		case !otherwise:
			t.changed[c.about] = now
		case !c.needs && !t.Tells(config.NoticeRecovered):
			delete(t.told, c.about)
		default:
			t.changed[c.about] = began
			if !c.needs || now.Sub(began) >= c.after {
				due = append(due, c)
			}
		}
	}
	return due
}

// tell records that a target was told.
func (t *target) tell(changed []condition) {
	for _, c := range changed {
		delete(t.changed, c.about)
		if delete(t.told, c.about); c.needs {
			t.told[c.about] = true
		}
	}
}

// send begins to send a message. finish gets its end.
func (n *notifier) send(ctx context.Context, t *target, m notify.Message, sent func()) {
	t.busy = true
	to := t.to // a reload may replace it meanwhile
	n.sends.Go(func() error {
		r := result{t, to.Send(ctx, m), sent}
		select {
		case n.results <- r:
		case <-ctx.Done():
		}
		return nil
	})
}

// finish records the end of an attempt. After a failure the target pauses before the next one.
func (n *notifier) finish(ctx context.Context, r result) {
	t, now := r.target, n.engine.now()
	t.busy = false
	if r.err == nil {
		if t.failures > 0 {
			n.engine.log.Info("notices are sent again", zap.Stringer("target", t.Notify))
		}
		t.failures = 0
		t.pauses.Reset()
		if t.Email != nil {
			t.until = now.Add(emailEvery)
		}
		r.sent()
		return
	}
	t.failures++
	t.until = now.Add(min(t.pauses.NextBackOff(), longestPause)) // the intervals are randomized
	if t.failures == 1 && ctx.Err() == nil {
		n.engine.log.Warn("a notice was not sent; it is retried", zap.Stringer("target", t.Notify), zap.Error(r.err), zap.String("next", NoticeHint(r.err)))
	}
}

// NoticeHint returns what to do if a target of notices does not accept them.
func NoticeHint(err error) string {
	step := "if it persists, correct notify in rowtap.yaml, then: rowtap reload"
	if more := hint.Of(err); more != "" {
		step += "; " + more
	}
	return step
}
