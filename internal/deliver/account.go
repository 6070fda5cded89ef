package deliver

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/rowtap/rowtap/internal/clevertap"
	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/plan"
)

// accountSender is the sender's state of a CleverTap account.
type accountSender struct {
	config   *config.CleverTapAccount
	client   *clevertap.Client
	breaker  breaker
	underway int
	limit    int    // concurrent uploads: lowered when CleverTap reports too many, then restored
	uploads  uint64 // number of uploads started
	short    int    // incomplete responses since the last complete one
	refused  int    // uploads of one record refused as a whole, in a row
	probing  bool   // a dry run is in flight; all other uploads wait for it
	zaps     []*queue
	next     int // index into zaps to continue with, so that zaps take turns
}

// queue is the sender's state of the rows that a zap sends to one account.
type queue struct {
	recipe   *plan.Recipe
	account  string
	from     uint64              // deliveries below this are in flight or finished
	passed   map[uint64]string   // deliveries passed over at the last read, with their identities
	inFlight map[uint64]struct{} // deliveries in flight
	busy     map[string]int      // number of these by identity
	limit    int                 // records per upload: halved when CleverTap refuses a whole upload
	idle     bool                // nothing to send at the last read
	retry    time.Time           // when the next row is retried; zero: none is
	delay    string              // why rows of the last upload are retried; "": none are
}

// upload is one request and its outcome.
type upload struct {
	account  *accountSender
	queue    *queue
	items    []item
	entries  ledger.Upload // of the items, until the ledger has them
	shadow   bool
	probe    bool   // a dry run without items, to see whether CleverTap responds
	nth      uint64 // its number among the account's uploads
	began    time.Time
	response clevertap.Response
	err      error

	outcomes []ledger.Outcome // what becomes of the rows; set once there is a response
}

// replan puts a plan in force. Uploads in flight continue, and their responses find their queue by
// name.
func (s *Sender) replan(plan *plan.Plan) {
	for _, a := range s.accounts {
		a.zaps = nil
	}
	for _, queues := range s.queues {
		for _, q := range queues {
			q.idle = true // unless the plan has it, its rows stay queued
		}
	}
	for _, r := range plan.Recipes {
		for _, account := range r.Accounts() {
			q := s.queue(r.Name, account.Name)
			q.recipe, q.idle, q.from, q.passed = r, false, 0, nil
			a := s.accounts[account.Name]
			if a == nil {
				a = &accountSender{limit: account.MaxConcurrent}
				s.accounts[account.Name] = a
			}
			// An operator who reloads has fixed something.
			if a.config == nil || a.breaker.shut || !sameCleverTap(a.config, account) {
				a.breaker, a.limit, a.short = breaker{unsure: a.breaker.unsure}, account.MaxConcurrent, 0
			}
			a.config, a.client = account, plan.CleverTap[account.Name]
			a.limit = min(a.limit, account.MaxConcurrent)
			a.zaps = append(a.zaps, q)
		}
	}
}

// queue returns the queue of a zap's rows for an account.
func (s *Sender) queue(zapName, account string) *queue {
	for _, q := range s.queues[zapName] {
		if q.account == account {
			return q
		}
	}
	q := &queue{account: account, inFlight: map[uint64]struct{}{}, busy: map[string]int{}, limit: clevertap.MaxRecords}
	s.queues[zapName] = append(s.queues[zapName], q)
	return q
}

func sameCleverTap(a, b *config.CleverTapAccount) bool {
	if (a.Endpoint == nil) != (b.Endpoint == nil) || a.Endpoint != nil && *a.Endpoint != *b.Endpoint {
		return false
	}
	return a.AccountID == b.AccountID && a.Passcode == b.Passcode && a.Region == b.Region && a.MaxConcurrent == b.MaxConcurrent
}

// fill starts as many uploads as the accounts allow and the queues have rows for.
func (s *Sender) fill(ctx context.Context, now time.Time) {
	if len(s.unsaved) > 0 || now.Before(s.stalled) {
		return
	}
	if s.barred = s.opts.InPlace() != nil; s.barred {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(s.accounts)) {
		a := s.accounts[name]
		var ready []upload
		sliceEnd := time.Now().Add(sliceFor)
		for a.room(now) {
			b, err := s.next(ctx, a, now, sliceEnd)
			if overtaken(err) {
				continue
			}
			if err != nil {
				s.start(ctx, ready)
				s.stall(err)
				return
			}
			if b == nil {
				break
			}
			if s.prepare(ctx, b) {
				ready = append(ready, *b)
			}
		}
		if !s.start(ctx, ready) {
			return
		}
	}
}

// room reports whether an upload may start. After a failure or a refusal, one upload at a time
// does.
func (a *accountSender) room(now time.Time) bool {
	if len(a.zaps) == 0 || a.probing || !a.breaker.allows(now) {
		return false
	}
	if a.breaker.failures > 0 || a.refused > 0 {
		return a.underway == 0
	}
	return a.underway < a.limit
}

// next makes a batch of the account's next zap that has rows. It returns nil if none has, or if the
// account's time slice ends first.
func (s *Sender) next(ctx context.Context, a *accountSender, now, sliceEnd time.Time) (*upload, error) {
	for range a.zaps {
		if time.Now().After(sliceEnd) {
			poke(s.wake) // handle responses and other accounts first
			break
		}
		q := a.zaps[a.next%len(a.zaps)]
		a.next++
		if q.idle && (q.retry.IsZero() || now.Before(q.retry)) {
			continue
		}
		b, err := s.assemble(ctx, q, now, sliceEnd)
		if err != nil {
			return nil, err
		}
		if len(b.items) > 0 {
			return &upload{account: a, queue: q, items: b.items, entries: b.entries, shadow: b.shadow}, nil
		}
		if b.more {
			poke(s.wake) // handle responses and other accounts first
		}
	}
	return nil, nil
}

// prepare counts a batch as in flight. It returns false if the batch must not be sent, because a
// dry run is sent instead or its zap is being renamed.
func (s *Sender) prepare(ctx context.Context, u *upload) bool {
	if u.account.refused >= refusedAlone || u.account.breaker.unsure && u.risky() {
		u.queue.from, u.queue.idle = min(u.queue.from, u.items[0].number), false
		u.items, u.probe, u.account.probing = nil, true, true
		u.account.depart(u)
		s.send(ctx, *u)
		return false
	}
	if !s.opts.Claims.Depart(u.queue.recipe.Name) {
		return false // the rename ends with a new plan, which reads the queue again
	}
	u.queue.take(u.items)
	u.account.depart(u)
	return true
}

// start marks batches as in flight, in one transaction per zap, and sends them. It returns false if
// the ledger could not mark them, which stalls all sending.
func (s *Sender) start(ctx context.Context, ready []upload) bool {
	for len(ready) > 0 {
		q := ready[0].queue
		name := q.recipe.Name
		var batches, others []upload
		var entries []ledger.Upload
		for _, u := range ready {
			if u.queue == q {
				entries = append(entries, u.entries)
				u.entries = nil
				batches = append(batches, u)
			} else {
				others = append(others, u)
			}
		}
		ready = others
		if err := s.opts.Ledger.Start(ctx, name, entries, q.recipe.Hides(), s.opts.Now()); err != nil {
			for _, u := range batches {
				s.takeBack(u)
			}
			if overtaken(err) {
				continue
			}
			for _, u := range others {
				s.takeBack(u)
			}
			s.stall(err)
			return false
		}
		s.stalls = 0
		for _, u := range batches {
			s.send(ctx, u)
		}
	}
	return true
}

// takeBack undoes prepare. If the disk failed late, the rows may be marked as in flight
// nevertheless, so they are looked for again.
func (s *Sender) takeBack(u upload) {
	s.opts.Claims.Land(u.queue.recipe.Name)
	u.account.underway--
	u.queue.land(u.items)
	u.queue.from, u.queue.idle = 0, false
	delete(s.recovered, u.queue.recipe.Name)
}

// send makes the request of an upload.
func (s *Sender) send(ctx context.Context, u upload) {
	client := u.account.client
	s.uploads.Go(func() error {
		records := make([]clevertap.Record, len(u.items))
		for i, it := range u.items {
			records[i] = it.record
		}
		if u.began = time.Now(); u.probe {
			u.response, u.err = client.Probe(ctx)
		} else {
			u.response, u.err = client.Upload(ctx, records, u.shadow)
		}
		s.done <- u
		return nil
	})
}

// depart counts an upload that is about to start.
func (a *accountSender) depart(u *upload) {
	a.underway++
	a.uploads++
	u.nth = a.uploads
}

// risky reports whether the upload has a record that must not arrive twice.
func (u *upload) risky() bool {
	return !u.shadow && slices.ContainsFunc(u.items, func(it item) bool { return !it.record.Repeatable })
}

func (q *queue) take(items []item) {
	for _, it := range items {
		q.inFlight[it.number] = struct{}{}
		q.busy[it.key]++
	}
}

func (q *queue) land(items []item) {
	for _, it := range items {
		delete(q.inFlight, it.number)
		if q.busy[it.key]--; q.busy[it.key] <= 0 {
			delete(q.busy, it.key)
		}
	}
}

// sleep returns how long until something can be sent that cannot be sent now.
func (s *Sender) sleep(now time.Time) time.Duration {
	wake := now.Add(MaxSleep)
	earlier := func(t time.Time) {
		if t.After(now) && t.Before(wake) {
			wake = t
		}
	}
	earlier(s.stalled)
	if s.barred {
		earlier(now.Add(askAgain))
	}
	for _, a := range s.accounts {
		earlier(a.breaker.until)
		for _, q := range a.zaps {
			earlier(q.retry)
		}
	}
	return wake.Sub(now)
}

// spent reports whether a single pass is done: nothing is in flight, and nothing that is queued is
// worth waiting for.
func (s *Sender) spent(now time.Time) bool {
	const tries, stalls = 5, 3
	for _, a := range s.accounts {
		if a.underway > 0 {
			return false
		}
	}
	if s.stalls >= stalls || s.opts.InPlace() != nil {
		return true // drain logs the responses that are not recorded
	}
	if len(s.unsaved) > 0 {
		return false
	}
	for _, a := range s.accounts {
		if a.breaker.shut || a.breaker.failures >= tries || a.breaker.until.Sub(now) > MaxSleep {
			continue
		}
		for _, q := range a.zaps {
			if !q.idle || !q.retry.IsZero() && q.retry.Sub(now) < MaxSleep {
				return false
			}
		}
	}
	return true
}

// stopped reports whether the last look stopped the upload.
func (u *upload) stopped() bool {
	err, ok := errors.AsType[*clevertap.Error](u.err)
	return ok && err.Kind == clevertap.Stopped
}

// status returns the HTTP status of the response, or 0 without one.
func (u *upload) status() int {
	if err, ok := errors.AsType[*clevertap.Error](u.err); ok {
		return err.HTTPStatus
	}
	return u.response.HTTPStatus
}
