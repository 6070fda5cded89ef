package standby

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mirror"
	"go.uber.org/zap"
)

// follow keeps the cache up to date until this process is the active one. The term is nil if ctx
// ended or the cache must be reopened.
func (p *Process) follow(ctx context.Context, l *ledger.Ledger) (*mirror.Term, error) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil, nil
		case <-timer.C:
		}
		term, err := p.step(ctx, l)
		switch {
		case ctx.Err() != nil && term == nil:
			return nil, nil
		case errors.Is(err, ledger.ErrStale), errors.Is(err, ledger.ErrDisk), errors.Is(err, ledger.ErrCorrupt), errors.Is(err, errTakeOver):
			return nil, p.note(err) // the next round reopens the cache, and reloads it if needed
		case term != nil:
			return term, nil
		case err == nil:
			at := l.Position()
			s := p.State()
			if errors.Is(s.Trouble, mirror.ErrForeign) {
				at = ledger.Position{}
			}
			err = p.o.Mirror.Say(ctx, at, p.o.Plan(), textOf(s.Trouble))
		}
		_ = p.note(err)
		p.o.Pulse()
		timer.Reset(p.pause())
	}
}

// pause returns the time until the next look: lookEvery, or less if the lease ends before.
func (p *Process) pause() time.Duration {
	left := p.State().Now.Left
	if left > 0 && left < p.o.Every {
		return left + 5*time.Millisecond
	}
	return p.o.Every
}

// step brings the cache up to date and becomes the active one if no process is.
func (p *Process) step(ctx context.Context, l *ledger.Ledger) (*mirror.Term, error) {
	m := p.o.Mirror
	now, err := p.look(ctx)
	if err != nil {
		return nil, p.withHint(err)
	}
	_, trouble := m.Pull(ctx, l)
	if ctx.Err() != nil || errors.Is(trouble, ledger.ErrMirrorAway) || errors.Is(trouble, ledger.ErrStale) || errors.Is(trouble, ledger.ErrDisk) {
		return nil, cmp.Or(ctx.Err(), trouble)
	}
	if trouble = p.withHint(trouble); trouble == nil {
		trouble = behind(now)
	}
	p.heed(l.Position().Commit, trouble)
	if !p.mayTry(now) {
		return nil, nil
	}
	term, err := m.Acquire(ctx)
	if errors.Is(err, mirror.ErrHeld) { // another was quicker
		err = nil
	}
	if term == nil {
		return nil, err
	}
	if err := p.promote(ctx, l, term); err != nil {
		return nil, errors.Join(err, giveUp(ctx, term))
	}
	return term, nil
}

// behind returns ErrBehind if a reachable machine has commits that the database does not have,
// because that failed over without them or was restored. A takeover would then resend rows that the
// machine had sent. An operator decides: by restoring a state, or by stopping that machine.
func behind(now mirror.Now) error {
	for _, m := range now.Members {
		if m.Ahead && m.Ago < aliveFor {
			return &hint.Error{
				Err:  fmt.Errorf("%w: %s has commit %d, and the database's last one is %d", ErrBehind, m.Host, m.Commit, now.Commit),
				Hint: "on " + m.Host + ": rowtap status says what can be done",
			}
		}
	}
	return nil
}

// mayTry reports whether no other process is active and this one can take over and has not just
// handed over.
func (p *Process) mayTry(now mirror.Now) bool {
	_, busy := p.otherActive(now)
	p.mu.Lock()
	defer p.mu.Unlock()
	return !busy && p.state.Trouble == nil && !time.Now().Before(p.waiting)
}

// otherActive returns the other machine that is active, if there is one. An own lease means that
// the response to the acquisition was lost.
func (p *Process) otherActive(now mirror.Now) (mirror.Seen, bool) {
	active, busy := now.Active()
	return active, busy && active.ID != p.o.Mirror.Self().ID
}

// promote makes the cache the state of a term that has just begun, after following the last commits
// of the previous term.
func (p *Process) promote(ctx context.Context, l *ledger.Ledger, term *mirror.Term) error {
	defer keep(ctx, term)()
	commit, err := p.o.Mirror.Pull(ctx, l)
	switch {
	case err != nil || commit > 0:
	case p.o.Seed:
		err = p.seed(ctx, l, term)
	default:
		err = ErrEmpty
	}
	if err == nil {
		err = term.MayBegin() // it can take long to get a lease
	}
	if err == nil {
		err = l.Promote(ctx, term, term.ID())
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errTakeOver, err)
	}
	p.o.Log.Info("this machine is now active", zap.Uint64("commit", l.Position().Commit))
	p.mu.Lock()
	differs := p.activePlan != "" && p.activePlan != p.o.Plan()
	p.mu.Unlock()
	if differs {
		p.o.Log.Warn("the configuration differs from that of the previously active machine",
			zap.String("next", "compare rowtap.yaml and zaps/ on both machines, then: rowtap reload"))
	}
	return nil
}

// seed makes the state file the state of a database that has none.
func (p *Process) seed(ctx context.Context, l *ledger.Ledger, term *mirror.Term) error {
	position, err := term.Replace(ctx, l)
	if err != nil {
		return err
	}
	p.o.Log.Info("state copied to PostgreSQL; the state file is now a copy", zap.Uint64("commit", position.Commit))
	return l.Stamp(ctx, position)
}

// Backup writes a copy of a standby's cache, which is at most a second behind the active machine's
// state while the database can be reached.
func (p *Process) Backup(ctx context.Context, w io.Writer) error {
	p.mu.Lock()
	l := p.cache
	p.mu.Unlock()
	state := p.State()
	switch {
	case l == nil || l.Position().Epoch == "":
		return errors.New("this machine has no copy of the state yet")
	case state.Err != nil || time.Since(state.At) > aliveFor:
		return fmt.Errorf("this machine's copy of the state is from %s, for the database cannot be reached since", state.At.UTC().Format(time.DateTime+" UTC"))
	}
	_, err := l.Backup(ctx, w)
	return err
}
