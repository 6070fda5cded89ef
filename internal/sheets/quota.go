package sheets

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// defaultReadsPerMinute is what Google lets one account read
// (https://developers.google.com/workspace/sheets/api/limits).
const defaultReadsPerMinute = 60

// errTooLate is a request whose turn comes after its context's deadline.
var errTooLate = errors.New("the quota leaves no read before the deadline")

// pace keeps an account's requests within its quota in every window of a minute, whatever asks for them. Those that have to
// wait are served by urgency.
type pace struct {
	limit int // requests a minute

	mu      sync.Mutex
	bucket  *rate.Limiter
	waiting queue
	next    *rate.Reservation // the token of the next to be served, not due yet; nil: none is reserved
	timer   *time.Timer       // serves at the next turn; nil: nobody waits
	starts  []time.Time       // of the requests of the last window
	total   int64             // requests ever
	until   time.Time         // Google asked to send nothing before then
}

// window is the time in which an account makes no more requests than its quota of a minute: on their way to Google some are faster than
// others.
const window = time.Minute + time.Second

// newPace allows a sixth of the quota at once and the rest evenly, and the whole of it in each window.
func newPace(perMinute int) *pace {
	return &pace{limit: perMinute, bucket: rate.NewLimiter(rate.Limit(float64(perMinute)/60), max(perMinute/6, 1))}
}

// wait returns when the next request of an urgency may start, and counts it. The error is the context's, or errTooLate at
// once when its deadline comes before the request's turn.
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

// soonest returns a time before which a request that joins now is not served: those that are sure to go first have theirs.
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

// serve lets requests start for which there are tokens, and sets the timer for the first of those left. p.mu is held.
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

// free returns when the next request may start at the earliest, tokens apart. p.mu is held.
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

// due serves what the timer was set for.
func (p *pace) due() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.timer = nil
	p.serve(time.Now())
}

// rest gives back the token that is reserved, and stops the timer. p.mu is held.
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

// pause holds all requests of the account back for d.
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

// crowded tells whether requests wait or would have to, or at least 80 % of the quota is used.
func (p *pace) crowded() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	return p.waiting.len() > 0 || now.Before(p.until) || p.used(now)*5 >= p.limit*4
}

// used counts the requests of the last minute. p.mu is held.
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

// forget drops the starts that are past the window. p.mu is held.
func (p *pace) forget(now time.Time) {
	i := 0
	for i < len(p.starts) && now.Sub(p.starts[i]) >= window {
		i++
	}
	p.starts = slices.Delete(p.starts, 0, i)
}
