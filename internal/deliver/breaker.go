package deliver

import (
	"math/rand/v2"
	"time"

	"github.com/rowtap/rowtap/internal/clevertap"
)

// breaker holds an account's uploads back after one that failed as a whole. The zero value is open.
type breaker struct {
	until    time.Time // nothing goes out before; UTC
	failures int       // uploads that failed since the last that was processed; of those under way together one counts
	blamed   uint64    // the last upload that was under way at the last failure: it and those before say nothing new
	shut     bool      // CleverTap refuses the account itself: an operator is needed
	stopped  bool      // nothing goes out until an operator reloads, not even a dry run
	unsure   bool      // CleverTap may take records and not say so: what must not arrive twice waits for a response to a dry run
	err      error     // why, of the last failure
}

func (b *breaker) open(now time.Time) bool { return !b.stopped && !now.Before(b.until) }

// fail closes the breaker for a while that grows with each failure, and is at least what CleverTap
// asked for. nth is the number of the upload that failed, last that of the last upload that was
// begun.
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

// pass opens the breaker after an upload that CleverTap processed, unless it was under way when
// another failed: the wait that CleverTap asked for then stays in force.
func (b *breaker) pass(nth uint64) {
	if nth > b.blamed {
		*b = breaker{}
	}
}

// doubt has a dry run go first, before records that must not arrive twice are sent again. last is
// the number of the last upload that was begun.
func (b *breaker) doubt(last uint64) { b.unsure, b.blamed = true, last }

// stop closes the breaker until an operator reloads. last is as in doubt.
func (b *breaker) stop(err *clevertap.Error, last uint64) {
	b.stopped, b.shut, b.err, b.blamed = true, true, err, last
}

// probed opens the breaker for one upload, after a response to a dry run. Only the response to that
// upload proves that all is well.
func (b *breaker) probed() {
	if !b.stopped {
		b.until, b.shut, b.unsure = time.Time{}, false, false
	}
}

// backoff returns how long to wait after the nth failure, 1 being the first: first, doubled each
// time, at most longest, and then up to a quarter less, so that many who failed together do not
// come back together.
func backoff(n int, first, longest time.Duration) time.Duration {
	wait := longest
	if n = max(n, 1); n < 20 {
		wait = min(first<<(n-1), longest)
	}
	return wait - time.Duration(rand.Int64N(int64(wait)/4+1))
}
