package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/ledger"
)

// pauseCheck is how often timers of pauses are compared with the wall clock, which may be changed or
// stand still during a suspend.
const pauseCheck = 10 * time.Second

// ErrPauseTime is the error for a pause that would end at once or after more than a year.
var ErrPauseTime = errors.New("a pause lasts from 1s to 366 days")

// Pausing is the result of pausing a zap.
type Pausing struct {
	// Kept means that the zap was paused before without a timer: it keeps that pause and its reason.
	Kept     bool
	Reason   string    // of the pause that it keeps
	ResumeAt time.Time // zero: no timer
}

// PauseFor pauses a zap as [Engine.Pause] does, and resumes it after a time. The timer is kept in the
// ledger, so it survives restarts and takeovers, and runs on while rowtap is down. A zap that is
// paused already keeps its pause; if that has a timer, the new one replaces it. A zap that waits for
// an answer about its identity is left alone.
func (e *Engine) PauseFor(ctx context.Context, name, reason string, lasting time.Duration) (Pausing, error) {
	const longest = 366 * 24 * time.Hour
	stored, asks, err := e.beforePause(ctx, name)
	switch {
	case err != nil:
		return Pausing{}, err
	case lasting < time.Second || lasting > longest:
		return Pausing{}, &hint.Error{Err: fmt.Errorf("pause %s for %s: %w", name, lasting, ErrPauseTime), Hint: "rowtap pause " + name + " --for 1h"}
	case asks:
		return Pausing{Kept: true, Reason: stored.PausedReason}, nil
	}
	reason = cmp.Or(reason, pausedByOperator)
	now := e.now()
	until := now.Add(lasting).Truncate(time.Second)
	paused, err := e.ledger.PauseUntil(ctx, name, reason, now, until)
	if err != nil || !paused {
		return Pausing{Kept: err == nil, Reason: stored.PausedReason}, err
	}
	e.setTimer(name, until)
	e.log.Info("paused", zap.String("zap", name), zap.String("reason", reason), zap.Time("until", until))
	return Pausing{ResumeAt: until}, nil
}

// setTimer records when a pause ends; zero: it has no timer.
func (e *Engine) setTimer(name string, until time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if until.IsZero() {
		delete(e.timers, name)
		return
	}
	if e.timers == nil {
		e.timers = map[string]time.Time{}
	}
	e.timers[name] = until
}

// loadTimers reads the timers from the ledger.
func (e *Engine) loadTimers(ctx context.Context) error {
	names, err := e.ledger.Zaps(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		stored, _, err := e.ledger.Zap(ctx, name)
		if err != nil {
			return err
		}
		e.setTimer(name, stored.ResumeAt)
	}
	return nil
}

// pauseLoop ends pauses whose timers run out, until ctx is done.
func (e *Engine) pauseLoop(ctx context.Context) error {
	if err := e.loadTimers(ctx); err != nil {
		if ctx.Err() == nil && !e.faulty(err) {
			e.log.Error("timers of pauses not read", zap.Error(err), zap.String("next", "rowtap resume --all"))
		}
		return nil
	}
	return loop(ctx, e.endPauses)
}

// endPauses ends the pauses whose timers have run out. It returns when to do so again.
func (e *Engine) endPauses(ctx context.Context) time.Duration {
	now := e.now()
	e.mu.Lock()
	var due []string
	for _, name := range sortedKeys(e.timers) {
		if !now.Before(e.timers[name]) {
			due = append(due, name)
		}
	}
	e.mu.Unlock()
	for _, name := range due {
		ended, err := e.ledger.EndPause(ctx, name, now)
		switch {
		case errors.Is(err, ledger.ErrUnknown): // renamed, which moved its timer
		case err != nil:
			if ctx.Err() == nil && !e.faulty(err) {
				e.log.Error("pause not ended", zap.String("zap", name), zap.Error(err))
			}
			continue // tried again
		case ended:
			e.poller.PollSoon(name)
			e.sender.Look(name, true)
			e.log.Info("resumed: the time of the pause is over", zap.String("zap", name))
		}
		e.mu.Lock()
		if !now.Before(e.timers[name]) { // not extended in the meantime
			delete(e.timers, name)
		}
		e.mu.Unlock()
	}
	return pauseCheck
}

// until describes the end of a pause.
func until(at, now time.Time) string {
	left := at.Sub(now).Round(time.Minute)
	if left < time.Minute {
		return "resumes within a minute"
	}
	text := strings.TrimSuffix(left.String(), "0s")
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return "resumes in " + text
}
