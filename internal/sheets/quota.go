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
	starts  []time.Time       // of the requests of the last minute
	total   int64             // requests ever
	until   time.Time         // Google asked to send nothing before then
}

// newPace allows a sixth of the quota at once and the rest evenly: the burst and a minute's refill are the quota.
func newPace(perMinute int) *pace {
	burst := max(perMinute/6, 1)
	every := rate.Every(time.Minute + time.Second) // of a quota of one
	if perMinute > 1 {
		every = rate.Limit(float64(perMinute-burst) / 60)
	}
	return &pace{limit: perMinute, bucket: rate.NewLimiter(every, burst)}
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
		p.rest(time.Now())
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
	if at.Before(p.until) {
		return p.until
	}
	return at
}

// serve lets requests start for which there are tokens, and sets the timer for the first of those left. p.mu is held.
func (p *pace) serve(now time.Time) {
	for p.waiting.len() > 0 {
		if now.Before(p.until) {
			p.rest(now)
			p.timer = time.AfterFunc(p.until.Sub(now), p.due)
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
		p.forget(now)
		p.starts = append(p.starts, now)
		p.total++
		close(p.waiting.pop())
	}
}

// due serves what the timer was set for.
func (p *pace) due() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.timer = nil
	p.serve(time.Now())
}

// rest gives back the token that is reserved, and stops the timer. p.mu is held.
func (p *pace) rest(now time.Time) {
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
	p.forget(time.Now())
	return min(float64(len(p.starts))/float64(p.limit), 1), p.total
}

// crowded tells whether requests wait or would have to, or at least 80 % of the quota is used.
func (p *pace) crowded() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.forget(now)
	return p.waiting.len() > 0 || now.Before(p.until) || len(p.starts)*5 >= p.limit*4
}

// forget drops the starts that are a minute old. p.mu is held.
func (p *pace) forget(now time.Time) {
	i := 0
	for i < len(p.starts) && now.Sub(p.starts[i]) >= time.Minute {
		i++
	}
	p.starts = slices.Delete(p.starts, 0, i)
}
