package deliver

import (
	"math/rand/v2"
	"time"

	"github.com/rowtap/rowtap/internal/clevertap"
)

// breaker holds back an account's uploads after one failed as a whole. The zero value allows them.
type breaker struct {
	until    time.Time // no upload before this; UTC
	failures int       // failed uploads in a row; uploads in flight together count once
	blamed   uint64    // last upload in flight at the last failure: failures up to it count once
	shut     bool      // CleverTap refuses the account itself: an operator is needed
	stopped  bool      // no uploads until an operator reloads, not even a dry run
	unsure   bool      // records that must not arrive twice wait for a response to a dry run
	err      error     // of the last failure
}

func (b *breaker) allows(now time.Time) bool { return !b.stopped && !now.Before(b.until) }

// fail stops uploads for a time that grows with each failure and is at least what CleverTap asked
// for. nth is the number of the failed upload, last that of the last upload started.
func (b *breaker) fail(now time.Time, err *clevertap.Error, nth, last uint64) {
	if b.stopped {
		return
	}
	if nth > b.blamed {
		b.failures++
		b.blamed = last
	}
	b.err = err
	b.shut = err.Kind == clevertap.Credentials || err.Kind == clevertap.Closed
	b.unsure = b.unsure || err.Kind.MayHaveArrived()
	wait := backoff(b.failures, time.Second, time.Minute)
	if b.shut {
		wait = backoff(b.failures, 10*time.Second, 5*time.Minute)
	}
	if until := now.Add(max(wait, min(err.RetryAfter, time.Hour))); until.After(b.until) {
		b.until = until
	}
}

// pass allows uploads after one that CleverTap processed, unless it was in flight when another
// failed: then the wait that CleverTap asked for stays in force.
func (b *breaker) pass(nth uint64) {
	if nth > b.blamed {
		*b = breaker{}
	}
}

// doubt requires a dry run before records that must not arrive twice are sent. last is the number
// of the last upload started.
func (b *breaker) doubt(last uint64) { b.unsure, b.blamed = true, last }

// stop stops uploads until an operator reloads. last is as in doubt.
func (b *breaker) stop(err *clevertap.Error, last uint64) {
	b.stopped, b.shut, b.err, b.blamed = true, true, err, last
}

// probed allows one upload after a response to a dry run. Only the response to that upload resets
// the breaker.
func (b *breaker) probed() {
	if !b.stopped {
		b.until, b.shut, b.unsure = time.Time{}, false, false
	}
}

// backoff returns how long to wait after the nth failure (1 is the first): first, doubled each
// time, at most longest, minus up to a quarter at random so that simultaneous failures do not retry
// simultaneously.
func backoff(n int, first, longest time.Duration) time.Duration {
	wait := longest
	if n = max(n, 1); n < 20 {
		wait = min(first<<(n-1), longest)
	}
	return wait - time.Duration(rand.Int64N(int64(wait)/4+1))
}
