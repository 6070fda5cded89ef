// Package engine is the daemon: it polls worksheets on their schedules and delivers what is new to CleverTap.
//
// # The way of a row
//
//	            poll                                      ledger                      deliver
//	schedule → read → detect → confirm → commit ═══ cursor + new rows ═══ queued → map → start → upload → finish
//
// One direction, no way back. [poll] finds new rows and makes them durable; [deliver] sends what is queued. Neither knows the other, nor
// this package, which depguard checks. The ledger between them is the only state, and the only place that must survive a crash.
//
// Open poll/visit.go and see a row found: one visit of a spreadsheet reads what all of its zaps that are due need, compares (detect),
// confirms, and commits. Open deliver/batch.go, account.go and verdict.go and see it sent: a batch is made, marked as in flight, uploaded,
// and its response recorded.
//
// Where a row is if the power goes:
//
//   - Before ledger.Commit returns it is in the sheet alone; the cursor does not know it, so the next poll finds it again.
//   - From then on it is queued in the ledger, and the cursor knows it.
//   - ledger.Start marks it as in flight before its request goes out. A row that is found so marked at the next start may have reached
//     CleverTap: it is sent again, and marked 'maybe twice' where a repeat matters.
//   - ledger.Finish records CleverTap's response. From then on it is never sent again, unless an operator replays it. Where the zap has
//     another action, the same transaction queues the row's next delivery, for that.
//
// # What is here
//
// This package puts the two together and holds what operators see and do: the plan in force and how it is replaced (engine.go), their
// actions on zaps (operate.go, polls.go, rename.go) and on deliveries (act.go), what they ask (status.go, why.go, queries.go, behind.go),
// what needs their attention (attention.go, notify.go), what became of rows at the moment it does (hub.go), metrics (metrics.go), what is
// not to be shown (hide.go, tried.go), and errors of the state file itself (statefile.go,
// place.go).
//
// [Engine.Run] starts a few loops and waits for all of them: the scheduler of polls, the sender, housekeeping, and the notifier. Who works
// on a zap at the moment, a poll, uploads, or an operator's action that wants it to stand still, is one state behind one lock
// ([claim.Table]).
//
// The set of zaps is a [plan.Plan], made whole and checked before [Engine.Reload] swaps it in. Reading the files and swapping the plan is
// one step, so the files read last win. A poll uses the recipe in force when its first request goes out, after any wait for the quota; a
// row is mapped by the recipe in force when it is sent. The ledger keeps the record from then on, without what that recipe hides, and shows
// it without what the recipe hides that is in force when somebody looks (tried.go).
//
// A broken zap or account is state, shown by [Engine.Status], never an error of Run: that would stop the others. If the state file is
// removed or replaced while rowtap runs, no poll and no upload begins until it is back (place.go). Where the state is on PostgreSQL and
// several machines take turns with it, the same holds while this one cannot be sure that it is the active one; which others there are, and
// what is wrong with them, is in machines.go.
//
// What an operator looks at before a zap runs is in package preview, which asks Google and CleverTap and never touches the ledger.
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

// Options are what an engine is made of.
type Options struct {
	Plan    *plan.Plan
	Ledger  *ledger.Ledger
	Log     *zap.Logger
	Version string
	Now     func() time.Time // the wall clock; nil: the machine's
	// Load makes a plan of the configuration's files, for Reload. It returns all of a configuration's mistakes ([config.Diagnostics]) and
	// touches nothing that runs.
	Load func() (*plan.Plan, error)
	// Pulse, if not nil, is called by the scheduler's loop itself each time it goes round: a caller that does not hear it for longer than
	// PulseEvery (0: 30 seconds, which is also the most) knows that the loop hangs. It must not block.
	Pulse      func()
	PulseEvery time.Duration

	// What follows is for a state on PostgreSQL, which several machines take turns with. Nothing of it is needed for one in a file.

	// MayBegin returns nil while this machine may poll and upload, else why not, for operators. It is asked before each poll and each
	// upload, and once more right before the upload's records leave. It must not block, and is called from several goroutines at once. An
	// error that is [ledger.ErrNotActive] ends Run; any other passes by itself. nil: always.
	MayBegin func() error
	// Resend is when rows that are in flight at the start may be sent again, as Now tells the time: the machine before may still be sending
	// them. The zero time: at once.
	Resend time.Time
	// Machines returns the machines that serve the state, the active one first. It must not block. nil: this one alone.
	Machines func() []Machine
	// MirrorWarning returns what puts the state on PostgreSQL at risk, "" if nothing is known. What follows "\nnext: " in it is what to do.
	// It must not block. nil: nothing is.
	MirrorWarning func() string
	// Mirror are the metrics of the state on PostgreSQL, registered with the daemon's. nil: none.
	Mirror *MirrorMetrics
}

// Engine runs a plan.
type Engine struct {
	opts    Options
	ledger  *ledger.Ledger
	log     *zap.Logger
	metrics *metrics
	hub     *hub
	sender  *deliver.Sender
	claims  claim.Table
	poller  *poll.Poller
	failed  chan error // why Run must end: the state file cannot be trusted any more

	removed  removedZaps
	loading  sync.Mutex                      // held from reading the configuration's files until their plan is in force: the files read last win
	stopping atomic.Pointer[context.Context] // of Run, nil before: once it has ended, a stop was asked for
	barred   atomic.Pointer[obstacle]        // why nothing new begins; nil: it does

	mu        sync.Mutex
	plan      *plan.Plan
	reloaded  reloadState
	complaint time.Time // when it was last logged that the state file cannot be written
}

type reloadState struct {
	at  time.Time
	err error
}

// New makes an engine. Nothing is started.
func New(o Options) (*Engine, error) {
	if o.Plan == nil || o.Ledger == nil || o.Log == nil {
		return nil, errors.New("engine: a plan, a ledger and a log are needed")
	}
	e := &Engine{
		opts:     o,
		ledger:   o.Ledger,
		log:      o.Log,
		hub:      newHub(),
		failed:   make(chan error, 1),
		plan:     o.Plan,
		reloaded: reloadState{at: time.Now()},
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

// Run polls and delivers until ctx ends, then lets the uploads under way finish, for at most 20 seconds. Polls under way are
// abandoned, and nothing of them is committed. It returns nil when ctx has ended, and an error when the ledger has: the disk fails to
// write a commit ([ledger.ErrDisk]), another machine has taken over ([ledger.ErrNotActive]), or the copy of a state on PostgreSQL must be
// loaded again ([ledger.ErrStale]).
func (e *Engine) Run(ctx context.Context) error {
	defer e.hub.close()
	e.stopping.Store(&ctx)
	e.keepHides(ctx, e.current())
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return e.poller.Run(ctx) })
	g.Go(func() error { return e.sender.Run(ctx) })
	g.Go(func() error { return e.keepHouse(ctx) })
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

// Draining tells whether a stop was asked for: Run finishes the uploads under way, and then closes the channels of [Engine.Subscribe].
func (e *Engine) Draining() bool {
	ctx := e.stopping.Load()
	return ctx != nil && (*ctx).Err() != nil
}

// Summary is what one pass over all zaps came to.
type Summary struct {
	Polled      int   `json:"polled"`       // zaps
	Blocked     int   `json:"blocked"`      // of these
	Found       int64 `json:"found"`        // new rows
	Sent        int64 `json:"sent"`         // rows, found now or before
	Validated   int64 `json:"validated"`    // in shadow mode
	Skipped     int64 `json:"skipped"`      // by a filter
	Failed      int64 `json:"failed"`       // now, not before
	Waiting     int64 `json:"waiting"`      // not ready yet
	StillQueued int64 `json:"still_queued"` // could not be delivered
}

// Once polls every enabled zap now, delivers what is queued, and returns. Rows that cannot be delivered within about half a
// minute of trying stay queued.
func (e *Engine) Once(ctx context.Context) (Summary, error) {
	e.keepHides(ctx, e.current())
	var s Summary
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
	e.prune(ctx, e.current().Config.State.History) // no daemon may ever run here to do it
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

// Reload loads the configuration and swaps it in; one reload at a time. On any mistake the current one stays in force and the error
// says what is wrong.
func (e *Engine) Reload(ctx context.Context) error {
	e.loading.Lock()
	defer e.loading.Unlock()
	plan, err := e.opts.Load()
	if err != nil {
		e.mu.Lock()
		e.reloaded.err = err
		e.mu.Unlock()
		return fmt.Errorf("the configuration is refused, the old one goes on:\n%w", err)
	}
	e.swap(ctx, plan)
	return nil
}

// swap puts a plan in force; e.loading is held.
func (e *Engine) swap(ctx context.Context, plan *plan.Plan) {
	e.keepHides(ctx, e.current(), plan)
	e.mu.Lock()
	defer e.mu.Unlock()
	plan.Adopt(e.plan)
	Warn(e.log, e.plan.Config, plan.Config)
	e.plan, e.reloaded = plan, reloadState{at: time.Now()}
	e.poller.Adopt(plan)
	for _, w := range e.poller.FormerNames() {
		e.log.Warn(w.Message, zap.String("at", w.Pos.String()), zap.String("next", w.Suggestion))
	}
	e.log.Info("configuration loaded", zap.Int("zaps", len(plan.Recipes)))
	e.sender.Adopt()
}

// Warn logs what a configuration that was just loaded says that is perhaps not meant, and what of it takes a restart, compared with the one
// that was in force.
func Warn(log *zap.Logger, inForce, loaded *config.Config) {
	for _, w := range loaded.Warnings {
		log.Warn(w.Message, zap.String("at", w.Pos.String()), zap.String("next", w.Suggestion))
	}
	for name, changed := range map[string]bool{
		"state.path":     inForce.State.Path != loaded.State.Path,
		"state.postgres": inForce.State.Postgres != loaded.State.Postgres,
		"state.lease":    inForce.State.Lease != loaded.State.Lease,
		"http":           !reflect.DeepEqual(inForce.HTTP, loaded.HTTP),
		"log":            inForce.Log != loaded.Log,
	} {
		if changed {
			log.Warn(name+" has changed, which takes a restart; until then the old one stays in force",
				zap.String("next", "systemctl restart rowtap"))
		}
	}
}

// FormerNames returns a warning for each column name in the configuration in force that is one of earlier releases, as far as the last
// polls show.
func (e *Engine) FormerNames() config.Diagnostics { return e.poller.FormerNames() }

func (e *Engine) current() *plan.Plan {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.plan
}

// keepHouse removes what is past state.history, now and then, until ctx ends.
func (e *Engine) keepHouse(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		history := e.current().Config.State.History
		e.prune(ctx, history)
		timer.Reset(pruneEvery(history))
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
	}
}

// prune removes what is older than the history, a little at a time, so that neither sends nor polls wait long for it.
func (e *Engine) prune(ctx context.Context, history time.Duration) {
	const pruneAtOnce = 10_000 // rows in a transaction
	before := e.now().Add(-history)
	for ctx.Err() == nil {
		n, err := e.ledger.Prune(ctx, before, pruneAtOnce)
		if ctx.Err() != nil {
			return
		}
		if err != nil && !e.faulty(err) {
			e.log.Error("old deliveries stay: "+err.Error(), zap.Error(err))
		}
		if n < pruneAtOnce {
			return
		}
	}
}

// pruneEvery is how often what is past history is removed. Where little is kept the file must not grow by what passes between
// two times: a million rows are about 70 MB. Where much is kept, reading through it has a price.
func pruneEvery(history time.Duration) time.Duration {
	return min(max(history/1000, 5*time.Second), 10*time.Minute)
}

// Healthy returns nil when the loops of the scheduler and of the sender go round, and the ledger answers. Uploads under way and
// accounts that refuse everything are no matter of health.
func (e *Engine) Healthy(ctx context.Context) error {
	if late := time.Since(e.poller.Alive()); late > 2*poll.MaxSleep {
		return fmt.Errorf("the scheduler has not come round for %s", late.Round(time.Second))
	}
	if late := time.Since(e.sender.Alive()); late > 2*deliver.MaxSleep {
		return fmt.Errorf("the sender has not come round for %s", late.Round(time.Second))
	}
	if err := e.ledger.Ping(ctx); err != nil {
		return fmt.Errorf("the state file does not answer: %w", err)
	}
	return nil
}

// now is the time without its monotonic reading.
func (e *Engine) now() time.Time { return e.opts.Now() }

// Config returns the configuration in force.
func (e *Engine) Config() *config.Config { return e.current().Config }

// wallClock is the time without its monotonic reading, which stands still while a machine is suspended.
func wallClock() time.Time { return time.Now().Round(0).UTC() }

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
