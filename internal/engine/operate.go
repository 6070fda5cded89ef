package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/clevertap"
	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/plan"
	"github.com/rowtap/rowtap/internal/poll"
)

// Pause stops a zap's polling and sending until Resume, over restarts too. Uploads under way finish. One that asks which zap it is
// (former.go) stands still already, and goes on asking.
func (e *Engine) Pause(ctx context.Context, name, reason string) error {
	if e.current().Recipe(name) == nil {
		return e.noZap("pause", name)
	}
	if reason == "" {
		reason = "paused by an operator"
	}
	kept, _, err := e.ledger.Zap(ctx, name)
	if err != nil {
		return err
	}
	if _, asks := poll.Asks(kept); asks {
		return nil
	}
	if err := e.ledger.SetPaused(ctx, name, true, reason, e.now()); err != nil {
		return err
	}
	e.log.Info("paused", zap.String("zap", name), zap.String("reason", reason))
	return nil
}

// Resume lets a paused zap go on. The rows added meanwhile are found at once and sent, or with skip recorded as skipped, from where
// they can be replayed. What waits in the queue is sent in either case. A zap that is not paused has no such rows: with skip that is
// [ErrNotPaused], and nothing is skipped.
func (e *Engine) Resume(ctx context.Context, name string, skip bool) error {
	if e.current().Recipe(name) == nil {
		return e.noZap("resume", name)
	}
	if skip {
		report, err := e.poller.PollSkipping(ctx, name)
		switch {
		case errors.Is(err, ErrNotPaused):
			err = &hint.Error{Err: fmt.Errorf("%w, nothing is skipped", err), Hint: "its rows are sent as they are added; rowtap pause " + name + " stops that"}
		case err == nil && report.Doubt != "":
			err = &hint.Error{Err: errors.New("the read was ignored: " + report.Doubt), Hint: "try again in a minute"}
		}
		if err != nil {
			return fmt.Errorf("resume %s, skipping what was added: %w", name, err)
		}
	}
	if err := e.ledger.SetPaused(ctx, name, false, "", e.now()); err != nil {
		return err
	}
	e.poller.PollSoon(name)
	e.log.Info("resumed", zap.String("zap", name))
	e.sender.Look(name, true)
	return nil
}

// Action is what an operator does with deliveries.
type Action string

// The actions. What was sent is replayed only with Again.
const (
	Replay  Action = "replay"  // failed, or sent: queued again; also what an operator skipped, where that is asked for
	Release Action = "release" // held: queued
	Discard Action = "discard" // failed or held, or waiting though its row was deleted or is no longer looked at: given up
)

// Selection names deliveries: some by their ids, or all of a zap in a state.
type Selection struct {
	IDs   []string     `json:"ids,omitempty"`
	Zap   string       `json:"zap,omitempty"`
	State ledger.State `json:"state,omitempty"`
	Again bool         `json:"again,omitempty"` // also what was sent before, and what newer deliveries have overtaken
	// DryRun asks what would be done, for a question: nothing is.
	DryRun bool `json:"dry_run,omitempty"`
}

// Done is what became of an operator's action.
type Done struct {
	Action Action   `json:"action"`
	Count  int      `json:"count"`
	IDs    []string `json:"ids"`
	// Stale counts profile deliveries that were passed over because a newer one has updated the same user since, or may have, being
	// past state.history: sent now they would overwrite newer values.
	Stale int `json:"stale,omitempty"`
	// Sent counts deliveries that were named, are sent, and were passed over for want of Again.
	Sent int `json:"sent_before,omitempty"`
	// Edited are configuration files that are newer on disk than what is in force, where that decides what is sent.
	Edited []string `json:"edited,omitempty"`
	// Would is what a dry run has found, which names no deliveries; else nil.
	Would *Foreseen `json:"would,omitempty"`
}

// Foreseen counts what would be sent, by what CleverTap makes of records that come late.
type Foreseen struct {
	Profiles  int `json:"profiles"`
	Events    int `json:"events"`
	OldEvents int `json:"old_events"` // of the events, those too old for a live campaign
	Repeated  int `json:"repeated"`   // of the events, those that were sent before
}

// States returns the states that an action takes deliveries from.
func (a Action) States(again bool) []ledger.State {
	switch a {
	case Replay:
		if again {
			return []ledger.State{ledger.Failed, ledger.Sent}
		}
		return []ledger.State{ledger.Failed}
	case Release:
		return []ledger.State{ledger.Held}
	case Discard:
		return []ledger.State{ledger.Failed, ledger.Held, ledger.Waiting}
	}
	return nil
}

// From returns the states that an action takes deliveries of a selection from: those of [Action.States], and for a replay skipped and
// validated where that state or single deliveries are named. Of the skipped those count that are [SkippedByOperator]; what was validated
// is validated again, and not sent.
func (a Action) From(sel Selection) []ledger.State {
	from := a.States(sel.Again)
	for _, named := range []ledger.State{ledger.Skipped, ledger.Validated} {
		if a == Replay && (len(sel.IDs) > 0 || sel.State == named) {
			from = append(from, named)
		}
	}
	if sel.State != 0 {
		from = slices.DeleteFunc(from, func(s ledger.State) bool { return s != sel.State })
	}
	return from
}

// SkippedByOperator tells whether a delivery was skipped by an operator's choice, not by the filter or the zap file: it can be replayed.
func SkippedByOperator(d ledger.Delivery) bool {
	return d.State == ledger.Skipped && d.Reason == poll.SkippedByOperator
}

// PollNow polls a zap at once, reading its worksheet whole, and returns when the poll has ended. The errors are those of
// [poll.Poller.Poll], with a hint where there is one.
func (e *Engine) PollNow(ctx context.Context, name string) (poll.Report, error) {
	report, err := e.poller.Poll(ctx, name)
	if errors.Is(err, ErrPaused) || errors.Is(err, ErrDisabled) {
		err = fmt.Errorf("poll %s: %w", name, err)
	}
	return report, e.withHint(name, err)
}

// withHint adds to an error why a zap is not polled what an operator can do.
func (e *Engine) withHint(name string, err error) error {
	switch {
	case errors.Is(err, ErrPaused):
		return &hint.Error{Err: err, Hint: "rowtap resume " + name}
	case errors.Is(err, ErrDisabled):
		return &hint.Error{Err: err, Hint: "write enabled: true in " + e.fileOf(name) + ", and: rowtap reload"}
	}
	return err
}

func (e *Engine) fileOf(name string) string {
	if r := e.current().Recipe(name); r != nil {
		return r.File
	}
	return "its file"
}

// noZap is [ErrNoZap] with the name that may have been meant.
func (e *Engine) noZap(what, name string) error {
	return &hint.Error{Err: fmt.Errorf("%s %s: %w", what, name, ErrNoZap), Hint: e.current().Meant(name)}
}

// Mapped is a delivery as the mapping in force makes it, and as it was tried.
type Mapped struct {
	Record  []byte // JSON, without what the zap hides; nil where there is none
	Skipped bool   // the filter drops it
	Problem *ledger.Problem
	Awaits  string // the action that the row is for once this delivery was accepted; "": none
	// Warnings is what CleverTap may drop of the record, or take otherwise than meant.
	Warnings []clevertap.Warning
	Tried    Tried
}

// Delivery returns one delivery, the record that the zap's mapping as it is now makes of it, and the one that was tried last.
func (e *Engine) Delivery(ctx context.Context, name string, n uint64) (d ledger.Delivery, now Mapped, found bool, err error) {
	d, found, err = e.ledger.Delivery(ctx, name, n)
	if err != nil || !found {
		return d, now, found, err
	}
	r := e.current().Recipe(name)
	if r == nil {
		now.Problem = &ledger.Problem{Message: "the zap is no longer in the configuration"}
	} else {
		now = mapped(r, d)
	}
	now.Tried = e.tried(ctx, d)
	return d, now, true, nil
}

// mapped makes a delivery's record.
func mapped(r *plan.Recipe, d ledger.Delivery) Mapped {
	nth, ok := r.ActionOf(d)
	if !ok {
		return Mapped{Problem: plan.NoAction(d)}
	}
	now := Mapped{Awaits: r.Awaits(d)}
	bound, err := r.Mapping.Bind(r.HeaderOf(d))
	if err != nil {
		now.Problem = plan.ProblemOf(err)
		return now
	}
	record, keep, err := bound.Record(nth, d.Row, plan.MappingContext(d))
	if err != nil {
		now.Problem = plan.ProblemOf(err)
		return now
	}
	if now.Skipped = !keep; now.Skipped {
		return now
	}
	now.Record, _ = mapping.Redact(record.JSON, record.Origins, mapping.Hidden(r.HeaderOf(d), r.Redact))
	now.Warnings = bound.Warnings(nth, record, plan.MappingContext(d))
	return now
}

// IdentityOf returns the identity of a delivery: as it was sent, else as the mapping makes it now; "" where it has none.
func (e *Engine) IdentityOf(d ledger.Delivery) string {
	var b plan.Binder
	return b.Identity(e.current().Recipe(d.Zap), d)
}

// Meant says what to do about the name of a zap that is none.
func (e *Engine) Meant(name string) string { return e.current().Meant(name) }
