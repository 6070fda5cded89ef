package ledger

import (
	"context"
	"fmt"
	"time"

	"go.etcd.io/bbolt"
)

// Outcome is what became of a delivery at an attempt to send it.
type Outcome struct {
	Number       uint64
	State        State     // Sent, Validated, Skipped, Failed, Held, or Queued: to be tried again
	Identity     string    // "" leaves it as it was
	RetryAt      time.Time // with Queued: not before
	MaybeTwice   bool      // false leaves it as it was
	Solo         bool      // the next time in a request of its own
	CountAttempt bool
	Reason       string   // "" leaves it as it was, but with Skipped
	Problem      *Problem // nil: none
	Answer       *Answer  // nil leaves it as it was
	// Then, with Sent or Validated, is the action that the row is for now: it gets a queued delivery of its own, unless it has got one
	// before. "" is none.
	Then string
}

// Queued returns the queued deliveries of a zap in order of their numbers, from a number on, at most limit. Those in flight
// and those to be tried later are among them: who keeps order must see them.
func (l *Ledger) Queued(ctx context.Context, zap string, from uint64, limit int) ([]Delivery, error) {
	return l.scanQueued(ctx, zap, from, limit, func(*entry) bool { return true })
}

// InFlight returns the deliveries of a zap that were marked by [Ledger.Start] and not finished, in order. At the start of
// the daemon these are the ones whose requests a crash cut off.
func (l *Ledger) InFlight(ctx context.Context, zap string) ([]Delivery, error) {
	return l.scanQueued(ctx, zap, 1, 0, func(e *entry) bool { return e.is(flagInFlight) })
}

// OldestQueued returns when the first of a zap's queued rows was detected; ok is false if none is queued.
func (l *Ledger) OldestQueued(ctx context.Context, zap string) (at time.Time, ok bool, err error) {
	err = l.view(ctx, func(tx *bbolt.Tx) error {
		return l.eachQueued(ctx, tx, zap, 1, func(_ uint64, e *entry) (bool, error) {
			at, ok = timeOf(e.detected), true
			return false, nil
		})
	})
	if err != nil {
		return time.Time{}, false, fmt.Errorf("find the oldest queued row of zap %s: %w", zap, err)
	}
	return at, ok, nil
}

func (l *Ledger) scanQueued(ctx context.Context, zap string, from uint64, limit int, want func(*entry) bool) ([]Delivery, error) {
	var out []Delivery
	err := l.view(ctx, func(tx *bbolt.Tx) error {
		out = nil
		rows := l.rowsOf(tx, zap)
		return l.eachQueued(ctx, tx, zap, from, func(n uint64, e *entry) (bool, error) {
			if !want(e) {
				return true, nil
			}
			d, err := rows.delivery(n, e)
			if err != nil {
				return false, err
			}
			out = append(out, d)
			return limit <= 0 || len(out) < limit, nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read the queue of zap %s: %w", zap, err)
	}
	return out, nil
}

// eachQueued calls fn for the queued entries of a zap from a number on, while it returns true.
func (l *Ledger) eachQueued(ctx context.Context, tx *bbolt.Tx, zap string, from uint64, fn func(uint64, *entry) (bool, error)) error {
	b := bucketOf(tx, zap)
	if b == nil {
		return nil
	}
	from = max(from, 1)
	c := b.Bucket([]byte(bucketQueuedChunks)).Cursor()
	for k, v := c.Seek(key(chunkOf(from))); k != nil; k, v = c.Next() {
		if err := ctx.Err(); err != nil {
			return err
		}
		first, err := numberOf(k)
		if err == nil {
			_, err = unseal(k, v)
		}
		if err != nil {
			return damaged(zap, bucketQueuedChunks, 0, err)
		}
		ch, err := readChunk(l.codec, b, zap, first)
		if err != nil {
			return err
		}
		if ch == nil {
			return damaged(zap, bucketState, first, errMalformed)
		}
		for i := range ch.entries {
			n, e := ch.base+uint64(i), &ch.entries[i]
			if n < from || e.state != Queued {
				continue
			}
			if more, err := fn(n, e); err != nil || !more {
				return err
			}
		}
	}
	return nil
}

// Start marks the deliveries of uploads, which are queued, as in flight before their requests go out, and keeps their records in the
// place of those that were kept of them before ([Ledger.SentRecord]), and what the zap hides where that is not known
// ([Ledger.KeepHides]). ErrNotQueued: an operator was faster; nothing is marked, and the caller reads the queue again.
func (l *Ledger) Start(ctx context.Context, zap string, uploads []Upload, hides Hides, at time.Time) error {
	values, err := l.codec.encodeUploads(uploads)
	if err == nil {
		err = l.edit(ctx, zap, false, func(e *edit) error {
			if !e.record.hides.Known { // the zap is new; the sender may go by an older plan than who kept it
				e.record.hides = hides
			}
			return e.start(uploads, values, at)
		})
	}
	if err != nil {
		return fmt.Errorf("mark rows of zap %s as in flight: %w", zap, err)
	}
	return nil
}

func (e *edit) start(uploads []Upload, values [][]byte, at time.Time) error {
	for _, u := range uploads {
		for _, o := range u {
			n := o.Delivery.Number
			en, err := e.queued(n)
			if err != nil {
				return err
			}
			e.leave(n, en)
			en.set(flagInFlight, true)
			e.touch(n, at)
		}
	}
	if err := e.removeLeft(); err != nil {
		return err
	}
	for i, u := range uploads {
		if err := e.keep(u, values[i]); err != nil {
			return err
		}
	}
	return nil
}

// Finish records outcomes and takes the deliveries out of flight, in one transaction, in which rows that are for another
// action then ([Outcome.Then]) get their next deliveries, in the order of out. ErrNotQueued: one of them, never
// started, is not queued any more; nothing is recorded.
func (l *Ledger) Finish(ctx context.Context, zap string, out []Outcome, at time.Time) error {
	if len(out) == 0 {
		return nil
	}
	err := checkOutcomes(out)
	if err == nil {
		err = l.edit(ctx, zap, false, func(e *edit) error {
			for _, o := range out {
				en, err := e.queued(o.Number)
				if err != nil {
					return err
				}
				e.finish(en, o, at)
				e.touch(o.Number, at)
			}
			return e.follow(out, at)
		})
	}
	if err != nil {
		return fmt.Errorf("record the outcome of %d rows of zap %s: %w", len(out), zap, err)
	}
	return nil
}

func checkOutcomes(out []Outcome) error {
	for _, o := range out {
		switch o.State {
		case Sent, Validated, Skipped, Failed, Held, Queued:
		case Waiting, Discarded:
			return fmt.Errorf("an attempt makes delivery %d %s, which it cannot", o.Number, o.State)
		default:
			return fmt.Errorf("the outcome of delivery %d has no known state (%d)", o.Number, o.State)
		}
	}
	return nil
}

// why says what came of an attempt that did not deliver.
func (o Outcome) why() string {
	switch {
	case o.Problem == nil:
		return o.Reason
	case o.Problem.Code != "":
		return o.Problem.Code + ": " + o.Problem.Message
	}
	return o.Problem.Message
}

func (e *edit) finish(en *entry, o Outcome, at time.Time) {
	if o.State == Failed || o.State == Held || o.State == Queued && o.CountAttempt {
		en.step(o.State, at, o.why())
	}
	e.move(en, o.State, at)
	en.set(flagInFlight, false)
	en.set(flagSolo, o.Solo)
	if o.MaybeTwice {
		en.set(flagMaybeTwice, true)
	}
	if o.CountAttempt {
		en.attempts++
	}
	if o.Identity != "" {
		en.identity = o.Identity
	}
	if o.Answer != nil {
		en.answer = o.Answer
	}
	en.retry = 0
	if o.State == Queued {
		en.retry = millis(o.RetryAt)
	}
	if o.Reason != "" || o.State == Skipped { // else what an operator did with it stays on record; a filter gives no reason
		en.reason = o.Reason
	}
	en.problem = o.Problem
}
