package sheets

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// defaultReadsPerMinute is what Google lets one account read
// (https://developers.google.com/workspace/sheets/api/limits).
const defaultReadsPerMinute = 60

// pace keeps an account's requests within its quota in every window of a minute, whatever asks for them.
type pace struct {
	limit   int // requests a minute
	limiter *rate.Limiter

	mu     sync.Mutex
	starts []time.Time // of the requests of the last minute
	total  int64       // requests ever
	until  time.Time   // Google asked to send nothing before then
}

// newPace allows a sixth of the quota at once and the rest evenly: the burst and a minute's refill are the quota.
func newPace(perMinute int) *pace {
	burst := max(perMinute/6, 1)
	every := rate.Every(time.Minute + time.Second) // of a quota of one
	if perMinute > 1 {
		every = rate.Limit(float64(perMinute-burst) / 60)
	}
	return &pace{limit: perMinute, limiter: rate.NewLimiter(every, burst)}
}

// wait returns when the next request may start, and counts it. The error is the context's, or that of the limiter when
// the context's deadline comes before the request's turn.
func (p *pace) wait(ctx context.Context) error {
	for {
		p.mu.Lock()
		d := time.Until(p.until)
		p.mu.Unlock()
		if d <= 0 {
			break
		}
		if err := sleep(ctx, d); err != nil {
			return err
		}
	}
	if err := p.limiter.Wait(ctx); err != nil {
		return err
	}
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forget(now)
	p.starts = append(p.starts, now)
	p.total++
	return nil
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

// forget drops the starts that are a minute old. p.mu is held.
func (p *pace) forget(now time.Time) {
	i := 0
	for i < len(p.starts) && now.Sub(p.starts[i]) >= time.Minute {
		i++
	}
	p.starts = append(p.starts[:0], p.starts[i:]...)
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
