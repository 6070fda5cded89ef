package sheets

import (
	"time"

	"github.com/cenkalti/backoff/v5"
)

// longestPause is how long a request waits between two tries at most; longer waiting is the caller's.
const longestPause = 30 * time.Second

// pauses are the pauses between tries: what Google asks for, else exponential. Its quota is counted by the minute, so
// that there the first pause is longer.
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

// plan fixes the pause after e and returns it.
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
