package engine

import (
	"math/rand/v2"
	"time"

	"github.com/rowtap/rowtap/internal/clevertap"
)

// gate holds an account's uploads back after one that failed as a whole. The zero value is open.
type gate struct {
	until    time.Time // nothing goes out before; UTC
	failures int       // uploads that failed since the last that was answered
	shut     bool      // CleverTap refuses the account itself: an operator is needed
	err      error     // why, of the last failure
}

func (g *gate) open(now time.Time) bool { return !now.Before(g.until) }

// fail closes the gate for a while that grows with each failure, and is at least what CleverTap asked for.
func (g *gate) fail(now time.Time, err *clevertap.Error) {
	g.failures++
	g.err = err
	g.shut = err.Kind == clevertap.Credentials || err.Kind == clevertap.Closed
	wait := backoff(g.failures, time.Second, time.Minute)
	if g.shut {
		wait = backoff(g.failures, 10*time.Second, 5*time.Minute)
	}
	g.until = now.Add(max(wait, min(err.RetryAfter, time.Hour)))
}

func (g *gate) pass() { *g = gate{} }

// backoff returns how long to wait after the nth failure, 1 being the first: first, doubled each time, at most longest, and
// then up to a quarter less, so that many who failed together do not come back together.
func backoff(n int, first, longest time.Duration) time.Duration {
	wait := longest
	if n = max(n, 1); n < 20 {
		wait = min(first<<(n-1), longest)
	}
	return wait - time.Duration(rand.Int64N(int64(wait)/4+1))
}
