package engine

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/clevertap"
	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/plan"
)

// Act performs an operator's action on deliveries and skips those whose state does not allow it. It
// keeps at most the number and the identity of each, so memory is small even for thousands of them.
func (e *Engine) Act(ctx context.Context, a Action, sel Selection) (Done, error) {
	done := Done{Action: a, IDs: []string{}}
	if sel.DryRun {
		done.Would = &Foreseen{}
	}
	from, to := a.From(sel), ledger.Queued
	if a == Discard {
		to = ledger.Discarded
	}
	named, err := e.named(ctx, sel)
	if err != nil {
		return done, err
	}
	if sel.Again {
		if err := e.sendable(ctx, a, sel, named); err != nil {
			return done, err
		}
	}
	if a != Discard {
		done.Edited = e.edited(named)
	}
	why := reasons{}
	for _, name := range sortedKeys(named) {
		numbers, err := e.choose(ctx, name, named[name], a, from, sel, &done, why)
		if err != nil {
			return done, err
		}
		if sel.DryRun {
			done.Count += len(numbers)
			continue
		}
		now := e.now()
		var moved, repeats []uint64
		if r := e.current().Recipe(name); a != Discard && r != nil && r.Trigger.Repeats == config.RepeatsSkip {
			moved, repeats, err = e.ledger.Queue(ctx, name, numbers, from, noteOf(string(a), now), now)
		} else {
			moved, err = e.ledger.Move(ctx, name, numbers, from, to, noteOf(string(a), now), now)
		}
		if err != nil {
			return done, err
		}
		for _, n := range repeats {
			e.outcome(name, 0, ledger.Outcome{Number: n, State: ledger.Skipped})
		}
		done.Repeats += len(repeats)
		for _, n := range moved {
			d := ledger.Delivery{Zap: name, Number: n}
			done.IDs = append(done.IDs, d.ID())
			e.outcome(name, 0, ledger.Outcome{Number: n, State: to, Reason: noteOf(string(a), now)})
		}
		if done.Count += len(moved); len(moved) > 0 {
			e.log.Info(string(a), zap.String("zap", name), zap.Int("rows", len(moved)))
		}
		e.sender.Look(name, true)
	}
	if sel.DryRun {
		done.Reasons = why.sorted()
	}
	return done, nil
}

// sendable returns an error if sel would queue sent deliveries of zaps that are no longer in the
// configuration: they would wait forever, or be sent a second time by a zap that gets the name
// later. If sel selects all zaps, it removes these from named instead.
func (e *Engine) sendable(ctx context.Context, a Action, sel Selection, named map[string][]uint64) error {
	plan := e.current()
	for _, name := range sortedKeys(named) {
		switch {
		case plan.Recipe(name) != nil:
		case len(sel.IDs) == 0 && sel.Zap == "":
			delete(named, name)
		default:
			known, err := e.Known(ctx, name)
			if err != nil {
				return err
			}
			if !known {
				return e.noZap(string(a), name)
			}
			return &hint.Error{
				Err:  fmt.Errorf("%s %s: %w", a, name, ErrRemoved),
				Hint: "restore its file, then: rowtap reload; or, if the zap has a new name: rowtap state rename " + name + " NEW",
			}
		}
	}
	return nil
}

// edited returns the configuration files that affect what named zaps send and have changed since
// they were read.
func (e *Engine) edited(named map[string][]uint64) []string {
	plan := e.current()
	files, err := plan.Config.Edited()
	if err != nil {
		return nil // a reload reports errors in the files; the configuration in force is complete
	}
	settings := filepath.Join(plan.Config.Dir, "rowtap.yaml")
	return slices.DeleteFunc(files, func(file string) bool {
		for name := range named {
			if r := plan.Recipe(name); r != nil && r.File == file {
				return false
			}
		}
		return file != settings
	})
}

// named returns the deliveries that a selection names, by zap. A nil slice means all of the zap.
func (e *Engine) named(ctx context.Context, sel Selection) (map[string][]uint64, error) {
	named := map[string][]uint64{}
	for _, id := range sel.IDs {
		name, n, err := ledger.ParseID(id)
		if err != nil {
			return nil, err
		}
		named[name] = append(named[name], n)
	}
	switch {
	case len(sel.IDs) > 0:
	case sel.Zap != "":
		named[sel.Zap] = nil
	default:
		names, err := e.ledger.Zaps(ctx)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			named[name] = nil
		}
	}
	return named, nil
}

// choose returns the deliveries of a zap to act on, among numbers or, if nil, all of them. It
// counts the others in done, and in a dry run the reasons of the chosen ones in why.
func (e *Engine) choose(ctx context.Context, name string, numbers []uint64, a Action, from []ledger.State, sel Selection, done *Done, why reasons) ([]uint64, error) {
	type profile struct {
		number uint64
		user   plan.User
		first  uint64
		reason *Reason
	}
	var (
		chosen   []uint64
		profiles []profile // those that a newer row may have superseded
		bound    plan.Binder
		r        = e.current().Recipe(name)
		now      = e.now()
	)
	looked := from
	if a == Replay && numbers != nil && !sel.Again && sel.State == 0 {
		looked = append(slices.Clone(from), ledger.Sent) // to report that they were
	}
	selected := ledger.Query{Since: sel.Since, Until: sel.Until, Error: sel.Error}
	err := e.ledger.Scan(ctx, name, looked, numbers, func(d ledger.Delivery) error {
		if !selected.Selects(d) {
			return nil
		}
		if !slices.Contains(from, d.State) {
			done.Sent++
			return nil
		}
		updates := d.Action == string(config.CreateUpdateUserProfile)
		if r != nil {
			nth, ok := r.ActionOf(d)
			updates = ok && r.Updates(nth)
		}
		switch {
		case d.InFlight, d.State == ledger.Skipped && !SkippedByOperator(d) && (numbers == nil || !d.Repeat):
			return nil
		case a == Discard && d.State == ledger.Waiting && !d.DeletedInSheet:
			if left, err := e.leftBehind(ctx, d); err != nil || !left {
				return err // sent once its row is complete
			}
		case a == Discard:
		case updates && !sel.Again && !d.State.Accepted() && r != nil:
			p := profile{number: d.Number, user: plan.User{Action: r.ActionName(d), Identity: bound.Identity(r, d)}, first: d.Origin()}
			if sel.DryRun {
				p.reason = why.of(causeOf(d, sel.Error))
			}
			profiles = append(profiles, p)
			return nil
		}
		chosen = append(chosen, d.Number)
		if sel.DryRun {
			why.of(causeOf(d, sel.Error)).Count++
		}
		if a != Discard && done.Would != nil {
			done.Would.count(d, updates, now)
		}
		return nil
	})
	if err != nil || len(profiles) == 0 {
		return chosen, err
	}
	oldest, users := profiles[0].first, make(map[plan.User]bool, len(profiles))
	for _, p := range profiles {
		oldest, users[p.user] = min(oldest, p.first), true
	}
	newer, err := plan.UpdatesSince(ctx, e.ledger, r, oldest, users)
	if err != nil {
		return nil, err
	}
	for _, p := range profiles {
		if newer.Than(p.user, p.first) {
			done.Stale++
			continue
		}
		chosen = append(chosen, p.number)
		if done.Would != nil {
			done.Would.Profiles++
			p.reason.Count++
		}
	}
	slices.Sort(chosen)
	return chosen, nil
}

// count counts a delivery that would be sent; updates reports whether it updates a profile.
func (f *Foreseen) count(d ledger.Delivery, updates bool, now time.Time) {
	if updates {
		f.Profiles++
		return
	}
	f.Events++
	if d.State == ledger.Sent {
		f.Repeated++
	}
	if now.Sub(d.DetectedAt) > clevertap.LiveFor {
		f.OldEvents++
	}
}
