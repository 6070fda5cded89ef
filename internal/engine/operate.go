package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/clevertap"
	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/plan"
	"github.com/rowtap/rowtap/internal/poll"
	"github.com/rowtap/rowtap/internal/row"
)

// pausedByOperator is the reason of a pause without another one.
const pausedByOperator = "paused by an operator"

// Pause stops a zap's polls and uploads until Resume, across restarts. Uploads in flight finish. A
// zap that is paused already stays so, without a timer; an empty reason keeps the one that it has. It
// does nothing for a zap that waits for an answer about its identity (poll/former.go), which is
// stopped already.
func (e *Engine) Pause(ctx context.Context, name, reason string) error {
	stored, asks, err := e.beforePause(ctx, name)
	if err != nil || asks {
		return err
	}
	reason = cmp.Or(reason, stored.PausedReason, pausedByOperator)
	if err := e.ledger.SetPaused(ctx, name, true, reason, e.now()); err != nil {
		return err
	}
	e.setTimer(name, time.Time{})
	e.log.Info("paused", zap.String("zap", name), zap.String("reason", reason))
	return nil
}

// beforePause returns what the ledger has of a zap that is to be paused, and whether the zap waits
// for an answer about its identity.
func (e *Engine) beforePause(ctx context.Context, name string) (stored ledger.Zap, asks bool, err error) {
	if e.current().Recipe(name) == nil {
		return stored, false, e.noZap("pause", name)
	}
	stored, _, err = e.ledger.Zap(ctx, name)
	_, asks = poll.Asks(stored)
	return stored, asks, err
}

// Resume continues a paused zap. Rows added while it was paused are found at once and sent, or
// recorded as skipped with skip, so that they can be replayed. Queued rows are sent in both cases.
// With skip, a zap that is not paused is [ErrNotPaused], and nothing is skipped.
func (e *Engine) Resume(ctx context.Context, name string, skip bool) error {
	if e.current().Recipe(name) == nil {
		return e.noZap("resume", name)
	}
	if skip {
		report, err := e.poller.PollSkipping(ctx, name)
		switch {
		case errors.Is(err, ErrNotPaused):
			err = &hint.Error{Err: fmt.Errorf("%w, nothing is skipped", err), Hint: "its rows are sent as they are added; to stop that: rowtap pause " + name}
		case err == nil && report.Doubt != "":
			err = &hint.Error{Err: errors.New("the read was ignored: " + report.Doubt), Hint: "try again in a minute"}
		}
		if err != nil {
			return fmt.Errorf("resume %s, skipping rows added while paused: %w", name, err)
		}
	}
	if err := e.ledger.SetPaused(ctx, name, false, "", e.now()); err != nil {
		return err
	}
	e.setTimer(name, time.Time{})
	e.poller.PollSoon(name)
	e.log.Info("resumed", zap.String("zap", name))
	e.sender.Look(name, true)
	return nil
}

// Action is an operator's action on deliveries.
type Action string

// The actions.
const (
	// Replay queues failed deliveries again, sent ones only with Again, and those that an operator
	// skipped if they are named.
	Replay Action = "replay"
	// Release queues held deliveries.
	Release Action = "release"
	// Discard gives up failed and held deliveries, and waiting ones whose row was deleted or is no
	// longer watched.
	Discard Action = "discard"
)

// Selection selects deliveries by ID, or all of a zap or of all zaps, that match its other fields.
type Selection struct {
	IDs   []string     `json:"ids,omitempty"`
	Zap   string       `json:"zap,omitempty"`
	State ledger.State `json:"state,omitempty"`
	// Since, Until and Error are those of [ledger.Query].
	Since time.Time `json:"since,omitzero"`
	Until time.Time `json:"until,omitzero"`
	Error string    `json:"error,omitempty"`
	Again bool      `json:"again,omitempty"` // include deliveries sent before, and profiles superseded by newer deliveries
	// DryRun reports what would be done without doing it.
	DryRun bool `json:"dry_run,omitempty"`
}

// Done is the result of an operator's action.
type Done struct {
	Action Action   `json:"action"`
	Count  int      `json:"count"`
	IDs    []string `json:"ids"`
	// Stale counts profile deliveries that were skipped because a newer one has updated the same
	// user, or may have and is older than state.history: sent now, they would overwrite newer
	// values.
	Stale int `json:"stale,omitempty"`
	// Sent counts named deliveries that were skipped because they are sent and Again is not set.
	Sent int `json:"sent_before,omitempty"`
	// Repeats counts deliveries that were skipped instead because their keys are taken by other
	// rows (repeats: skip).
	Repeats int `json:"repeats,omitempty"`
	// Edited lists configuration files that affect what is sent and have changed since they were
	// loaded.
	Edited []string `json:"edited,omitempty"`
	// Would is the result of a dry run, which sets no IDs; else nil.
	Would *Foreseen `json:"would,omitempty"`
	// Reasons tells, in a dry run, why the deliveries failed or are held, the most frequent first.
	Reasons []Reason `json:"reasons,omitempty"`
}

// Empty reports whether a selection selects by nothing.
func (s Selection) Empty() bool {
	return len(s.IDs) == 0 && s.Zap == "" && s.State == 0 && s.Since.IsZero() && s.Until.IsZero() && s.Error == ""
}

// Foreseen counts what would be sent, by what CleverTap does with late records.
type Foreseen struct {
	Profiles  int `json:"profiles"`
	Events    int `json:"events"`
	OldEvents int `json:"old_events"` // events too old for a live campaign
	Repeated  int `json:"repeated"`   // events sent before
}

// States returns the states from which an action takes deliveries.
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

// From returns the states from which an action takes the deliveries of a selection. These are those
// of [Action.States] and, for a replay that names deliveries or the state, skipped and validated.
// Of the skipped ones, only those that are [Replayable] are replayed: repeats only if they are
// named. Validated ones are
// validated again, not sent.
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

// SkippedByOperator reports whether an operator skipped a delivery, not the filter or the zap file:
// then it can be replayed.
func SkippedByOperator(d ledger.Delivery) bool {
	return d.State == ledger.Skipped && d.Reason == poll.SkippedByOperator
}

// Replayable reports whether a skipped delivery can be replayed: an operator skipped it, or it
// repeats the key of another row.
func Replayable(d ledger.Delivery) bool {
	return SkippedByOperator(d) || d.State == ledger.Skipped && d.Repeat
}

// PollNow polls a zap at once with a complete read of its worksheet and returns when the poll has
// ended. It returns the errors of [poll.Poller.Poll], with a hint if there is one.
func (e *Engine) PollNow(ctx context.Context, name string) (poll.Report, error) {
	report, err := e.poller.Poll(ctx, name)
	if errors.Is(err, ErrPaused) || errors.Is(err, ErrDisabled) {
		err = fmt.Errorf("poll %s: %w", name, err)
	}
	return report, e.withHint(name, err)
}

// withHint adds a hint for operators to an error that describes why a zap is not polled.
func (e *Engine) withHint(name string, err error) error {
	switch {
	case errors.Is(err, ErrPaused):
		return &hint.Error{Err: err, Hint: "rowtap resume " + name}
	case errors.Is(err, ErrDisabled):
		return &hint.Error{Err: err, Hint: "write enabled: true in " + e.fileOf(name) + ", then: rowtap reload"}
	}
	return err
}

func (e *Engine) fileOf(name string) string {
	if r := e.current().Recipe(name); r != nil {
		return r.File
	}
	return "its file"
}

// noZap returns [ErrNoZap] with a suggestion of the zap that may be meant.
func (e *Engine) noZap(what, name string) error {
	return &hint.Error{Err: fmt.Errorf("%s %s: %w", what, name, ErrNoZap), Hint: e.current().Meant(name)}
}

// Mapped is the record that the mapping in force makes of a delivery, and the one that was last
// uploaded.
type Mapped struct {
	Record  []byte // JSON, without the columns that the zap hides; nil if there is none
	Skipped bool   // the filter drops it
	Problem *ledger.Problem
	// Partial is what could be made of the record, in the form of Record; nil without a Problem.
	Partial []byte
	// Missing are the paths of the values that Partial lacks because of the Problem.
	Missing []string
	// Faulty are the cells, 0-based, that the delivery failed for, or that the mapping fails on now.
	Faulty map[int]bool
	Awaits string // the action that the row has after this delivery is accepted; "": none
	// Warnings lists what CleverTap may drop from the record or interpret differently.
	Warnings []clevertap.Warning
	Tried    Tried
}

// Delivery returns a delivery, the record that the zap's current mapping makes of it, and the one
// that was last uploaded.
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
	if d.State == ledger.Failed || d.State == ledger.Discarded { // one that is queued may be corrected
		for p := range d.Problem.All() {
			now.blame(d.Header, p.Column)
		}
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
	header, ctx := r.HeaderOf(d), plan.MappingContext(d)
	hidden := mapping.Hidden(header, r.Redact)
	bound, err := r.Mapping.Bind(header)
	if err != nil {
		now.Problem = plan.ProblemOf(err)
		return now
	}
	if p := d.Problem; d.State == ledger.Failed && p != nil {
		if code, err := strconv.Atoi(p.Code); err == nil {
			now.blame(header, bound.Refused(nth, code)...)
		}
	}
	record, keep, err := bound.Record(nth, d.Row, ctx)
	if err != nil {
		now.Problem = plan.ProblemOf(err)
		partial := bound.Partial(nth, d.Row, ctx)
		now.Partial, _ = mapping.Redact(partial.JSON, partial.Origins, hidden)
		if wrong, ok := errors.AsType[*mapping.RowError](err); ok {
			for one := range wrong.All() {
				now.blame(header, one.Columns...)
				now.Missing = append(now.Missing, one.Fields...)
			}
		}
		return now
	}
	if now.Skipped = !keep; now.Skipped {
		return now
	}
	now.Record, _ = mapping.Redact(record.JSON, record.Origins, hidden)
	now.Warnings = bound.Warnings(nth, record, ctx)
	return now
}

// blame adds columns of a header to the faulty cells.
func (m *Mapped) blame(h row.Header, columns ...string) {
	for _, name := range columns {
		if i, ok := h.Index(name); ok {
			if m.Faulty == nil {
				m.Faulty = map[int]bool{}
			}
			m.Faulty[i] = true
		}
	}
}

// IdentityOf returns the identity of a delivery: as it was sent, or else as the current mapping
// makes it; "" if there is none.
func (e *Engine) IdentityOf(d ledger.Delivery) string {
	var b plan.Binder
	return b.Identity(e.current().Recipe(d.Zap), d)
}

// Meant returns what to do about an unknown zap name.
func (e *Engine) Meant(name string) string { return e.current().Meant(name) }
