package engine

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

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
	engine    *Engine
	log       *zap.Logger
	done      chan upload
	uploads   errgroup.Group
	lines     map[string]*line    // by CleverTap account
	queues    map[string][]*queue // by zap, one for each account of its actions
	recovered map[string]bool     // zaps of which what was under way when rowtap last ended is queued again
	unsaved   []upload            // answered, but the ledger would not record it yet
	stalled   time.Time           // the ledger refused to record something: nothing new before this
	stalls    int                 // how often it has, in a row
	refusal   error               // what it said the last time
	tally     map[ledger.State]int64
	rounds    time.Time // when the loop last went round, by the wall clock

	wake  chan struct{}
	inbox inbox
	shown struct {
		mu     sync.Mutex
		gates  map[string]gate   // a copy, by account
		delays map[string]string // by zap: why rows of it are tried again later
		round  time.Time         // when the loop last went round, by the clock that nobody sets
		stall  error             // why nothing is sent at all; nil: nothing keeps it
	}
}

// inbox is what other goroutines tell the sender.
type inbox struct {
	mu      sync.Mutex
	look    map[string]bool // zaps that have something new to send; true: perhaps before what was sent last
	changed bool            // the plan is another
	renamed []string        // zaps that have taken over the rows of another
}

func newSender(e *Engine) *sender {
	s := &sender{
		engine:    e,
		log:       e.log,
		done:      make(chan upload),
		lines:     map[string]*line{},
		queues:    map[string][]*queue{},
		recovered: map[string]bool{},
		tally:     map[ledger.State]int64{},
		wake:      make(chan struct{}, 1),
		inbox:     inbox{look: map[string]bool{}, changed: true},
	}
	s.shown.gates, s.shown.delays, s.shown.round = map[string]gate{}, map[string]string{}, time.Now()
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
	lasting := context.WithoutCancel(ctx) // what came of uploads is recorded, whatever else stops
	uploads, cancel := context.WithCancel(lasting)
	defer cancel()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		s.readInbox()
		now := s.engine.now()
		s.follow(now)
		s.save(lasting, now)
		s.fill(uploads, now)
		s.show()
		if ctx.Err() != nil || stop && s.spent(s.engine.now()) {
			return s.drain(lasting, cancel)
		}
		timer.Reset(s.sleep(s.engine.now()))
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

// finishReady takes up the answers that are there already: one transaction records them all.
func (s *sender) finishReady() {
	for {
		select {
		case u := <-s.done:
			s.finish(u)
		default:
			return
		}
	}
}

// follow takes note of the wall clock. Where it was set back, what was to wait until a time by the old one waits no longer than it
// would have; rows that are tried again later are looked at anew ([assembly.early]).
func (s *sender) follow(now time.Time) {
	if back := s.rounds.Sub(now); back > 0 {
		s.stalled = s.stalled.Add(-back)
		for _, l := range s.lines {
			l.gate.until = l.gate.until.Add(-back)
		}
		for _, queues := range s.queues {
			for _, q := range queues {
				q.idle = false
			}
		}
	}
	s.rounds = now
}

// drain waits for the uploads under way and records their answers. After drainFor it gives them up: whether they arrived
// is then unknown, and recorded so.
func (s *sender) drain(ctx context.Context, giveUp context.CancelFunc) error {
	late := time.AfterFunc(drainFor, giveUp)
	defer late.Stop()
	for _, l := range s.lines {
		for l.underway > 0 {
			s.finish(<-s.done)
		}
	}
	if s.save(ctx, s.engine.now()); len(s.unsaved) > 0 {
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

// overtaken tells whether an operator was faster: the rows were discarded, or their zap renamed. The queue is looked at again.
func overtaken(err error) bool {
	return errors.Is(err, ledger.ErrNotQueued) || errors.Is(err, ledger.ErrUnknown)
}

// stall stops all sending for a moment: the ledger cannot record what would be sent.
func (s *sender) stall(err error) {
	const pause = 5 * time.Second
	s.stalled = s.engine.now().Add(pause)
	s.stalls++
	s.refusal = err
	s.engine.unwritable(err)
}

// finish takes up the answer of an upload.
func (s *sender) finish(u upload) {
	u.line.underway--
	s.engine.metrics.uploaded(u)
	if u.probe {
		s.probed(u)
		return
	}
	s.weigh(&u)
	for i, it := range u.items {
		u.outcomes[i].Recipe, u.outcomes[i].Print = u.recipe, printOf(it.record.JSON)
	}
	s.unsaved = append(s.unsaved, u)
}

// save records answers in the ledger, those of a zap in one transaction. What it cannot record now it keeps, in flight, and tries again:
// an answered record must not be sent again.
func (s *sender) save(ctx context.Context, now time.Time) {
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
		err := s.engine.ledger.Finish(ctx, name, outcomes, now)
		if overtaken(err) && len(saved) > 1 { // one of them was recorded: each by itself
			others = append(saved[1:len(saved):len(saved)], others...)
			saved = saved[:1]
			err = s.engine.ledger.Finish(ctx, name, saved[0].outcomes, now)
		}
		if overtaken(err) { // nobody touches rows that are under way: the disk failed at the last moment, and had them
			s.log.Warn("an answer was in the state file already: "+err.Error(), zap.String("zap", name))
			err = nil
		}
		if err != nil {
			s.stall(err)
			return
		}
		s.engine.metrics.committed(began)
		s.unsaved, s.stalls = others, 0
		s.saved(saved)
	}
}

// saved goes on after uploads whose answers are recorded.
func (s *sender) saved(uploads []upload) {
	for _, u := range uploads {
		s.engine.land(u.queue.recipe.Name)
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
		s.tell(u, u.outcomes)
	}
}

// recoverInFlight queues the deliveries of a zap again that were under way when rowtap last ended without their answer. Whether they
// may be repeated is asked of their records until the turn is over; from then on they are taken for such as may not.
func (s *sender) recoverInFlight(ctx context.Context, r *Recipe, turn time.Time) error {
	marked, err := s.engine.ledger.InFlight(ctx, r.Name)
	if err != nil {
		return err
	}
	var outcomes []ledger.Outcome
	for _, d := range marked {
		if s.flies(r.Name, d.Number) {
			continue
		}
		nth, ok := r.actionOf(d)
		if !ok {
			nth = 0 // its account decides
		}
		outcomes = append(outcomes, noAnswer(r.Actions[nth].Account, d.Number, d.Shadow || ok && !time.Now().After(turn) && repeatable(r, nth, d),
			"rowtap ended before CleverTap's answer came"))
	}
	if len(outcomes) == 0 {
		return nil
	}
	s.log.Warn("rows were under way when rowtap last ended", zap.String("zap", r.Name), zap.Int("rows", len(outcomes)))
	return s.engine.ledger.Finish(ctx, r.Name, outcomes, s.engine.now())
}

// flies tells whether a delivery is under way.
func (s *sender) flies(zapName string, number uint64) bool {
	return slices.ContainsFunc(s.queues[zapName], func(q *queue) bool {
		_, flying := q.flying[number]
		return flying
	})
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

// delay returns why rows of a zap are tried again later, for Status; "" if none is.
func (s *sender) delay(zapName string) string {
	s.shown.mu.Lock()
	defer s.shown.mu.Unlock()
	return s.shown.delays[zapName]
}

// kept returns why nothing is sent at all, for Status; nil if nothing keeps it.
func (s *sender) kept() error {
	s.shown.mu.Lock()
	defer s.shown.mu.Unlock()
	return s.shown.stall
}

// round returns when the loop last went round. It does at least every longestSleep, whatever uploads and gates do.
func (s *sender) round() time.Time {
	s.shown.mu.Lock()
	defer s.shown.mu.Unlock()
	return s.shown.round
}

// show makes the gates as they are now visible to others.
func (s *sender) show() {
	s.shown.mu.Lock()
	defer s.shown.mu.Unlock()
	for name, l := range s.lines {
		s.shown.gates[name] = l.gate
	}
	for name, queues := range s.queues {
		s.shown.delays[name] = ""
		for _, q := range queues {
			s.shown.delays[name] = cmp.Or(s.shown.delays[name], q.delay)
		}
	}
	s.shown.round = time.Now()
	s.shown.stall = nil
	if s.stalls > 0 && (len(s.unsaved) > 0 || s.engine.now().Sub(s.stalled) < longestSleep) { // else there was nothing to try it with
		s.shown.stall = s.refusal
	}
}
