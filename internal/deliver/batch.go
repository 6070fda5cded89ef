package deliver

import (
	"context"
	"strconv"
	"time"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/clevertap"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/plan"
)

const (
	// uploadBytes bounds an upload's body. CleverTap documents no limit; other clients stay below 5
	// MB.
	uploadBytes = 4 << 20
	// sliceFor is about how long the batches of one account may take to make before the sender
	// handles responses and other accounts: the expressions of one row may take 100 ms (see package
	// mapping). It affects when a row is mapped, never its record.
	sliceFor = 100 * time.Millisecond
	// lookAhead bounds the rows passed over for one batch because their identities are in flight,
	// so that a batch does not read the whole backlog. It also bounds the rows without a record,
	// which one transaction records.
	lookAhead = 5000
)

// item is a row in an upload.
type item struct {
	number   uint64
	row      int
	attempts int
	twice    bool   // it may have arrived before
	solo     bool   // it is sent alone, because the last response was inconclusive about it
	key      string // identifies the user: identity kind and value
	then     string // the action that its row has after this one is accepted; "": none
	record   clevertap.Record
	before   ledger.Outcome // returns the row to its state before this upload
}

// batch holds the items of one upload from a zap's queue.
type batch struct {
	items   []item
	entries ledger.Upload // of the items, for the ledger
	shadow  bool
	bytes   int
	more    bool // there are no items, but later rows have not been read
}

// assemble makes the next batch of a queue, in order, and finishes the rows on the way that have no
// record.
//
// Rows of one identity reach CleverTap in the order in which they were found: while one is in
// flight or waits to be retried, later rows of its identity are passed over. CleverTap documents no
// order within an upload, so an upload with a profile record holds no other record of its identity,
// and one with a retried record holds no later record of its identity.
//
// When the time slice ends, assemble stops after the row that it has mapped. The next call
// continues from there.
func (s *Sender) assemble(ctx context.Context, q *queue, now, sliceEnd time.Time) (batch, error) {
	var b batch
	name := q.recipe.Name
	stored, known, err := s.opts.Ledger.Zap(ctx, name)
	if err != nil {
		return b, err
	}
	waiting := false // rows in flight wait for the time when they may be sent again
	if known {
		done, err := s.recover(ctx, q.recipe, now, sliceEnd)
		if err != nil {
			return b, err
		}
		waiting = !done
	}
	q.idle, q.retry = true, time.Time{}
	if waiting {
		q.retry = s.resendAt
	}
	if stored.Paused || !q.recipe.Enabled || stored.Counts.Queued == 0 {
		return b, nil
	}

	a := assembly{
		queue: q, now: now, sliceEnd: sliceEnd, waiting: waiting,
		blocked: map[string]bool{}, carried: map[string]bool{}, passed: map[uint64]string{},
	}
	from := q.from
	for end := false; !end && !a.full && !a.sliceOver && len(a.passed)-a.passedInFlight < lookAhead && len(a.aside) < lookAhead; {
		page, err := s.opts.Ledger.Queued(ctx, name, from, clevertap.MaxRecords)
		if err != nil {
			return b, err
		}
		for i := 0; i < len(page) && !a.full && !a.sliceOver; i++ {
			a.add(page[i])
			from = page[i].Number + 1
		}
		end = len(page) < clevertap.MaxRecords
	}
	if q.from = from; a.firstPassed > 0 {
		q.from = a.firstPassed
	}
	q.passed = a.passed
	// Rows passed over wait for a response or a time; either causes the next read.
	a.batch.more = len(a.batch.items) == 0 && (a.sliceOver || len(a.aside) >= lookAhead)
	q.idle = !a.full && len(a.batch.items) == 0 && !a.batch.more
	if len(a.aside) > 0 {
		if err := s.opts.Ledger.Finish(ctx, name, a.aside, now); err != nil {
			q.from, q.idle = 0, false
			return b, err
		}
		s.announceAside(q.recipe, a)
	}
	return a.batch, nil
}

// assembly is a batch being made.
type assembly struct {
	queue          *queue
	now            time.Time
	sliceEnd       time.Time
	batch          batch
	aside          []ledger.Outcome
	rows           []int             // the sheet rows of aside
	blocked        map[string]bool   // identities that must wait
	carried        map[string]bool   // identities in the batch
	firstPassed    uint64            // the first delivery passed over; 0: none
	waiting        bool              // rows in flight must wait until they may be sent again
	passedInFlight int               // number of rows in flight passed over
	passed         map[uint64]string // deliveries passed over, with their identities
	full           bool              // the batch takes no more rows
	sliceOver      bool              // the time slice has ended
	binding        plan.Binder
}

func (a *assembly) add(d ledger.Delivery) {
	q := a.queue
	if _, inFlight := q.inFlight[d.Number]; inFlight || d.InFlight && !a.waiting {
		return
	}
	nth, ok := q.recipe.ActionOf(d)
	switch {
	case ok && q.recipe.Actions[nth].Account.Name != q.account:
		return // it belongs to another queue
	case !ok && d.InFlight:
		return
	case !ok:
		a.setAside(d, ledger.Outcome{Number: d.Number, State: ledger.Failed, Problem: plan.NoAction(d)})
		return
	}
	shadow := d.Shadow || q.recipe.Shadow
	if q.recipe.Shadow && !d.Shadow {
		return // found before the zap was in shadow mode: it waits until the zap leaves it
	}
	profile := q.recipe.Updates(nth)
	if key, known := q.passed[d.Number]; known && (a.passInFlight(d, key) || a.passWaiting(d, key, profile)) {
		return // without mapping it again
	}
	bound, err := a.binding.Bind(q.recipe, d)
	var record mapping.Record
	keep := false
	if err == nil {
		record, keep, err = bound.Record(nth, d.Row, plan.MappingContext(d))
		a.sliceOver = time.Now().After(a.sliceEnd)
	}
	switch {
	case d.InFlight && (err != nil || !keep):
		return // as far as is known, no later row has its identity
	case err != nil:
		a.setAside(d, ledger.Outcome{Number: d.Number, State: ledger.Failed, Problem: plan.ProblemOf(err)})
		return
	case !keep:
		a.setAside(d, ledger.Outcome{Number: d.Number, State: ledger.Skipped})
		return
	}
	key := record.IDKey + ":" + record.ID
	switch {
	case a.passInFlight(d, key), a.passWaiting(d, key, profile):
	case d.Solo && len(a.batch.items) > 0,
		len(a.batch.items) > 0 && shadow != a.batch.shadow,
		len(a.batch.items) > 0 && a.batch.bytes+len(record.JSON) > uploadBytes:
		a.pass(d, key)
		a.full = true
	default:
		a.batch.shadow = shadow
		a.batch.bytes += len(record.JSON)
		a.batch.items = append(a.batch.items, item{
			number: d.Number, row: d.Row.Number, attempts: d.Attempts, twice: d.MaybeTwice, solo: d.Solo, key: key, then: q.recipe.Then(nth), record: record.Record,
			before: ledger.Outcome{Number: d.Number, State: ledger.Queued, RetryAt: d.RetryAt, Solo: d.Solo, Problem: d.Problem},
		})
		a.batch.entries = append(a.batch.entries, a.binding.Sending(d, record))
		a.carried[key] = true
		if profile || !d.RetryAt.IsZero() {
			a.blocked[key] = true
		}
		a.full = d.Solo || len(a.batch.items) >= q.limit
	}
}

func (a *assembly) setAside(d ledger.Delivery, o ledger.Outcome) {
	a.aside = append(a.aside, o)
	a.rows = append(a.rows, d.Row.Number)
}

// passInFlight passes over a row that the previous process sent or is still sending. It reports
// whether it did.
func (a *assembly) passInFlight(d ledger.Delivery, key string) bool {
	if d.InFlight {
		a.passedInFlight++
		a.pass(d, key)
	}
	return d.InFlight
}

// passWaiting passes over a row that is retried later, or whose identity is in flight or waits. It
// reports whether it did.
func (a *assembly) passWaiting(d ledger.Delivery, key string, profile bool) bool {
	q := a.queue
	switch {
	case a.blocked[key] || q.busy[key] > 0 || profile && a.carried[key]:
	case a.early(d):
		if q.retry.IsZero() || d.RetryAt.Before(q.retry) {
			q.retry = d.RetryAt
		}
	default:
		return false
	}
	a.pass(d, key)
	return true
}

// early reports whether a row is retried later. The time of a row that was last changed after now
// is from a clock that has since been set back, and does not count.
func (a *assembly) early(d ledger.Delivery) bool {
	return d.RetryAt.After(a.now) && !d.UpdatedAt.After(a.now)
}

// pass leaves a row for later, and with it the later rows of its identity.
func (a *assembly) pass(d ledger.Delivery, key string) {
	a.blocked[key] = true
	a.passed[d.Number] = key
	if a.firstPassed == 0 {
		a.firstPassed = d.Number
	}
}

// announceAside logs and publishes the outcomes of rows without a record.
func (s *Sender) announceAside(r *plan.Recipe, a assembly) {
	skipped := 0
	for i, o := range a.aside {
		if o.State == ledger.Skipped {
			skipped++
		} else {
			s.log.Warn("row failed in mapping", zap.String("zap", r.Name), zap.Int("row", a.rows[i]), zap.String("reason", o.Problem.Message),
				zap.String("column", o.Problem.Column), zap.String("next", "rowtap show "+r.Name+"/"+strconv.FormatUint(o.Number, 10)))
		}
		s.outcome(r.Name, a.rows[i], o)
	}
	if skipped > 0 {
		s.log.Info("rows skipped by the filter", zap.String("zap", r.Name), zap.Int("rows", skipped))
	}
}
