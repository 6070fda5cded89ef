// Package poll finds new rows: it polls worksheets on their schedules and makes what is new durable
// in the ledger.
//
// # A poll
//
//	schedule ──► locate ──► read ──► compare ──► confirm ──► show ──► commit
//	              title,     cells    detect      nothing     dates    one ledger transaction:
//	              gid                             moved                cursor + new rows + changes
//
// The unit is a visit (visit.go): a spreadsheet with those of its zaps that are due together, each
// with its poll (poll.go). Zaps that do not know their worksheet look it up by one request
// (worksheet.go). One request reads what all of them need: small worksheets whole, of large ones a
// window around the last row (read.go). A large worksheet is read whole, page by page, for all zaps
// that look at it, where a window is inconclusive, and now and then anyway. Each zap compares what
// was read with its own cursor (compare.go, cache.go). Where something is new, one request looks up
// whether the titles are still those of the same worksheets (confirm.go), and one reads what the
// sheets show for the new rows (show.go). The cells that were read are at hand until then
// (rowstore.go); of a worksheet of some hundred thousand rows or more those of new rows are read
// again (fetch.go). Then each zap commits (commit.go, follow.go). A visit that finds nothing takes
// one request.
//
// A worksheet that changes while it is read gives a torn read, which is repeated; one that always
// does is compared by two torn reads (torn.go). A zap that is pointed at another worksheet reads
// the one before a last time (leave.go). A zap whose file was renamed asks which one it is before
// anything is sent (former.go, removed.go). A backfill is a poll that also finds the rows that were
// there at the start (backfill.go).
//
// A poll uses the recipe in force when its first request goes out, after any wait for the quota.
// Nothing that it finds is recorded before the commit, so a poll may be cut off anywhere: the next
// one finds the same.
//
// # Who owns what
//
// [Poller.Run] starts a goroutine for each visit and waits for all of them (schedule.go). A zap has
// one poll under way at a time ([claim.Table], claims.go), which alone owns what is known of the
// zap's worksheet. An account has room for a few polls at once (slots.go); the rows of a large
// worksheet are kept compressed until the commit (rowstore.go), and its comparison is thrifty with
// memory (sparing.go). The zap's schedule, and what its last poll came to, are guarded by the
// poller's lock (schedule.go). A broken zap is state, shown by [Poller.State], never an error of
// Run: that would stop the others.
//
// What became of a row is the ledger's alone. A cursor only knows how rows look, and the number of
// each row's first delivery. Right before the comparison a poll asks the ledger which rows are
// still open, and hands that to detection (states.go).
package poll

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/rowtap/rowtap/internal/claim"
	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/plan"
)

// Options are what a poller is made of. All but Pulse and PulseEvery are required.
type Options struct {
	Ledger *ledger.Ledger
	Claims *claim.Table
	Log    *zap.Logger
	Plan   *plan.Plan
	Now    func() time.Time // the wall clock, UTC
	// InPlace returns nil while a restart would find the state, else why nothing new may begin.
	InPlace func() error
	// StateFault tells whether an error means that the state file cannot be written, and logs it if so.
	StateFault func(error) bool
	// Queued is called when a zap has rows to send; with earlier they may come before those that were sent last.
	Queued func(zap string, earlier bool)
	// Found is called with what a poll has committed; first is the number of its first new row.
	Found func(zap string, c ledger.Poll, first uint64)
	// Lapsed is called for each waiting row that was given up; row is its last 1-based sheet row.
	Lapsed func(zap string, row int, o ledger.Outcome)
	// Polled is called at the end of each poll that read, or tried to.
	Polled func(zap string, began time.Time, r Report, err error)
	// Committed is called after each transaction.
	Committed func(began time.Time)
	// Pulse is called each time the scheduler's loop goes round, at least every PulseEvery (0: 30 seconds, which is also the most). It
	// must not block. nil: it is not called.
	Pulse      func()
	PulseEvery time.Duration
}

// Poller polls the zaps of a plan.
type Poller struct {
	opts        Options
	rowsPerPoll int // takenAtOnce
	keptBytes   int // keptBytes
	packer      *packer
	wake        chan struct{} // the scheduler looks again

	mu        sync.Mutex
	plan      *plan.Plan
	schedules map[string]*zapSchedule // by zap, of the plan
	slots     map[slotsKey]*readSlots // by Google account, of all plans so far
	cache     cursorCache
	removed   removed
	gcTuner   gcTuner
	ticked    time.Time // when the scheduler's loop last went round, by the wall clock
	alive     time.Time // the same by the monotonic clock
}

// New makes a poller. Nothing is started.
func New(o Options) (*Poller, error) {
	packer, err := newPacker()
	if err != nil {
		return nil, err
	}
	pr := &Poller{
		opts: o, rowsPerPoll: maxRowsPerPoll, keptBytes: keptBytes, packer: packer, wake: make(chan struct{}, 1), plan: o.Plan,
		schedules: map[string]*zapSchedule{}, slots: map[slotsKey]*readSlots{},
	}
	for _, r := range o.Plan.Recipes {
		pr.schedules[r.Name] = &zapSchedule{recipe: r}
	}
	return pr, nil
}

// PollAll polls every enabled zap now, and again while some of its new rows are left for another
// poll. tell is called with what each poll came to, one call at a time. It returns how many zaps
// were polled.
func (pr *Poller) PollAll(ctx context.Context, onEnd func(End)) (zaps int) {
	pr.mu.Lock()
	enabled := slices.DeleteFunc(slices.Clone(pr.plan.Recipes), func(r *plan.Recipe) bool { return !r.Enabled })
	pr.mu.Unlock()
	var polls errgroup.Group
	var mu sync.Mutex
	for _, names := range together(enabled) {
		zaps += len(names)
		polls.Go(func() error {
			for ctx.Err() == nil && len(names) > 0 {
				var more []string
				pr.Visit(ctx, names, func(end End) {
					mu.Lock()
					defer mu.Unlock()
					onEnd(end)
					if end.Report.remaining > 0 {
						more = append(more, end.Zap)
					}
				})
				names = more
			}
			return nil
		})
	}
	_ = polls.Wait() // a zap's error is its state
	return zaps
}

// Adopt puts a plan in force. Polls whose first request is not out yet go by it.
func (pr *Poller) Adopt(p *plan.Plan) {
	pr.mu.Lock()
	defer pr.mu.Unlock()
	pr.plan = p
	for _, r := range p.Recipes {
		if account := p.Google[r.Trigger.Account.Name].Opened(); account != nil {
			account.ForgetHeaders(r.Trigger.SpreadsheetID)
		}
		if s := pr.schedules[r.Name]; s != nil {
			s.change(r)
		} else {
			pr.schedules[r.Name] = &zapSchedule{recipe: r}
		}
	}
	maps.DeleteFunc(pr.schedules, func(name string, _ *zapSchedule) bool {
		if p.Recipe(name) != nil {
			return false
		}
		pr.cache.forget(name)
		return true
	})
	poke(pr.wake)
}

// PollSoon has zaps polled at once; without names, all of them.
func (pr *Poller) PollSoon(names ...string) {
	pr.mu.Lock()
	defer pr.mu.Unlock()
	for name, s := range pr.schedules {
		if len(names) == 0 || slices.Contains(names, name) {
			s.next = time.Time{}
		}
	}
	poke(pr.wake)
}

// Renamed forgets what is known of two zaps outside of the ledger: the new one has taken over the
// rows of the old one. The caller has claimed both.
func (pr *Poller) Renamed(oldName, newName string) {
	pr.cache.forget(oldName)
	pr.cache.forget(newName)
	pr.mu.Lock()
	defer pr.mu.Unlock()
	if s := pr.schedules[newName]; s != nil {
		s.next, s.loaded, s.sheet, s.err = time.Time{}, false, nil, nil
	}
	poke(pr.wake)
}

// State is what a zap's last poll came to, and when the next one is due. Times are UTC; the zero
// time is none.
type State struct {
	Last, Next time.Time
	Report     Report // of the last poll
	Err        error  // of the last poll
}

// State returns the state of a zap; ok is false if the plan does not have it.
func (pr *Poller) State(zapName string) (state State, ok bool) {
	pr.mu.Lock()
	defer pr.mu.Unlock()
	s := pr.schedules[zapName]
	if s == nil {
		return State{}, false
	}
	return State{s.last, s.next, s.report, s.err}, true
}

// Alive returns when the scheduler's loop last went round, by the monotonic clock.
func (pr *Poller) Alive() time.Time {
	pr.mu.Lock()
	defer pr.mu.Unlock()
	return pr.alive
}

// FormerNames returns a warning for each column name in the plan in force that is one of earlier
// releases, as far as the last polls show.
func (pr *Poller) FormerNames() (all config.Diagnostics) {
	pr.mu.Lock()
	defer pr.mu.Unlock()
	for _, r := range pr.plan.Recipes {
		all = append(all, pr.schedules[r.Name].former...)
	}
	return all
}
