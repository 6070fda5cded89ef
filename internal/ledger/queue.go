package ledger

import (
	"context"
	"fmt"
	"time"

	"go.etcd.io/bbolt"
)

// Outcome is the result of an attempt to send a delivery.
type Outcome struct {
	Number       uint64
	State        State     // Sent, Validated, Skipped, Failed, Held, or Queued for a retry
	Identity     string    // "": unchanged
	RetryAt      time.Time // with Queued: earliest time of the retry
	MaybeTwice   bool      // false: unchanged
	Solo         bool      // send it in its own request next time
	CountAttempt bool
	Reason       string   // "": unchanged, except with Skipped
	Problem      *Problem // nil: none
	Answer       *Answer  // nil: unchanged
	// Then, with Sent or Validated, is the next action of the row, which gets a queued delivery for
	// it unless it has one; "" is none.
	Then string
}

// Queued returns at most limit queued deliveries of a zap in order of their numbers, from a number
// on. They include those in flight and those to be retried later, which a caller that keeps order
// must see.
func (l *Ledger) Queued(ctx context.Context, zap string, from uint64, limit int) ([]Delivery, error) {
	return l.scanQueued(ctx, zap, from, limit, func(*entry) bool { return true })
}

// InFlight returns the deliveries of a zap that were marked by [Ledger.Start] and not finished, in
// order. When the daemon starts, these are the requests that a crash interrupted.
func (l *Ledger) InFlight(ctx context.Context, zap string) ([]Delivery, error) {
	return l.scanQueued(ctx, zap, 1, 0, func(e *entry) bool { return e.is(flagInFlight) })
}

// OldestQueued returns the detection time of a zap's first queued delivery; ok is false if none is
// queued.
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

// eachQueued calls fn for the queued entries of a zap from a number on, while fn returns true.
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

// Start marks the queued deliveries of uploads as in flight before their requests are sent. It
// stores their records in place of earlier ones ([Ledger.SentRecord]), and what the zap hides
// unless that is known ([Ledger.KeepHides]). ErrNotQueued means that an operator was faster;
// nothing is marked, and the caller reads the queue again.
func (l *Ledger) Start(ctx context.Context, zap string, uploads []Upload, hides Hides, at time.Time) error {
	values, err := l.codec.encodeUploads(uploads)
	if err == nil {
		err = l.edit(ctx, zap, false, func(e *edit) error {
			// The zap is new. A zap that hides something known may be sent with an older plan.
			if !e.record.hides.Known {
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

// Finish records outcomes and ends the deliveries' time in flight, in one transaction. Rows with a
// next action ([Outcome.Then]) get their next deliveries in the order of out. ErrNotQueued means
// that one of the deliveries was never started and is no longer queued; nothing is recorded.
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
			return fmt.Errorf("an attempt cannot make delivery %d %s", o.Number, o.State)
		default:
			return fmt.Errorf("the outcome of delivery %d has an unknown state (%d)", o.Number, o.State)
		}
	}
	return nil
}

// why returns why an attempt did not deliver.
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
	// Otherwise an operator's note stays. A filter gives no reason.
	if o.Reason != "" || o.State == Skipped {
		en.reason = o.Reason
	}
	en.problem = o.Problem
}
