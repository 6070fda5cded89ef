package deliver

import (
	"math/rand/v2"
	"time"

	"github.com/rowtap/rowtap/internal/clevertap"
)

// breaker holds an account's uploads back after one that failed as a whole. The zero value is open.
type breaker struct {
	until    time.Time // nothing goes out before; UTC
	failures int       // uploads that failed since the last that was answered; of those under way together one counts
	blamed   uint64    // the last upload that was under way at the last failure: it and those before say nothing new
	shut     bool      // CleverTap refuses the account itself: an operator is needed
	stopped  bool      // nothing goes out until an operator reloads, not even a dry run
	unsure   bool      // CleverTap may take records and not say so: what must not arrive twice waits until a dry run is answered
	err      error     // why, of the last failure
}

func (g *breaker) open(now time.Time) bool { return !g.stopped && !now.Before(g.until) }

// fail closes the breaker for a while that grows with each failure, and is at least what CleverTap asked for. nth is the number of
// the upload that failed, last that of the last upload that was begun.
func (g *breaker) fail(now time.Time, err *clevertap.Error, nth, last uint64) {
	if g.stopped {
		return
	}
	if nth > g.blamed {
		g.failures++
		g.blamed = last
	}
	g.err = err
	g.shut = err.Kind == clevertap.Credentials || err.Kind == clevertap.Closed
	g.unsure = g.unsure || err.Kind.MayHaveArrived()
	wait := backoff(g.failures, time.Second, time.Minute)
	if g.shut {
		wait = backoff(g.failures, 10*time.Second, 5*time.Minute)
	}
	if until := now.Add(max(wait, min(err.RetryAfter, time.Hour))); until.After(g.until) {
		g.until = until
	}
}

// pass opens the breaker after an upload that was answered, unless it was under way when another failed: what CleverTap asked for
// then, stands.
func (g *breaker) pass(nth uint64) {
	if nth > g.blamed {
		*g = breaker{}
	}
}

// doubt has a dry run go first, before what must not arrive twice goes again. last is the number of the last upload that was begun.
func (g *breaker) doubt(last uint64) { g.unsure, g.blamed = true, last }

// stop closes the breaker until an operator reloads. last is as in doubt.
func (g *breaker) stop(err *clevertap.Error, last uint64) {
	g.stopped, g.shut, g.err, g.blamed = true, true, err, last
}

// probed opens the breaker for one upload, after a dry run that was answered. Only what becomes of that upload says that all is well.
func (g *breaker) probed() {
	if !g.stopped {
		g.until, g.shut, g.unsure = time.Time{}, false, false
	}
}

// backoff returns how long to wait after the nth failure, 1 being the first: first, doubled each time, at most longest, and
// then up to a quarter less, so that many who failed together do not come back together.
func backoff(n int, first, longest time.Duration) time.Duration {
	wait := longest
	if n = max(n, 1); n < 20 {
		wait = min(first<<(n-1), longest)
	}
	return wait - time.Duration(rand.Int64N(int64(wait)/4+1))
}
