// Package deliver sends the rows queued in the ledger to CleverTap.
//
//	ledger.Queued ──► mapping.Record ──► ledger.Start ──► clevertap.Upload ──► ledger.Finish
//	                                     (in flight)                          (sent, failed, retried later)
//
// One goroutine, that of [Sender.Run], decides what is sent and when (deliver.go). It makes batches
// in the order in which rows were found, in time slices of 100 ms per account so that slow
// expressions of one zap do not delay the others (batch.go). It starts a goroutine for each upload
// (account.go), decides what each response means for each row (verdict.go), and records that. Rows
// that were in flight when rowtap last stopped are queued again (recover.go). An account
// whose uploads fail has a circuit breaker (breaker.go). A broken account is reported by
// [Sender.Accounts] (shown.go) and is never an error of Run, which would stop the other accounts.
//
// An upload without a response (a timeout, a reset, a 502) or with a server error (500, 503) may
// have arrived. Before its events are sent again, or other events after them, CleverTap must have
// responded to a dry run, so an outage of any length repeats each event at most once. The same
// holds for records that a response neither counts as processed nor refuses: each is sent once
// more, alone, and held if that is inconclusive too. After two such responses in a row, uploads to
// the account stop until an operator reloads.
//
// The package depends on the ledger, not on sheets or polls: queued rows may come from anywhere.
package deliver

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/rowtap/rowtap/internal/claim"
	"github.com/rowtap/rowtap/internal/clevertap"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/plan"
)

// MaxSleep bounds each sleep of the sender's loop so that a suspend or clock change is noticed
// within it.
const MaxSleep = 30 * time.Second

// drainFor is how long uploads in flight may take to finish after a stop was requested.
const drainFor = 20 * time.Second

// askAgain is how soon Options.InPlace is called again after an error.
const askAgain = time.Second

// Options configure a [Sender]. All fields except Resend are required.
type Options struct {
	Ledger *ledger.Ledger
	Claims *claim.Table
	Log    *zap.Logger
	Now    func() time.Time  // the wall clock, UTC
	Plan   func() *plan.Plan // in force
	// InPlace returns nil while a restart would find the state. Otherwise it returns why no upload
	// may start.
	InPlace func() error
	// LastLook is called right before a request is sent, once its connection is established. If it
	// returns an error, the request is not sent and its rows are queued as they were. It must not
	// block and is called concurrently.
	LastLook func() error
	// Resend is when rows that were in flight at the start may be sent again: until then the
	// previous process may still be sending them. Meanwhile later rows of the same identities wait,
	// other rows do not. The zero value means at once.
	Resend time.Time
	// Unwritable is called with the error when the state file cannot be written.
	Unwritable func(error)
	// Outcome is called for each recorded outcome; row is the 1-based sheet row.
	Outcome func(zap string, row int, o ledger.Outcome)
	// Uploaded is called for each request to an account with the HTTP status of the response, or 0
	// without one.
	Uploaded func(account string, status int, took time.Duration)
	// Committed is called after each transaction that recorded responses.
	Committed func(began time.Time)
}

// Sender sends queued rows. The goroutine of Run owns all fields except inbox and shown: it decides
// what is sent, starts a goroutine for each upload, and records the response, so every decision
// sees consistent state.
type Sender struct {
	opts      Options
	log       *zap.Logger
	done      chan upload
	uploads   errgroup.Group
	accounts  map[string]*accountSender // by CleverTap account
	queues    map[string][]*queue       // by zap, one for each account of its actions
	recovered map[string]bool           // by zap: whether rows in flight at the start are queued
	resendAt  time.Time                 // Options.Resend, adjusted when the wall clock is set back
	unsaved   []upload                  // with a response that the ledger has not recorded yet
	barred    bool                      // no upload may start ([Options.InPlace])
	stalled   time.Time                 // nothing is sent before this time
	stalls    int                       // failed writes to the ledger in a row
	refusal   error                     // the error of the last one
	tally     map[ledger.State]int64    // outcomes, for [Sender.Once]
	lastRun   time.Time                 // when the loop last ran, by the wall clock

	wake  chan struct{}
	inbox inbox
	shown struct {
		mu       sync.Mutex
		accounts map[string]Account
		delays   map[string]string // by zap: why some of its rows are retried later
		alive    time.Time         // when the loop last ran, by the monotonic clock
		stall    error             // what stops all sending; nil: nothing
	}
}

// inbox holds what other goroutines have told the sender since it last read it.
type inbox struct {
	mu      sync.Mutex
	look    map[string]bool // zaps with something to send; true: perhaps before what was sent last
	changed bool            // another plan is in force
	renamed []string        // zaps that took over the rows of another zap
}

// New returns a sender that has not been started.
func New(o Options) *Sender {
	s := &Sender{
		opts:      o,
		log:       o.Log,
		done:      make(chan upload),
		accounts:  map[string]*accountSender{},
		queues:    map[string][]*queue{},
		recovered: map[string]bool{},
		resendAt:  o.Resend,
		tally:     map[ledger.State]int64{},
		wake:      make(chan struct{}, 1),
		inbox:     inbox{look: map[string]bool{}, changed: true},
	}
	s.shown.accounts, s.shown.delays, s.shown.alive = map[string]Account{}, map[string]string{}, time.Now()
	return s
}

// Look tells the sender that a zap may have something to send. With earlier, that may be before
// what was sent last. It never blocks.
func (s *Sender) Look(zapName string, earlier bool) {
	s.inbox.mu.Lock()
	s.inbox.look[zapName] = s.inbox.look[zapName] || earlier
	s.inbox.mu.Unlock()
	poke(s.wake)
}

// Adopt tells the sender that another plan is in force.
func (s *Sender) Adopt() {
	s.inbox.mu.Lock()
	s.inbox.changed = true
	s.inbox.mu.Unlock()
	poke(s.wake)
}

// Renamed tells the sender that a zap took over the rows of another zap, some of which may still be
// marked as in flight after a crash.
func (s *Sender) Renamed(zapName string) {
	s.inbox.mu.Lock()
	s.inbox.renamed = append(s.inbox.renamed, zapName)
	s.inbox.mu.Unlock()
}

// Run sends queued rows until ctx is done, then waits up to 20 seconds for uploads in flight and
// records their responses.
func (s *Sender) Run(ctx context.Context) error { return s.run(ctx, false) }

// Once sends queued rows until none is left that could be sent within a few attempts. It returns
// the number of deliveries that reached each state.
func (s *Sender) Once(ctx context.Context) (tally map[ledger.State]int64, err error) {
	clear(s.tally)
	err = s.run(ctx, true)
	return s.tally, err
}

// run implements Run; with once, it ends like Once.
func (s *Sender) run(ctx context.Context, once bool) error {
	lasting := context.WithoutCancel(ctx) // responses are recorded even after ctx is done
	uploads, cancel := context.WithCancel(clevertap.WithLastLook(lasting, s.opts.LastLook))
	defer cancel()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		s.readInbox()
		now := s.opts.Now()
		s.followClock(now)
		s.save(lasting, now)
		s.fill(uploads, now)
		s.show()
		if ctx.Err() != nil || once && s.spent(s.opts.Now()) {
			return s.drain(lasting, cancel)
		}
		timer.Reset(s.sleep(s.opts.Now()))
		select {
		case <-ctx.Done():
			return s.drain(lasting, cancel)
		case <-s.wake:
		case <-timer.C:
		case u := <-s.done:
			s.finish(u)
			s.finishReady()
		}
	}
}

// finishReady handles the responses that have arrived, so that one transaction records them all.
func (s *Sender) finishReady() {
	for {
		select {
		case u := <-s.done:
			s.finish(u)
		default:
			return
		}
	}
}

// followClock notes the wall clock. If it was set back, times computed from the old clock move back
// with it, and queues are read again for rows that are retried later ([assembly.early]).
func (s *Sender) followClock(now time.Time) {
	if back := s.lastRun.Sub(now); back > 0 {
		s.stalled, s.resendAt = s.stalled.Add(-back), s.resendAt.Add(-back)
		for _, a := range s.accounts {
			a.breaker.until = a.breaker.until.Add(-back)
		}
		for _, queues := range s.queues {
			for _, q := range queues {
				q.idle = false
			}
		}
	}
	s.lastRun = now
}

// drain waits for the uploads in flight and records their responses. After drainFor it cancels them
// and records that they may have arrived.
func (s *Sender) drain(ctx context.Context, giveUp context.CancelFunc) error {
	late := time.AfterFunc(drainFor, giveUp)
	defer late.Stop()
	for _, a := range s.accounts {
		for a.underway > 0 {
			s.finish(<-s.done)
		}
	}
	if s.save(ctx, s.opts.Now()); len(s.unsaved) > 0 {
		s.log.Error("responses not recorded; their rows are sent again at the next start",
			zap.Int("uploads", len(s.unsaved)))
	}
	return s.uploads.Wait()
}

func (s *Sender) readInbox() {
	s.inbox.mu.Lock()
	look, changed, renamed := s.inbox.look, s.inbox.changed, s.inbox.renamed
	s.inbox.look, s.inbox.changed, s.inbox.renamed = map[string]bool{}, false, nil
	s.inbox.mu.Unlock()
	if changed {
		s.replan(s.opts.Plan())
	}
	for _, name := range renamed {
		delete(s.recovered, name)
	}
	for name, earlier := range look {
		for _, q := range s.queues[name] {
			q.idle = false
			if earlier {
				q.from = 0
			}
		}
	}
}

// overtaken reports whether an operator was faster: the rows were discarded or their zap renamed.
// The caller reads the queue again.
func overtaken(err error) bool {
	return errors.Is(err, ledger.ErrNotQueued) || errors.Is(err, ledger.ErrUnknown)
}

// stall pauses all sending for a moment, because the ledger cannot record what would be sent.
func (s *Sender) stall(err error) {
	const pause = 5 * time.Second
	s.stalled = s.opts.Now().Add(pause)
	s.stalls++
	s.refusal = err
	s.opts.Unwritable(err)
}

// finish handles the response to an upload.
func (s *Sender) finish(u upload) {
	u.account.underway--
	if u.stopped() {
		s.stopped(u)
		return
	}
	s.opts.Uploaded(u.account.config.Name, u.status(), time.Since(u.began))
	if u.probe {
		s.probed(u)
		return
	}
	s.judge(&u)
	s.unsaved = append(s.unsaved, u)
}

// stopped handles an upload that the last look stopped. CleverTap received nothing, which says
// nothing about the account. The rows are queued as they were.
func (s *Sender) stopped(u upload) {
	s.stalled = s.opts.Now().Add(askAgain)
	s.log.Info("upload stopped before it was sent; its rows stay queued", zap.String("account", u.account.config.Name),
		zap.Int("rows", len(u.items)), zap.Error(u.err))
	if u.probe {
		u.account.probing = false
		return
	}
	for _, it := range u.items {
		u.outcomes = append(u.outcomes, it.before)
	}
	s.unsaved = append(s.unsaved, u)
}

// save records responses in the ledger, one transaction per zap. Those it cannot record stay in
// flight and are saved later: a record that got a response must not be sent again.
func (s *Sender) save(ctx context.Context, now time.Time) {
	for len(s.unsaved) > 0 {
		name := s.unsaved[0].queue.recipe.Name
		var saved, others []upload
		var outcomes []ledger.Outcome
		for _, u := range s.unsaved {
			if u.queue.recipe.Name != name {
				others = append(others, u)
				continue
			}
			saved, outcomes = append(saved, u), append(outcomes, u.outcomes...)
		}
		began := time.Now()
		err := s.opts.Ledger.Finish(ctx, name, outcomes, now)
		if overtaken(err) && len(saved) > 1 { // one of them is already recorded: try one by one
			others = append(saved[1:len(saved):len(saved)], others...)
			saved = saved[:1]
			err = s.opts.Ledger.Finish(ctx, name, saved[0].outcomes, now)
		}
		// Only the sender changes rows in flight, so the failed commit reached the disk after all.
		if overtaken(err) {
			s.log.Warn("response already recorded", zap.String("zap", name), zap.Error(err))
			err = nil
		}
		if err != nil {
			s.stall(err)
			return
		}
		s.opts.Committed(began)
		s.unsaved, s.stalls = others, 0
		s.saved(saved)
	}
}

// saved releases uploads whose responses are recorded.
func (s *Sender) saved(uploads []upload) {
	for _, u := range uploads {
		s.opts.Claims.Land(u.queue.recipe.Name)
		u.queue.land(u.items)
		u.queue.idle, u.queue.delay = false, ""
		for _, o := range u.outcomes {
			if o.State == ledger.Queued {
				u.queue.from = min(u.queue.from, o.Number)
				if o.Problem != nil {
					u.queue.delay = o.Problem.Message
				}
			}
			if o.Then != "" {
				for _, q := range s.queues[u.queue.recipe.Name] {
					q.idle = false
				}
			}
		}
		if !u.stopped() {
			s.announce(u, u.outcomes)
		}
	}
}

// outcome counts and publishes an outcome.
func (s *Sender) outcome(zapName string, row int, o ledger.Outcome) {
	s.tally[o.State]++
	s.opts.Outcome(zapName, row, o)
}

// poke sends without blocking. One token is enough, because the receiver checks everything.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
