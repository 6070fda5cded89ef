package standby

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mirror"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
)

// serve runs the active role until the term ends, a handover is requested or ctx ends.
func (p *Process) serve(ctx context.Context, l *ledger.Ledger, term *mirror.Term) error {
	active, cease := context.WithCancelCause(ctx)
	defer cease(nil)
	p.mu.Lock()
	p.state.Active, p.cease, p.ceased = true, cease, make(chan struct{})
	p.mu.Unlock()

	// The lease is also renewed while uploads in flight finish.
	renewing, stop := context.WithCancel(context.WithoutCancel(ctx))
	tasks := errgroup.Group{}
	tasks.Go(func() error {
		if err := term.Keep(renewing); err != nil {
			p.inactive()
			cease(err)
		}
		return nil
	})
	tasks.Go(func() error { p.watch(active, l, term); return nil })
	err := p.o.Serve(active, l, term)
	cease(nil)
	stop()
	_ = tasks.Wait() // always nil
	p.inactive()

	cause := context.Cause(active)
	why := errors.Join(err, causeOf(cause))
	if ctx.Err() == nil {
		p.o.Log.Warn("this machine is no longer active", zap.Error(why))
	}
	if errors.Is(cause, errHandOver) { // before the lease is free: the next look may see another process active
		p.mu.Lock()
		p.waiting = time.Now().Add(stepBack)
		p.mu.Unlock()
	}
	if !errors.Is(cause, ledger.ErrNotActive) && !errors.Is(why, mirror.ErrAhead) { // while that lease lasts, all others hear of it
		if releaseErr := giveUp(ctx, term); releaseErr != nil {
			p.o.Log.Warn("the lease was not released and will expire", zap.Error(releaseErr))
		}
	}
	if ctx.Err() == nil {
		_, lookErr := p.look(ctx) // or it would still say that it is the active one itself
		_ = p.note(lookErr)
	}
	p.mu.Lock()
	close(p.ceased)
	p.mu.Unlock()
	return err
}

// causeOf returns cause, or nil if it is a plain cancellation.
func causeOf(cause error) error {
	if errors.Is(cause, context.Canceled) {
		return nil
	}
	return cause
}

// inactive records that this process is no longer the active one.
func (p *Process) inactive() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state.Active, p.cease = false, nil
}

// watch keeps the active process informed about the others and removes old tombstones.
func (p *Process) watch(ctx context.Context, l *ledger.Ledger, term *mirror.Term) {
	tick := time.NewTicker(p.o.Every)
	defer tick.Stop()
	var purged time.Time
	for {
		_, err := p.look(ctx)
		if err == nil {
			p.heed(l.Position().Commit, nil)
			err = p.o.Mirror.Say(ctx, l.Position(), p.o.Plan(), "")
		}
		if err == nil && time.Since(purged) > purgeEvery {
			purged = time.Now()
			err = errors.Join(term.Purge(ctx), p.warn(ctx))
		}
		if ctx.Err() == nil { // or it says nothing of the database
			_ = p.note(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (p *Process) warn(ctx context.Context) error {
	warning, err := p.o.Mirror.Warning(ctx)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if warning != p.state.Warning && warning != "" {
		message, next, _ := strings.Cut(warning, "\nnext: ")
		p.o.Log.Warn(message, zap.String("next", next))
	}
	p.state.Warning = warning
	return nil
}

// HandOver gives up the lease to a standby after uploads in flight have finished. It returns once
// the lease is free, which a standby notices within a second. It returns ErrNoStandby if no standby
// can take over, and ledger.ErrNotActive if this process is not the active one.
func (p *Process) HandOver(ctx context.Context) error {
	p.mu.Lock()
	cease, ceased, now := p.cease, p.ceased, p.state.Now
	p.mu.Unlock()
	if cease == nil {
		return fmt.Errorf("%w: %s", ledger.ErrNotActive, now.Who())
	}
	now, err := p.look(ctx) // a standby may have started just now
	if err != nil {
		return err
	}
	why := errors.New("there is none")
	for _, s := range now.Members {
		switch {
		case s.ID == p.o.Mirror.Self().ID:
		case s.Ago > aliveFor:
			why = fmt.Errorf("%s was last heard of %s ago", s.Host, s.Ago.Round(time.Second))
		case s.Trouble != "":
			why = fmt.Errorf("%s: %s", s.Host, s.Trouble)
		default:
			cease(errHandOver)
			select {
			case <-ceased:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return fmt.Errorf("%w: %w", ErrNoStandby, why)
}
