package standby

import (
	"context"
	"errors"
	"fmt"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mirror"
	"golang.org/x/sync/errgroup"
)

// Take makes this process the active one at once, for a command, until release is called. It
// returns mirror.ErrHeld if another process is active.
func (p *Process) Take(ctx context.Context) (l *ledger.Ledger, term *mirror.Term, release func() error, err error) {
	if l, err = p.o.Open(ctx); err != nil {
		return nil, nil, nil, err
	}
	term, err = p.step(ctx, l)
	state := p.State()
	switch {
	case err != nil:
	case term != nil:
	case state.Trouble != nil:
		err = state.Trouble
	default:
		err = fmt.Errorf("%w: %s", mirror.ErrHeld, state.Now.Who())
	}
	if err != nil {
		return nil, nil, nil, errors.Join(err, l.Close())
	}
	stop := keep(ctx, term)
	return l, term, func() error {
		stop()
		return giveUp(ctx, term)
	}, nil
}

// Send makes a plain state file the state in the database and stamps the file as a copy of it. l
// was opened by ledger.OpenCache. It returns ledger.ErrCopy if the file is a copy already. If the
// database has a state, Send replaces it if instead is set and otherwise returns ErrTaken.
func Send(ctx context.Context, m *mirror.Mirror, l *ledger.Ledger, instead bool) (ledger.Position, error) {
	if l.Position() != (ledger.Position{}) {
		return ledger.Position{}, fmt.Errorf("the state file: %w", ledger.ErrCopy)
	}
	if err := m.Prepare(ctx); err != nil {
		return ledger.Position{}, err
	}
	now, err := m.Look(ctx)
	if err != nil {
		return ledger.Position{}, err
	}
	zaps, err := l.Zaps(ctx)
	if err != nil {
		return ledger.Position{}, err
	}
	if !instead {
		if len(zaps) == 0 {
			return ledger.Position{}, ErrNothing
		}
		if taken, err := m.HasZaps(ctx); err != nil {
			return ledger.Position{}, err
		} else if taken && !now.Empty() {
			return ledger.Position{}, ErrTaken
		}
	}
	term, err := m.Acquire(ctx)
	if errors.Is(err, mirror.ErrHeld) {
		err = fmt.Errorf("%w: %s", err, now.Who())
	}
	if err != nil {
		return ledger.Position{}, err
	}
	stop := keep(ctx, term)
	position, err := term.Replace(ctx, l)
	if err == nil {
		err = l.Stamp(ctx, position)
	}
	stop()
	return position, errors.Join(err, giveUp(ctx, term))
}

// Clear removes the values of a state that was moved out of the database.
func Clear(ctx context.Context, m *mirror.Mirror) error {
	term, err := m.Acquire(ctx)
	if err != nil {
		return err
	}
	return errors.Join(term.Clear(ctx), giveUp(ctx, term))
}

// keep renews a lease until stop is called.
func keep(ctx context.Context, term *mirror.Term) (stop func()) {
	keeping, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var kept errgroup.Group
	kept.Go(func() error { return term.Keep(keeping) })
	return func() {
		cancel()
		_ = kept.Wait() // an error is reported by each commit and by MayBegin
	}
}

// giveUp releases the lease, even if ctx has ended.
func giveUp(ctx context.Context, term *mirror.Term) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTimeout)
	defer cancel()
	return term.Release(ctx)
}
