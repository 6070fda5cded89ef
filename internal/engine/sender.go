package engine

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/rowtap/rowtap/internal/clevertap"
	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/ledger"
)

// drainFor is how long uploads under way may take to finish after a stop was asked for.
const drainFor = 20 * time.Second

// Whether the sender goes on when there is nothing left that it could send soon.
const (
	forever   = false
	untilIdle = true
)

// sender delivers what is queued. One goroutine, that of run, owns everything in it but inbox: it decides what goes out,
// starts a goroutine for each upload, and records its answer. So there are no locks and no half-made decisions.
type sender struct {
	engine  *Engine
	log     *zap.Logger
	done    chan upload
	uploads errgroup.Group
	lines   map[string]*line  // by CleverTap account
	queues  map[string]*queue // by zap
	unsaved []upload          // answered, but the ledger would not record it yet
	stalled time.Time         // the ledger refused to record something: nothing new before this
	stalls  int               // how often it has, in a row
	refusal error             // what it said the last time
	tally   map[ledger.State]int64

	wake  chan struct{}
	inbox inbox
	shown struct {
		mu    sync.Mutex
		gates map[string]gate // a copy, by account
		stall error           // why nothing is sent at all; nil: nothing keeps it
	}
}

// inbox is what other goroutines tell the sender.
type inbox struct {
	mu      sync.Mutex
	look    map[string]bool // zaps that have something new to send; true: perhaps before what was sent last
	changed bool            // the plan is another
	renamed []string        // zaps that have taken over the rows of another
}

// line is a CleverTap account as the sender sees it.
type line struct {
	account  *config.CleverTapAccount
	client   *clevertap.Client
	gate     gate
	underway int
	limit    int // uploads under way at once: falls when CleverTap says there are too many, and comes back
	zaps     []*queue
	turn     int // whose turn it is, so that no zap waits for another's backlog
}

// queue is a zap's queue as the sender sees it.
type queue struct {
	recipe *Recipe
	from   uint64              // deliveries below this are under way or done
	flying map[uint64]struct{} // deliveries under way
	busy   map[string]int      // identities of these
	limit  int                 // records in an upload: halves when CleverTap refuses a whole one
	idle   bool                // nothing to send when last looked at
	retry  time.Time           // when the first row that is tried again later is due; zero: there is none

	recovered bool // what was under way when rowtap last ended is queued again
}

// upload is one request and what came of it.
type upload struct {
	line   *line
	queue  *queue
	items  []item
	shadow bool
	began  time.Time
	answer clevertap.Answer
	err    error

	outcomes []ledger.Outcome // what becomes of the rows; set once the answer is there
}

func newSender(e *Engine) *sender {
	s := &sender{
		engine: e,
		log:    e.log,
		done:   make(chan upload),
		lines:  map[string]*line{},
		queues: map[string]*queue{},
		tally:  map[ledger.State]int64{},
		wake:   make(chan struct{}, 1),
		inbox:  inbox{look: map[string]bool{}, changed: true},
	}
	s.shown.gates = map[string]gate{}
	return s
}

// look tells the sender that a zap may have something to send; earlier, that it may stand before what was sent last. It
// never blocks.
func (s *sender) look(zapName string, earlier bool) {
	s.inbox.mu.Lock()
	s.inbox.look[zapName] = s.inbox.look[zapName] || earlier
	s.inbox.mu.Unlock()
	poke(s.wake)
}

// adopt tells the sender that the engine's plan is another.
func (s *sender) adopt() {
	s.inbox.mu.Lock()
	s.inbox.changed = true
	s.inbox.mu.Unlock()
	poke(s.wake)
}

// renamed tells the sender that a zap has taken over the rows of another, of which some may be marked as under way since
// a crash.
func (s *sender) renamed(zapName string) {
	s.inbox.mu.Lock()
	s.inbox.renamed = append(s.inbox.renamed, zapName)
	s.inbox.mu.Unlock()
}

// run delivers until ctx ends, then records the answers of the uploads under way, for at most drainFor. With stop, it ends
// when nothing is left that could be sent within a few tries.
func (s *sender) run(ctx context.Context, stop bool) error {
	uploads, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		s.readInbox()
		now := wallClock()
		s.save(now)
		s.fill(uploads, now)
		s.show()
		if stop && s.spent(wallClock()) {
			return s.drain(cancel)
		}
		timer.Reset(s.sleep(wallClock()))
		select {
		case <-ctx.Done():
			return s.drain(cancel)
		case <-s.wake:
		case <-timer.C:
		case u := <-s.done:
			s.finish(u)
		}
	}
}

// drain waits for the uploads under way and records their answers. After drainFor it gives them up: whether they arrived
// is then unknown, and recorded so.
func (s *sender) drain(giveUp context.CancelFunc) error {
	late := time.AfterFunc(drainFor, giveUp)
	defer late.Stop()
	for _, l := range s.lines {
		for l.underway > 0 {
			s.finish(<-s.done)
		}
	}
	if s.save(wallClock()); len(s.unsaved) > 0 {
		s.log.Error("the state file would not record some answers; their rows are sent again at the next start",
			zap.Int("uploads", len(s.unsaved)))
	}
	return s.uploads.Wait()
}

func (s *sender) readInbox() {
	s.inbox.mu.Lock()
	look, changed, renamed := s.inbox.look, s.inbox.changed, s.inbox.renamed
	s.inbox.look, s.inbox.changed, s.inbox.renamed = map[string]bool{}, false, nil
	s.inbox.mu.Unlock()
	if changed {
		s.replan(s.engine.current())
	}
	for _, name := range renamed {
		if q := s.queues[name]; q != nil {
			q.recovered = false
		}
	}
	for name, earlier := range look {
		if q := s.queues[name]; q != nil {
			q.idle = false
			if earlier {
				q.from = 0
			}
		}
	}
}

// replan takes up a plan: uploads under way go on, and their answers find their queue by name.
func (s *sender) replan(plan *Plan) {
	for _, l := range s.lines {
		l.zaps = nil
	}
	for _, r := range plan.Recipes {
		q := s.queues[r.Name]
		if q == nil {
			q = &queue{flying: map[uint64]struct{}{}, busy: map[string]int{}, limit: clevertap.MaxRecords}
			s.queues[r.Name] = q
		}
		q.recipe, q.idle, q.from = r, false, 0
		account := r.Action.Account
		l := s.lines[account.Name]
		if l == nil {
			l = &line{limit: account.MaxConcurrent}
			s.lines[account.Name] = l
		}
		if l.account == nil || l.gate.shut || !sameCleverTap(l.account, account) { // whoever reloads has mended something
			l.gate, l.limit = gate{}, account.MaxConcurrent
		}
		l.account, l.client = account, plan.clevertap[account.Name]
		l.limit = min(l.limit, account.MaxConcurrent)
		l.zaps = append(l.zaps, q)
	}
	for name := range s.queues {
		if plan.Recipe(name) == nil {
			s.queues[name].idle = true // its rows stay queued, unsent
		}
	}
}

func sameCleverTap(a, b *config.CleverTapAccount) bool {
	if (a.Endpoint == nil) != (b.Endpoint == nil) || a.Endpoint != nil && *a.Endpoint != *b.Endpoint {
		return false
	}
	return a.AccountID == b.AccountID && a.Passcode == b.Passcode && a.Region == b.Region && a.MaxConcurrent == b.MaxConcurrent
}

// fill starts as many uploads as the accounts take and the queues hold.
func (s *sender) fill(ctx context.Context, now time.Time) {
	if len(s.unsaved) > 0 || now.Before(s.stalled) {
		return
	}
	for _, name := range sortedKeys(s.lines) {
		l := s.lines[name]
		for l.room(now) {
			b, err := s.next(l, now)
			if overtaken(err) {
				continue
			}
			if err != nil {
				s.stall(err)
				return
			}
			if b == nil {
				break
			}
			if !s.start(ctx, *b) {
				return
			}
		}
	}
}

// overtaken tells whether an operator was faster: the rows were discarded, or their zap renamed. The queue is looked at again.
func overtaken(err error) bool {
	return errors.Is(err, ledger.ErrNotQueued) || errors.Is(err, ledger.ErrUnknown)
}

// stall stops all sending for a moment: the ledger cannot record what would be sent.
func (s *sender) stall(err error) {
	const pause = 5 * time.Second
	s.stalled = wallClock().Add(pause)
	s.stalls++
	s.refusal = err
	s.log.Error("nothing is sent while the state file cannot be written: "+err.Error(), zap.String("next", HintOf(err)))
}

// room tells whether an upload may start: after a failure a single one tries first.
func (l *line) room(now time.Time) bool {
	if len(l.zaps) == 0 || !l.gate.open(now) {
		return false
	}
	if l.gate.failures > 0 {
		return l.underway == 0
	}
	return l.underway < l.limit
}

// next makes the batch of the zap whose turn it is; nil if no zap of the account has one.
func (s *sender) next(l *line, now time.Time) (*upload, error) {
	for range l.zaps {
		q := l.zaps[l.turn%len(l.zaps)]
		l.turn++
		if q.idle && (q.retry.IsZero() || now.Before(q.retry)) {
			continue
		}
		b, err := s.assemble(q, now)
		if err != nil {
			return nil, err
		}
		if len(b.items) > 0 {
			return &upload{line: l, queue: q, items: b.items, shadow: b.shadow}, nil
		}
	}
	return nil, nil
}

// start marks a batch as in flight, and sends it. It returns false when the ledger would not mark it, and sending stalls.
func (s *sender) start(ctx context.Context, u upload) bool {
	name := u.queue.recipe.Name
	if !s.engine.depart(name) {
		return true // it is being renamed; a plan follows, and with it a look at the queue
	}
	if err := s.engine.ledger.Start(name, u.numbers(), wallClock()); err != nil {
		s.engine.land(name)
		// Where the disk failed at the last moment the rows may be marked all the same: they are looked for again.
		u.queue.from, u.queue.idle, u.queue.recovered = 0, false, false
		if overtaken(err) {
			return true
		}
		s.stall(err)
		return false
	}
	s.stalls = 0
	u.line.underway++
	u.queue.take(u.items)
	client := u.line.client
	s.uploads.Go(func() error {
		records := make([]clevertap.Record, len(u.items))
		for i, it := range u.items {
			records[i] = it.record
		}
		u.began = time.Now()
		u.answer, u.err = client.Upload(ctx, records, u.shadow)
		s.done <- u
		return nil
	})
	return true
}

func (u *upload) numbers() []uint64 {
	numbers := make([]uint64, len(u.items))
	for i, it := range u.items {
		numbers[i] = it.number
	}
	return numbers
}

func (q *queue) take(items []item) {
	for _, it := range items {
		q.flying[it.number] = struct{}{}
		q.busy[it.key]++
	}
}

func (q *queue) land(items []item) {
	for _, it := range items {
		delete(q.flying, it.number)
		if q.busy[it.key]--; q.busy[it.key] <= 0 {
			delete(q.busy, it.key)
		}
	}
}

// finish takes up the answer of an upload.
func (s *sender) finish(u upload) {
	u.line.underway--
	s.engine.metrics.uploaded(u)
	s.weigh(&u)
	s.unsaved = append(s.unsaved, u)
	s.save(wallClock())
}

// save records answers in the ledger. What it cannot record now it keeps, in flight, and tries again: an answered record
// must not be sent again.
func (s *sender) save(now time.Time) {
	for len(s.unsaved) > 0 {
		u := s.unsaved[0]
		began := time.Now()
		err := s.engine.ledger.Finish(u.queue.recipe.Name, u.outcomes, now)
		if overtaken(err) { // nobody touches rows that are under way: the disk failed at the last moment, and had them
			s.log.Warn("an answer was in the state file already: "+err.Error(), zap.String("zap", u.queue.recipe.Name))
			err = nil
		}
		if err != nil {
			s.stall(err)
			return
		}
		s.engine.metrics.committed(began)
		s.unsaved, s.stalls = s.unsaved[1:], 0
		s.engine.land(u.queue.recipe.Name)
		u.queue.land(u.items)
		u.queue.idle = false
		for _, o := range u.outcomes {
			if o.State == ledger.Queued {
				u.queue.from = min(u.queue.from, o.Number)
			}
		}
		s.tell(u, u.outcomes)
	}
}

// sleep returns how long it is until something could be sent that cannot be now.
func (s *sender) sleep(now time.Time) time.Duration {
	wake := now.Add(longestSleep)
	earlier := func(t time.Time) {
		if t.After(now) && t.Before(wake) {
			wake = t
		}
	}
	earlier(s.stalled)
	for _, l := range s.lines {
		earlier(l.gate.until)
		for _, q := range l.zaps {
			earlier(q.retry)
		}
	}
	return wake.Sub(now)
}

// spent tells whether a pass that is to end has nothing left to do: nothing under way, and nothing queued that is worth
// waiting for.
func (s *sender) spent(now time.Time) bool {
	const tries, stalls = 5, 3
	for _, l := range s.lines {
		if l.underway > 0 {
			return false
		}
	}
	if s.stalls >= stalls {
		return true // what was not recorded is logged by drain
	}
	if len(s.unsaved) > 0 {
		return false
	}
	for _, l := range s.lines {
		if l.gate.shut || l.gate.failures >= tries || l.gate.until.Sub(now) > longestSleep {
			continue
		}
		for _, q := range l.zaps {
			if !q.idle || !q.retry.IsZero() && q.retry.Sub(now) < longestSleep {
				return false
			}
		}
	}
	return true
}

// recoverInFlight queues the deliveries of a zap again that were under way when rowtap last ended without their answer.
func (s *sender) recoverInFlight(q *queue) error {
	r := q.recipe
	marked, err := s.engine.ledger.InFlight(r.Name)
	if err != nil {
		return err
	}
	var outcomes []ledger.Outcome
	for _, d := range marked {
		if _, flying := q.flying[d.Number]; !flying {
			outcomes = append(outcomes, noAnswer(r, d.Number, d.Shadow || repeatable(r, d), "rowtap ended before CleverTap's answer came"))
		}
	}
	if len(outcomes) == 0 {
		return nil
	}
	s.log.Warn("rows were under way when rowtap last ended", zap.String("zap", r.Name), zap.Int("rows", len(outcomes)))
	return s.engine.ledger.Finish(r.Name, outcomes, wallClock())
}

// told publishes and counts an outcome.
func (s *sender) told(zapName string, row int, o ledger.Outcome) {
	s.tally[o.State]++
	s.engine.told(zapName, row, o)
}

// gates returns the state of each account's gate, for Status.
func (s *sender) gates() map[string]gate {
	s.shown.mu.Lock()
	defer s.shown.mu.Unlock()
	return maps.Clone(s.shown.gates)
}

// kept returns why nothing is sent at all, for Status; nil if nothing keeps it.
func (s *sender) kept() error {
	s.shown.mu.Lock()
	defer s.shown.mu.Unlock()
	return s.shown.stall
}

// show makes the gates as they are now visible to others.
func (s *sender) show() {
	s.shown.mu.Lock()
	defer s.shown.mu.Unlock()
	for name, l := range s.lines {
		s.shown.gates[name] = l.gate
	}
	s.shown.stall = nil
	if s.stalls > 0 && (len(s.unsaved) > 0 || wallClock().Sub(s.stalled) < longestSleep) { // else there was nothing to try it with
		s.shown.stall = s.refusal
	}
}
