package sheets

import (
	"time"

	"github.com/cenkalti/backoff/v5"
)

// longestPause bounds the wait between two tries. Longer waits are left to the caller.
const longestPause = 30 * time.Second

// pauses are the waits between tries: what Google requests, otherwise exponential. Google counts
// its quota by the minute, so the first pause after a quota error is longer.
type pauses struct {
	*backoff.ExponentialBackOff
	planned time.Duration
	quota   time.Duration
}

func newPauses() *pauses {
	p := &pauses{ExponentialBackOff: backoff.NewExponentialBackOff(), quota: 5 * time.Second}
	p.InitialInterval, p.Multiplier, p.MaxInterval = time.Second, 2, longestPause
	return p
}

// plan sets and returns the pause after e.
func (p *pauses) plan(e *Error) time.Duration {
	switch {
	case e.RetryAfter > 0:
		p.planned = e.RetryAfter
	case e.Kind == Quota:
		p.planned = p.quota
		p.quota *= 2
	default:
		p.planned = p.ExponentialBackOff.NextBackOff()
	}
	return p.planned
}

// NextBackOff returns the planned pause.
func (p *pauses) NextBackOff() time.Duration { return p.planned }
