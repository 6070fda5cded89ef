// Package engine is the daemon: it polls worksheets on their schedules and sends new rows to
// CleverTap.
//
// # The path of a row
//
//	            poll                                      ledger                      deliver
//	schedule → read → detect → confirm → commit ═══ cursor + new rows ═══ queued → map → start → upload → finish
//
// Rows move in one direction. Package poll finds new rows and makes them durable; package deliver
// sends what is queued. Neither imports the other, nor this package, which depguard checks. The
// ledger between them holds the only state that must survive a crash.
//
// To follow a row as it is found, start at poll/visit.go: one visit of a spreadsheet reads what all
// of its zaps that are due need, compares (package detect), confirms and commits. To follow it as
// it is sent, read deliver/batch.go, account.go and verdict.go: a batch is made, marked as in
// flight, uploaded, and its response recorded.
//
// If the power fails, a row is in one of these states:
//
//   - Before ledger.Commit returns, it is only in the sheet. The cursor does not have it, so the
//     next poll finds it again.
//   - After that, it is queued in the ledger and recorded in the cursor.
//   - ledger.Start marks it as in flight before its request is sent. A row that is so marked at the
//     next start may have reached CleverTap: it is sent again, and marked 'maybe twice' if a repeat
//     matters.
//   - ledger.Finish records CleverTap's response. From then on the row is not sent again unless an
//     operator replays it. If the zap has another action, the same transaction queues the row's
//     next delivery, for that action.
//
// # Contents
//
// This package connects the two and contains everything that operators see and do: the plan in
// force and its replacement (engine.go), actions on zaps (operate.go, polls.go, rename.go) and on
// deliveries (act.go), queries (status.go, find.go, why.go, queries.go, behind.go), alerts (attention.go,
// notice.go, notify.go, summary.go; package notify sends them), live events (hub.go), metrics
// (metrics.go), redaction (hide.go, tried.go), and errors of the state itself (statefile.go,
// place.go).
//
// [Engine.Run] starts a few loops and waits for all of them: the scheduler of polls, the sender,
// housekeeping, and the notifier. A single table behind one lock ([claim.Table]) records what works
// on a zap at the moment: a poll, uploads, or an operator's action that excludes both.
//
// The set of zaps is a [plan.Plan], built and checked in full before [Engine.Reload] swaps it in.
// Reading the files and swapping the plan is one step, so the files read last win. A poll uses the
// recipe in force when its first request is sent, after any wait for quota; a row is mapped by the
// recipe in force when it is sent. The ledger keeps that record without the columns that the recipe
// hides, and it is shown without those that the recipe in force at that time hides (tried.go).
//
// A broken zap or account is state, reported by [Engine.Status], and never an error of Run, which
// would stop the others. If the state file is removed or replaced while rowtap runs, no poll and no
// upload starts until it is back (place.go). If the state is on PostgreSQL and several machines
// take turns with it, the same holds while this machine cannot be sure that it is the active one;
// machines.go reports on the others.
//
// Package preview shows operators what a zap would do before it runs. It queries Google and
// CleverTap and never touches the ledger.
package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/rowtap/rowtap/internal/claim"
	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/deliver"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/plan"
	"github.com/rowtap/rowtap/internal/poll"
)

// Options configure an [Engine]. Plan, Ledger and Log are required.
type Options struct {
	Plan    *plan.Plan
	Ledger  *ledger.Ledger
	Log     *zap.Logger
	Version string
	Now     func() time.Time // the wall clock; nil: time.Now in UTC
	// Load makes a plan from the configuration files, for Reload. Its error lists all mistakes
	// ([config.Diagnostics]). It must not affect what runs.
	Load func() (*plan.Plan, error)
	// Loaded, if not nil, is called at the end of each Reload, also of a refused one. It must not
	// block.
	Loaded func()
	// Refused says why the files were refused when they were last loaded before New; nil: they were
	// not.
	Refused *Refusal
	// Pulse, if not nil, is called by the scheduler's loop in each iteration, at least every
	// PulseEvery (0 means 30 seconds, the maximum), unless the loop hangs. It must not block.
	Pulse      func()
	PulseEvery time.Duration

	// The remaining options are for a state on PostgreSQL that several machines take turns with.

	// MayBegin returns nil while this machine may poll and upload, and otherwise an error for
	// operators. It is called before each poll and each upload, and once more right before the
	// records of an upload are sent. It must not block and is called concurrently. An error that is
	// [ledger.ErrNotActive] ends Run; all others are temporary. nil: always.
	MayBegin func() error
	// Resend is when rows that were in flight at the start may be sent again, by Now: until then
	// the previous machine may still be sending them. The zero value means at once.
	Resend time.Time
	// Machines returns the machines that serve the state, the active one first. It must not block.
	// nil: only this machine.
	Machines func() []Machine
	// MirrorWarning returns why the state on PostgreSQL is at risk, or "". A second line, after
	// "next: ", says what to do. It must not block. nil: no warnings.
	MirrorWarning func() string
	// Mirror holds the metrics of the state on PostgreSQL, registered with the daemon's. nil: none.
	Mirror *MirrorMetrics
}

// Engine runs the zaps of a plan.
type Engine struct {
	opts    Options
	ledger  *ledger.Ledger
	log     *zap.Logger
	metrics *metrics
	hub     *hub
	sender  *deliver.Sender
	claims  claim.Table
	poller  *poll.Poller
	failed  chan error // why Run must end: the state can no longer be recorded

	removed sync.Map // what zaps hide that the ledger has and the plan does not, by name: ledger.Hides
	// Held from reading the configuration files until their plan is in force, so that the files
	// read last win.
	loading sync.Mutex
	barred  atomic.Pointer[obstacle] // why nothing may start; nil: everything may

	mu               sync.Mutex
	plan             *plan.Plan
	reloaded         reloadState
	timers           map[string]time.Time // when pauses end, by zap; the ledger has them, too
	unwritableLogged time.Time            // when an unwritable state file was last logged
}

type reloadState struct {
	at      time.Time // when the plan in force was loaded
	refused *Refusal  // of the files since then; nil: none
}

// New returns an engine that has not been started.
func New(o Options) (*Engine, error) {
	if o.Plan == nil || o.Ledger == nil || o.Log == nil {
		return nil, errors.New("engine: Plan, Ledger and Log are required")
	}
	e := &Engine{
		opts:     o,
		ledger:   o.Ledger,
		log:      o.Log,
		hub:      newHub(),
		failed:   make(chan error, 1),
		plan:     o.Plan,
		reloaded: reloadState{at: time.Now(), refused: o.Refused},
	}
	if o.Now == nil {
		e.opts.Now = wallClock
	}
	e.metrics = newMetrics(e)
	e.sender = deliver.New(deliver.Options{
		Ledger: o.Ledger, Claims: &e.claims, Log: o.Log, Now: e.now, Plan: e.current,
		InPlace: e.inPlace, LastLook: e.mayBegin, Resend: o.Resend, Unwritable: e.unwritable, Outcome: e.outcome, Uploaded: e.metrics.uploaded, Committed: e.metrics.committed,
	})
	var err error
	e.poller, err = poll.New(poll.Options{
		Ledger: o.Ledger, Claims: &e.claims, Log: o.Log, Plan: o.Plan, Now: e.now,
		InPlace: e.inPlace, StateFault: e.faulty, Queued: e.sender.Look, Found: e.found, Lapsed: e.outcome,
		Polled: e.metrics.polled, Committed: e.metrics.committed, Pulse: o.Pulse, PulseEvery: o.PulseEvery,
	})
	if err != nil {
		return nil, err
	}
	return e, nil
}

// Run polls and sends until ctx is done, then waits up to 20 seconds for uploads in flight. Polls
// in progress are abandoned and commit nothing. It returns nil once ctx is done, and an error if
// the ledger ends: the disk cannot write a commit ([ledger.ErrDisk]), another machine has taken
// over ([ledger.ErrNotActive]), or the copy of a state on PostgreSQL must be loaded again
// ([ledger.ErrStale]).
func (e *Engine) Run(ctx context.Context) error {
	defer e.hub.close()
	e.keepHides(ctx, e.current())
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return e.poller.Run(ctx) })
	g.Go(func() error { return e.sender.Run(ctx) })
	g.Go(func() error { return loop(ctx, e.prune) })
	g.Go(func() error { return e.pauseLoop(ctx) })
	g.Go(func() error { return loop(ctx, e.index) })
	g.Go(func() error { return newNotifier(e).run(ctx) })
	g.Go(func() error {
		select {
		case <-ctx.Done():
			return nil
		case err := <-e.failed:
			return err
		}
	})
	return g.Wait()
}

// Summary is the result of one pass over all zaps.
type Summary struct {
	Polled      int   `json:"polled"`       // zaps
	Blocked     int   `json:"blocked"`      // of the polled zaps
	Found       int64 `json:"found"`        // new rows
	Sent        int64 `json:"sent"`         // rows found in this pass or earlier
	Validated   int64 `json:"validated"`    // in shadow mode
	Skipped     int64 `json:"skipped"`      // by a filter
	Failed      int64 `json:"failed"`       // in this pass
	Waiting     int64 `json:"waiting"`      // incomplete or not settled
	StillQueued int64 `json:"still_queued"` // could not be delivered
}

// Once polls every enabled zap now, sends what is queued, and returns. Rows that cannot be sent
// within about half a minute stay queued.
func (e *Engine) Once(ctx context.Context) (Summary, error) {
	e.keepHides(ctx, e.current())
	var s Summary
	if err := e.loadTimers(ctx); err != nil {
		return s, err
	}
	e.endPauses(ctx)
	s.Polled = e.poller.PollAll(ctx, func(end poll.End) {
		s.Found += int64(end.Report.Found)
		if end.Err != nil && !errors.Is(end.Err, ErrPaused) {
			s.Blocked++
		}
	})
	tally, err := e.sender.Once(ctx)
	if err != nil {
		return s, err
	}
	e.prune(ctx) // there may be no daemon that does
	e.index(ctx)
	s.Sent, s.Validated = tally[ledger.Sent], tally[ledger.Validated]
	s.Skipped, s.Failed = tally[ledger.Skipped], tally[ledger.Failed]
	for _, r := range e.current().Recipes {
		z, _, err := e.ledger.Zap(context.WithoutCancel(ctx), r.Name)
		if err != nil {
			return s, err
		}
		if r.Enabled && !z.Paused {
			s.Waiting += z.Counts.Waiting
			s.StillQueued += z.Counts.Queued
		}
	}
	return s, ctx.Err()
}

// Reload loads the configuration and puts it in force. If it is invalid, the current one stays in
// force and the error lists all mistakes. Concurrent reloads run one after the other.
func (e *Engine) Reload(ctx context.Context) error {
	_, err := e.ReloadRuns(ctx)
	return err
}

// ReloadRuns is [Engine.Reload]. It returns the zaps whose next runs have changed.
func (e *Engine) ReloadRuns(ctx context.Context) ([]Runs, error) {
	e.loading.Lock()
	defer e.loading.Unlock()
	if e.opts.Loaded != nil {
		defer e.opts.Loaded()
	}
	plan, err := e.opts.Load()
	if err != nil {
		e.refuse(err)
		return nil, fmt.Errorf("invalid configuration; the current one stays in force:\n%w", err)
	}
	before := e.current()
	e.swap(ctx, plan)
	return nextRuns(before, plan, e.now()), nil
}

// swap puts a plan in force. The caller holds e.loading.
func (e *Engine) swap(ctx context.Context, plan *plan.Plan) {
	e.keepHides(ctx, e.current(), plan)
	e.mu.Lock()
	defer e.mu.Unlock()
	plan.Adopt(e.plan)
	Warn(e.log, e.plan.Config, plan.Config)
	e.removed.Clear()
	e.plan, e.reloaded = plan, reloadState{at: time.Now()}
	e.poller.Adopt(plan)
	for _, w := range e.poller.FormerNames() {
		e.log.Warn(w.Message, zap.String("at", w.Pos.String()), zap.String("next", w.Suggestion))
	}
	e.log.Info("configuration loaded", zap.Int("zaps", len(plan.Recipes)))
	e.sender.Adopt()
}

// Warn logs the warnings of a configuration that was just loaded, and which of its settings differ
// from those in force and need a restart.
func Warn(log *zap.Logger, inForce, loaded *config.Config) {
	for _, w := range loaded.Warnings {
		log.Warn(w.Message, zap.String("at", w.Pos.String()), zap.String("next", w.Suggestion))
	}
	warnFrozen(log, loaded)
	for name, changed := range map[string]bool{
		"state.path":     inForce.State.Path != loaded.State.Path,
		"state.postgres": inForce.State.Postgres != loaded.State.Postgres,
		"state.lease":    inForce.State.Lease != loaded.State.Lease,
		"http":           !reflect.DeepEqual(inForce.HTTP, loaded.HTTP),
		"log":            inForce.Log != loaded.Log,
	} {
		if changed {
			log.Warn("a changed setting needs a restart; the old value stays in force until then",
				zap.String("setting", name), zap.String("next", "systemctl restart rowtap"))
		}
	}
}

// FormerNames returns a warning for each column name in the configuration that only earlier
// releases use, as far as the last polls show.
func (e *Engine) FormerNames() config.Diagnostics { return e.poller.FormerNames() }

func (e *Engine) current() *plan.Plan {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.plan
}

// loop calls do at once and then again each time after the duration that it returns, until ctx is
// done.
func loop(ctx context.Context, do func(context.Context) time.Duration) error {
	for {
		wait := do(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

// inParts calls part, which does at most some number of things in a small transaction so that polls
// and sends do not wait long, until it does fewer. failed is logged with its error.
func (e *Engine) inParts(ctx context.Context, most int, failed string, part func() (int, error)) {
	for ctx.Err() == nil {
		n, err := part()
		if ctx.Err() != nil {
			return
		}
		if err != nil && !e.faulty(err) {
			e.log.Error(failed, zap.Error(err))
		}
		if n < most {
			return
		}
	}
}

// prune removes deliveries older than state.history. It returns when to do so again.
func (e *Engine) prune(ctx context.Context) time.Duration {
	const most = 10_000 // rows
	history := e.current().Config.State.History
	before := e.now().Add(-history)
	e.inParts(ctx, most, "old deliveries not removed", func() (int, error) { return e.ledger.Prune(ctx, before, most) })
	return pruneEvery(history)
}

// pruneEvery returns how often deliveries older than history are removed. A short history is pruned
// often so that the file does not grow in between (a million rows are about 70 MB); a long one
// rarely, because each time reads through it.
func pruneEvery(history time.Duration) time.Duration {
	return min(max(history/1000, 5*time.Second), 10*time.Minute)
}

// Healthy returns nil if the loops of the scheduler and the sender run and the ledger responds. It
// does not depend on uploads in flight or on accounts that refuse requests.
func (e *Engine) Healthy(ctx context.Context) error {
	if late := time.Since(e.poller.Alive()); late > 2*poll.MaxSleep {
		return fmt.Errorf("the scheduler has not run for %s", late.Round(time.Second))
	}
	if late := time.Since(e.sender.Alive()); late > 2*deliver.MaxSleep {
		return fmt.Errorf("the sender has not run for %s", late.Round(time.Second))
	}
	if err := e.ledger.Ping(ctx); err != nil {
		return fmt.Errorf("the state file does not respond: %w", err)
	}
	return nil
}

// now returns the wall clock without its monotonic reading.
func (e *Engine) now() time.Time { return e.opts.Now() }

// Config returns the configuration in force.
func (e *Engine) Config() *config.Config { return e.current().Config }

// wallClock returns the time without its monotonic reading, which stops while a machine is
// suspended.
func wallClock() time.Time { return time.Now().Round(0).UTC() }

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
