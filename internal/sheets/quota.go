package sheets

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// defaultReadsPerMinute is Google's quota of reads for one account
// (https://developers.google.com/workspace/sheets/api/limits).
const defaultReadsPerMinute = 60

// errTooLate means that the context's deadline comes before the request's turn.
var errTooLate = errors.New("the quota allows no read before the deadline")

// pace keeps the requests of an account within its quota in every window of a minute. Requests that
// have to wait are served by urgency.
type pace struct {
	limit int // requests a minute

	mu      sync.Mutex
	bucket  *rate.Limiter
	waiting queue
	next    *rate.Reservation // token of the next request to serve, not due yet; nil: none
	timer   *time.Timer       // calls serve at the next turn; nil: nothing waits
	starts  []time.Time       // of the requests in the last window
	total   int64             // requests since newPace
	until   time.Time         // Google asked for no request before then
}

// window is the period in which an account makes no more requests than its quota for a minute. It
// is a second longer than a minute because some requests reach Google faster than others.
const window = time.Minute + time.Second

// newPace allows a sixth of the quota at once, the rest evenly, and no more than the quota in each
// window.
func newPace(perMinute int) *pace {
	return &pace{limit: perMinute, bucket: rate.NewLimiter(rate.Limit(float64(perMinute)/60), max(perMinute/6, 1))}
}

// wait returns when the next request of an urgency may start, and counts it. The error is that of
// the context, or errTooLate, at once, if the deadline comes before the request's turn.
func (p *pace) wait(ctx context.Context, urgency Urgency) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p.mu.Lock()
	now := time.Now()
	if deadline, ok := ctx.Deadline(); ok && p.soonest(now, urgency).After(deadline) {
		p.mu.Unlock()
		return errTooLate
	}
	turn := p.waiting.join(urgency)
	p.serve(now)
	p.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting.leave(urgency, turn)
	if p.waiting.len() == 0 {
		p.release(time.Now())
	}
	return ctx.Err()
}

// soonest returns the earliest time at which a request that joins now can be served, after all that
// are certain to be served first.
func (p *pace) soonest(now time.Time, urgency Urgency) time.Time {
	tokens := p.bucket.TokensAt(now)
	if p.next != nil {
		tokens++
	}
	at := now
	if missing := float64(p.waiting.before(urgency)+1) - tokens; missing > 0 {
		at = now.Add(time.Duration(missing / float64(p.bucket.Limit()) * float64(time.Second)))
	}
	if free := p.earliest(now); at.Before(free) {
		return free
	}
	return at
}

// serve starts the requests that there are tokens for, and sets the timer for the next one. p.mu is
// held.
func (p *pace) serve(now time.Time) {
	for p.waiting.len() > 0 {
		if free := p.earliest(now); free.After(now) {
			p.release(now)
			p.timer = time.AfterFunc(free.Sub(now), p.due)
			return
		}
		if p.next == nil {
			p.next = p.bucket.ReserveN(now, 1)
		}
		if d := p.next.DelayFrom(now); d > 0 {
			if p.timer == nil {
				p.timer = time.AfterFunc(d, p.due)
			}
			return
		}
		p.next = nil
		p.starts = append(p.starts, now)
		p.total++
		close(p.waiting.pop())
	}
}

// earliest returns when the next request may start, regardless of tokens. p.mu is held.
func (p *pace) earliest(now time.Time) time.Time {
	p.forget(now)
	free := p.until
	if len(p.starts) >= p.limit {
		if at := p.starts[len(p.starts)-p.limit].Add(window); at.After(free) {
			free = at
		}
	}
	return free
}

// due runs when the timer fires.
func (p *pace) due() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.timer = nil
	p.serve(time.Now())
}

// release returns the reserved token and stops the timer. p.mu is held.
func (p *pace) release(now time.Time) {
	if p.next != nil {
		p.next.CancelAt(now)
		p.next = nil
	}
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
}

// pause holds back all requests of the account for d.
func (p *pace) pause(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if until := time.Now().Add(d); until.After(p.until) {
		p.until = until
	}
}

func (p *pace) usage() (used float64, total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return min(float64(p.used(time.Now()))/float64(p.limit), 1), p.total
}

// crowded reports whether requests wait or would have to, or at least 80% of the quota is used.
func (p *pace) crowded() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	return p.waiting.len() > 0 || now.Before(p.until) || p.used(now)*5 >= p.limit*4
}

// used returns the number of requests in the last minute. p.mu is held.
func (p *pace) used(now time.Time) int {
	n := 0
	for _, start := range slices.Backward(p.starts) {
		if now.Sub(start) >= time.Minute {
			break
		}
		n++
	}
	return n
}

// forget drops starts that have left the window. p.mu is held.
func (p *pace) forget(now time.Time) {
	i := 0
	for i < len(p.starts) && now.Sub(p.starts[i]) >= window {
		i++
	}
	p.starts = slices.Delete(p.starts, 0, i)
}
