// Package poll finds new rows: it polls worksheets on their schedules and commits new rows to the
// ledger.
//
// # A poll
//
//	schedule ──► locate ──► read ──► compare ──► confirm ──► show ──► commit
//	              title,     cells    detect      nothing     dates    one ledger transaction:
//	              gid                             moved                cursor + new rows + changes
//
// The unit is a visit (visit.go): a spreadsheet with those of its zaps that are due together, each
// with its poll (poll.go). One request looks up the worksheets of zaps that do not know theirs
// (worksheet.go). One request reads what all zaps need: small worksheets in full, of large ones a
// window around the last row (read.go). A large worksheet is read in full, page by page and once
// for all its zaps, if a window is inconclusive, and from time to time. Each zap compares the read
// with its own cursor (compare.go, cache.go). If something is new, one request checks that the
// worksheets still have their titles (confirm.go), and one reads what the sheets show for the new
// rows (show.go). The cells are kept in memory until then (rowstore.go); in worksheets of several
// hundred thousand rows the new rows are read again instead (fetch.go). Then each zap commits
// (commit.go, follow.go). A visit that finds nothing takes one request.
//
// A read during which the worksheet changes is torn, and repeated. If every read is torn, two torn
// reads are compared (torn.go). A zap that is pointed at another worksheet reads the old one a last
// time (leave.go). A zap whose file was renamed asks an operator before anything is sent
// (former.go, removed.go). A backfill is a poll that also finds the rows that existed at the start
// (backfill.go).
//
// A poll uses the recipe in force when its first request is sent, after any wait for the quota.
// Nothing is recorded before the commit, so a poll can be interrupted anywhere: the next one finds
// the same rows.
//
// # Who owns what
//
// [Poller.Run] starts a goroutine for each visit and waits for all of them (schedule.go). A zap has
// one poll at a time ([claim.Table], claims.go), which alone owns what is known of the zap's
// worksheet. The number of concurrent polls of an account is limited (slots.go). The rows of a
// large worksheet are compressed until the commit (rowstore.go), and the garbage collector is tuned
// while it is compared (gc.go). The poller's lock guards the schedule and last result of each zap
// (schedule.go). A broken zap is state, shown by [Poller.State], never an error of Run, which would
// stop the other zaps.
//
// The ledger alone knows what became of a row. A cursor only knows how rows look, and the number of
// each row's first delivery. Right before the comparison a poll loads the open rows from the ledger
// and passes them to detection (states.go).
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

// Options configure a poller. All fields but Pulse and PulseEvery are required.
type Options struct {
	Ledger *ledger.Ledger
	Claims *claim.Table
	Log    *zap.Logger
	Plan   *plan.Plan
	Now    func() time.Time // the wall clock, UTC
	// InPlace returns nil while a restart would find the state file; otherwise the reason why
	// nothing new may start.
	InPlace func() error
	// StateFault reports whether an error means that the state file cannot be written, and logs it
	// if so.
	StateFault func(error) bool
	// Queued is called when a zap has rows to send. earlier means that they may precede rows sent
	// before.
	Queued func(zap string, earlier bool)
	// Found is called after each commit. first is the number of its first new row.
	Found func(zap string, c ledger.Poll, first uint64)
	// Lapsed is called for each waiting row that was discarded, and each waiting or failed one that
	// was skipped because its key is taken. row is its last 1-based sheet row.
	Lapsed func(zap string, row int, o ledger.Outcome)
	// Polled is called at the end of each poll that read, or tried to read.
	Polled func(zap string, began time.Time, r Report, err error)
	// Committed is called after each transaction.
	Committed func(began time.Time)
	// Pulse, if not nil, is called in each round of the scheduler's loop, at least every PulseEvery
	// (0, or more than 30 seconds: 30 seconds). It must not block.
	Pulse      func()
	PulseEvery time.Duration
}

// Poller polls the zaps of a plan.
type Poller struct {
	opts        Options
	rowsPerPoll int // maxRowsPerPoll; lower in tests
	keptBytes   int // keptBytes; lower in tests
	packer      *packer
	wake        chan struct{} // starts another round of the scheduler's loop

	mu        sync.Mutex
	plan      *plan.Plan
	schedules map[string]*zapSchedule // by zap of the plan
	slots     map[slotsKey]*readSlots // by Google account, including accounts of earlier plans
	cache     cursorCache
	removed   removed
	gcTuner   gcTuner
	ticked    time.Time // last round of the scheduler's loop, by the wall clock
	alive     time.Time // the same, by the monotonic clock
}

// New makes a poller. It starts nothing.
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

// PollAll polls every enabled zap now, and repeats polls that leave new rows for another one. onEnd
// is called with the result of each poll, one call at a time. PollAll returns the number of zaps
// polled.
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

// Adopt puts a plan in force. It applies to polls that have not sent their first request.
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

// PollSoon makes zaps due now; without names, all zaps.
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

// Renamed drops what is known of two zaps outside of the ledger, after the new one has taken over
// the rows of the old one. The caller must have claimed both.
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

// State is the result of a zap's last poll, and when the next one is due. Times are UTC; zero if
// there is none.
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

// Alive returns the time of the last round of the scheduler's loop, by the monotonic clock.
func (pr *Poller) Alive() time.Time {
	pr.mu.Lock()
	defer pr.mu.Unlock()
	return pr.alive
}

// FormerNames returns a warning for each column name in the plan that follows the naming of an
// earlier release, as far as the last polls show.
func (pr *Poller) FormerNames() (all config.Diagnostics) {
	pr.mu.Lock()
	defer pr.mu.Unlock()
	for _, r := range pr.plan.Recipes {
		all = append(all, pr.schedules[r.Name].former...)
	}
	return all
}
