package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/clevertap"
	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mapping"
)

// Pause stops a zap's polling and sending until Resume, over restarts too. Uploads under way finish.
func (e *Engine) Pause(name, reason string) error {
	if e.current().Recipe(name) == nil {
		return e.noZap("pause", name)
	}
	if reason == "" {
		reason = "paused by an operator"
	}
	if err := e.ledger.SetPaused(name, true, reason, e.now()); err != nil {
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
		report, err := e.poll(ctx, name, true)
		switch {
		case errors.Is(err, ErrNotPaused):
			err = &Hinted{Err: fmt.Errorf("%w, nothing is skipped", err), Hint: "its rows are sent as they are added; rowtap pause " + name + " stops that"}
		case err == nil && report.Doubt != "":
			err = &Hinted{Err: errors.New("nothing is taken from this read: " + report.Doubt), Hint: "try again in a minute"}
		}
		if err != nil {
			return fmt.Errorf("resume %s, skipping what was added: %w", name, err)
		}
	}
	if err := e.ledger.SetPaused(name, false, "", e.now()); err != nil {
		return err
	}
	e.mu.Lock()
	if b := e.beats[name]; b != nil {
		b.next = time.Time{}
	}
	e.mu.Unlock()
	e.log.Info("resumed", zap.String("zap", name))
	e.sender.look(name, true)
	poke(e.wake)
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
}

// Done is what became of an operator's action.
type Done struct {
	Action Action   `json:"action"`
	Count  int      `json:"count"`
	IDs    []string `json:"ids"`
	// Stale counts profile deliveries that were passed over because a newer one has updated the same user since: sent now they
	// would overwrite newer values.
	Stale int `json:"stale,omitempty"`
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

// From returns the states that an action takes deliveries of a selection from: those of [Action.States], and skipped where that state or
// single deliveries are named, of which those count that are [SkippedByOperator].
func (a Action) From(sel Selection) []ledger.State {
	from := a.States(sel.Again)
	if a == Replay && (len(sel.IDs) > 0 || sel.State == ledger.Skipped) {
		from = append(from, ledger.Skipped)
	}
	if sel.State != 0 {
		from = slices.DeleteFunc(from, func(s ledger.State) bool { return s != sel.State })
	}
	return from
}

// Act does what an operator asks with deliveries. Those that are not in a state for it are passed over.
func (e *Engine) Act(a Action, sel Selection) (Done, error) {
	done := Done{Action: a, IDs: []string{}}
	from, to := a.From(sel), ledger.Queued
	if a == Discard {
		to = ledger.Discarded
	}
	chosen, err := e.chosen(sel, from)
	if err != nil {
		return done, err
	}
	for _, name := range sortedKeys(chosen) {
		numbers := chosen[name]
		switch {
		case a == Discard:
			if numbers, err = e.notAlive(name, numbers); err != nil {
				return done, err
			}
		case !sel.Again:
			fresh, err := e.notOvertaken(name, numbers)
			if err != nil {
				return done, err
			}
			done.Stale += len(numbers) - len(fresh)
			numbers = fresh
		}
		now := e.now()
		moved, err := e.ledger.Move(name, numbers, from, to, noteOf(string(a), now), now)
		if err != nil {
			return done, err
		}
		for _, n := range moved {
			d := ledger.Delivery{Zap: name, Number: n}
			done.IDs = append(done.IDs, d.ID())
			e.told(name, 0, ledger.Outcome{Number: n, State: to, Reason: noteOf(string(a), now)})
		}
		if len(moved) > 0 {
			e.log.Info(string(a), zap.String("zap", name), zap.Int("rows", len(moved)))
		}
		e.sender.look(name, true)
	}
	done.Count = len(done.IDs)
	return done, nil
}

// notAlive leaves out the deliveries that wait for a row which is still in the sheet, and looked at: they go when it is complete.
func (e *Engine) notAlive(name string, numbers []uint64) ([]uint64, error) {
	kept := make([]uint64, 0, len(numbers))
	for _, n := range numbers {
		d, _, err := e.ledger.Delivery(name, n)
		if err != nil {
			return nil, err
		}
		gone := d.DeletedInSheet
		if d.State == ledger.Waiting && !gone {
			if gone, err = e.behind(d); err != nil {
				return nil, err
			}
		}
		if d.State != ledger.Waiting || gone {
			kept = append(kept, n)
		}
	}
	return kept, nil
}

// notOvertaken returns those of a zap's deliveries whose user no newer row has updated since. Events have no such order: all of
// them are returned.
func (e *Engine) notOvertaken(name string, numbers []uint64) ([]uint64, error) {
	r := e.current().Recipe(name)
	profiles := r != nil && slices.ContainsFunc(r.Actions, func(a config.Action) bool { return a.Event == config.CreateUpdateUserProfile })
	if !profiles || len(numbers) == 0 {
		return numbers, nil
	}
	type row struct {
		user
		first uint64
	}
	unsent := map[uint64]row{} // by delivery
	oldest := slices.Max(numbers)
	for _, n := range numbers {
		d, found, err := e.ledger.Delivery(name, n)
		if err != nil {
			return nil, err
		}
		if found && d.State != ledger.Sent {
			unsent[n] = row{user{r.actionName(d), e.IdentityOf(d)}, d.Origin()}
			oldest = min(oldest, d.Origin())
		}
	}
	updated, err := e.updatedSince(r, oldest)
	if err != nil {
		return nil, err
	}
	kept := make([]uint64, 0, len(numbers))
	for _, n := range numbers {
		if row, ok := unsent[n]; !ok || updated[row.user] <= row.first {
			kept = append(kept, n)
		}
	}
	return kept, nil
}

// skippedByOperator is the reason in the ledger of rows that [Engine.Resume] skipped.
const skippedByOperator = "added while the zap was paused, and skipped by an operator"

// SkippedByOperator tells whether a delivery was skipped by an operator's choice, not by the filter or the zap file: it can be replayed.
func SkippedByOperator(d ledger.Delivery) bool {
	return d.State == ledger.Skipped && d.Reason == skippedByOperator
}

// chosen returns the deliveries that are named, by zap. Skipped ones are among them only where an operator skipped them.
func (e *Engine) chosen(sel Selection, from []ledger.State) (map[string][]uint64, error) {
	chosen := map[string][]uint64{}
	for _, id := range sel.IDs {
		name, n, err := ledger.ParseID(id)
		if err != nil {
			return nil, err
		}
		if slices.Contains(from, ledger.Skipped) {
			d, _, err := e.ledger.Delivery(name, n)
			if err != nil {
				return nil, err
			}
			if d.State == ledger.Skipped && !SkippedByOperator(d) {
				continue
			}
		}
		chosen[name] = append(chosen[name], n)
	}
	if len(sel.IDs) > 0 {
		return chosen, nil
	}
	for _, state := range from {
		ds, err := e.ledger.Deliveries(ledger.Query{Zap: sel.Zap, State: state})
		if err != nil {
			return nil, err
		}
		for _, d := range ds {
			if state != ledger.Skipped || SkippedByOperator(d) {
				chosen[d.Zap] = append(chosen[d.Zap], d.Number)
			}
		}
	}
	return chosen, nil
}

// PollNow polls a zap at once and returns when the poll is done, with its trouble if it has one.
func (e *Engine) PollNow(ctx context.Context, name string) (PollReport, error) {
	report, err := e.Poll(ctx, name)
	if errors.Is(err, ErrPaused) || errors.Is(err, ErrDisabled) {
		err = fmt.Errorf("poll %s: %w", name, err)
	}
	return report, e.withHint(name, err)
}

// withHint says what an operator does about a zap that is not polled.
func (e *Engine) withHint(name string, err error) error {
	switch {
	case errors.Is(err, ErrPaused):
		return &Hinted{Err: err, Hint: "rowtap resume " + name}
	case errors.Is(err, ErrDisabled):
		return &Hinted{Err: err, Hint: "write enabled: true in " + e.fileOf(name) + ", and: rowtap reload"}
	}
	return err
}

func (e *Engine) fileOf(name string) string {
	if r := e.current().Recipe(name); r != nil {
		return r.File
	}
	return "its file"
}

// user is whom an action updates.
type user struct{ action, identity string }

// updatedSince returns the newest row, by its first delivery, that has updated a user; deliveries before oldest may be left out.
func (e *Engine) updatedSince(r *Recipe, oldest uint64) (map[user]uint64, error) {
	updated := map[user]uint64{}
	q := ledger.Query{Zap: r.Name, State: ledger.Sent, Limit: 1000}
	for {
		sent, err := e.ledger.Deliveries(q)
		if err != nil {
			return nil, err
		}
		for _, d := range sent {
			if nth, ok := r.actionOf(d); ok && r.updates(nth) {
				who := user{r.Actions[nth].Name, d.Identity}
				updated[who] = max(updated[who], d.Origin())
			}
		}
		if len(sent) < q.Limit || sent[len(sent)-1].Number <= oldest {
			return updated, nil
		}
		q.Before = sent[len(sent)-1].ID()
	}
}

// noZap is [ErrNoZap] with the name that may have been meant.
func (e *Engine) noZap(what, name string) error {
	return &Hinted{Err: fmt.Errorf("%s %s: %w", what, name, ErrNoZap), Hint: e.Meant(name)}
}

// Meant says what to do about the name of a zap that is none.
func (e *Engine) Meant(name string) string {
	plan := e.current()
	names := make([]string, len(plan.Recipes))
	for i, r := range plan.Recipes {
		names[i] = r.Name
	}
	hint := "rowtap status lists the zaps"
	if near := config.Nearest(name, names); near != "" {
		hint = "did you mean " + near + "? " + hint
	}
	return hint
}

// Known tells whether the configuration has a zap of that name, or the ledger of one that was removed.
func (e *Engine) Known(name string) (bool, error) {
	if e.current().Recipe(name) != nil {
		return true, nil
	}
	_, known, err := e.ledger.Zap(name)
	return known, err
}

// Deliveries lists deliveries, newest first.
func (e *Engine) Deliveries(q ledger.Query) ([]ledger.Delivery, error) { return e.ledger.Deliveries(q) }

// Mapped is a delivery as the mapping in force makes it, and as it was tried.
type Mapped struct {
	Record  []byte // JSON, without what the zap hides; nil where there is none
	Skipped bool   // the filter drops it
	Problem *ledger.Problem
	Awaits  string // the action that the row is for once this delivery was accepted; "": none
	// Warnings is what CleverTap may drop of the record, or take otherwise than meant.
	Warnings []clevertap.Warning
	Tried    Tried

	print uint32 // of the record; 0: there is none
}

// Delivery returns one delivery, the record that the zap's mapping as it is now makes of it, and the one that was tried last.
func (e *Engine) Delivery(name string, n uint64) (d ledger.Delivery, now Mapped, found bool, err error) {
	d, found, err = e.ledger.Delivery(name, n)
	if err != nil || !found {
		return d, now, found, err
	}
	r := e.current().Recipe(name)
	if r == nil {
		now.Problem = &ledger.Problem{Message: "the zap is no longer in the configuration"}
	} else {
		now = r.mapped(d)
	}
	now.Tried = e.tried(d, r, now)
	return d, now, true, nil
}

// mapped makes a delivery's record.
func (r *Recipe) mapped(d ledger.Delivery) Mapped {
	nth, ok := r.actionOf(d)
	if !ok {
		return Mapped{Problem: noAction(d)}
	}
	now := Mapped{Awaits: r.awaits(d)}
	bound, err := r.Mapping.Bind(d.Header)
	if err != nil {
		now.Problem = problemOf(err)
		return now
	}
	record, keep, err := bound.Record(nth, d.Row, mappingContext(d))
	if err != nil {
		now.Problem = problemOf(err)
		return now
	}
	if now.Skipped = !keep; now.Skipped {
		return now
	}
	now.print = printOf(record.JSON)
	now.Record, now.Warnings = record.JSON, bound.Warnings(nth, record, mappingContext(d))
	if hidden := mapping.Hidden(d.Header, r.Redact); len(hidden) > 0 {
		if now.Record, err = bound.Shown(nth, d.Row, mappingContext(d), hidden); err != nil {
			now.Record, now.Problem = nil, problemOf(err)
		}
	}
	return now
}

// IdentityOf returns the identity of a delivery: as it was sent, else as the mapping makes it now; "" where it has none.
func (e *Engine) IdentityOf(d ledger.Delivery) string {
	if d.Identity != "" {
		return d.Identity
	}
	r := e.current().Recipe(d.Zap)
	if r == nil {
		return ""
	}
	nth, ok := r.actionOf(d)
	if !ok {
		return ""
	}
	bound, err := r.Mapping.Bind(d.Header)
	if err != nil {
		return ""
	}
	id, err := bound.Identity(nth, d.Row, mappingContext(d))
	if err != nil {
		return ""
	}
	return id
}

// Ledger returns the state, for backups.
func (e *Engine) Ledger() *ledger.Ledger { return e.ledger }
