package standby

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mirror"
	"go.uber.org/zap"
)

// look queries the lease and the members, and creates the tables before the first query.
func (p *Process) look(ctx context.Context) (mirror.Now, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	p.mu.Lock()
	prepared := p.prepared
	p.mu.Unlock()
	var now mirror.Now
	var err error
	if !prepared {
		err = p.o.Mirror.Prepare(ctx)
	}
	if err == nil {
		now, err = p.o.Mirror.Look(ctx)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.prepared = err == nil; p.prepared {
		p.state.Now, p.state.At = now, time.Now()
		if other, busy := p.otherActive(now); busy {
			p.waiting, p.activePlan = time.Time{}, other.Plan
		}
	}
	return now, err
}

// note records why the database cannot be used, logs it when it changes, and returns it.
func (p *Process) note(err error) error {
	p.mu.Lock()
	before := p.state.Err
	p.state.Err = err
	p.mu.Unlock()
	switch {
	case textOf(before) == textOf(err):
	case errors.Is(before, ledger.ErrMirrorAway) && errors.Is(err, ledger.ErrMirrorAway): // its words differ from try to try
	case err == nil:
		p.o.Log.Info("the state on PostgreSQL is available again")
	default:
		p.o.Log.Error("the state on PostgreSQL is not available", zap.Error(err))
	}
	return err
}

// heed records the last commit of this process and why it cannot take over.
func (p *Process) heed(commit uint64, trouble error) {
	p.mu.Lock()
	before := p.state.Trouble
	p.state.Commit, p.state.Trouble = commit, trouble
	p.mu.Unlock()
	if trouble != nil && textOf(before) != textOf(trouble) {
		p.o.Log.Error("this machine cannot take over", zap.Error(trouble), zap.String("next", hint.Of(trouble)))
	}
}

// withHint adds what an operator can do about a process that must not take over.
func (p *Process) withHint(trouble error) error {
	next := ""
	switch {
	case errors.Is(trouble, mirror.ErrAhead):
		next = fmt.Sprintf("the database was restored, or failed over without its last commits. To continue from this machine's copy, stop rowtap on all machines and run here: "+
			"rowtap state restore %s (it pauses every zap). To continue from the database, stop rowtap here, move %s away and start it again", p.o.Path, p.o.Path)
	case errors.Is(trouble, mirror.ErrForeign):
		next = fmt.Sprintf("correct state.postgres or state.lease; or, to use the state of the database, move %s away", p.o.Path)
	case errors.Is(trouble, mirror.ErrMoved):
		next = "remove state.postgres from rowtap.yaml; or, to move the state back: rowtap state migrate --to postgres on the machine that has it"
	case errors.Is(trouble, mirror.ErrLayout), errors.Is(trouble, ledger.ErrNewer):
		next = "install the version of the active machine, which rowtap status shows"
	default:
		return trouble
	}
	return &hint.Error{Err: trouble, Hint: next}
}

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
