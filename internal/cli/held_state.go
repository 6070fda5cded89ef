package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mirror"
	"github.com/rowtap/rowtap/internal/plan"
	"github.com/rowtap/rowtap/internal/standby"
)

// heldState is a state that this process may change: the state file, or where the state is on
// PostgreSQL its copy, while this process is the active one.
type heldState struct {
	ledger  *ledger.Ledger
	term    *mirror.Term     // nil: the state is a file alone
	process *standby.Process // the same
	release func() error     // gives the lease up
}

// close closes the state, and gives the lease up.
func (s *heldState) close() error { return errors.Join(s.ledger.Close(), s.release()) }

// resendAfter is how long after a takeover the rows wait that were in flight: as long as an upload
// of the one before may last.
const resendAfter = 30 * time.Second

// options completes those of an engine.
func (s *heldState) options(o engine.Options) engine.Options {
	o.Ledger = s.ledger
	if s.term != nil {
		o.MayBegin = s.term.MayBegin
		o.Resend = time.Now().Add(resendAfter)
		o.Machines = func() []engine.Machine { return machinesOf(s.process.State()) }
		o.MirrorWarning = func() string { return s.process.State().Warning }
	}
	return o
}

// isMirrored tells whether a state is on PostgreSQL.
func isMirrored(s config.State) bool { return s.Postgres.Reveal() != "" }

// openMirror returns the database that a configuration names.
func openMirror(s config.State, listen string) (*mirror.Mirror, error) {
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("this machine's name: %w", err)
	}
	return mirror.Open(mirror.Options{
		DSN: s.Postgres.Reveal(), Lease: s.Lease,
		Self: mirror.Member{Host: host, Address: listen, Version: version()},
	})
}

// advised adds to an error what to do about it, if that is known.
func advised(err error) error {
	if next := hint.Of(err); next != "" {
		return fmt.Errorf("%w\nnext: %s", err, next)
	}
	return err
}

// stateFileExists returns an error if a command would create the state file. A state on PostgreSQL
// needs none.
func stateFileExists(s config.State) error {
	if _, err := os.Stat(s.Path); errors.Is(err, fs.ErrNotExist) && !isMirrored(s) {
		return fmt.Errorf("no daemon runs, and there is no state file %s yet\nnext: rowtap run", s.Path)
	}
	return nil
}

// take opens the state for a command that works without a daemon. Where another machine is the
// active one it returns [mirror.ErrHeld].
func take(ctx context.Context, p *plan.Plan, log *zap.Logger, seed bool, open func(ledger.Options) (*ledger.Ledger, error)) (*heldState, error) {
	if !isMirrored(p.Config.State) {
		l, err := open(ledger.Options{Path: p.Config.State.Path})
		if err != nil {
			return nil, err
		}
		return &heldState{ledger: l, release: func() error { return nil }}, nil
	}
	m, err := openMirror(p.Config.State, p.Config.HTTP.Listen)
	if err != nil {
		return nil, err
	}
	process := standby.New(standby.Options{
		Mirror: m, Path: p.Config.State.Path, Log: log, Plan: p.Config.Hash, Pulse: func() {}, Seed: seed,
		Open: func(context.Context) (*ledger.Ledger, error) {
			return ledger.OpenCache(ledger.Options{Path: p.Config.State.Path})
		},
	})
	l, term, release, err := process.Take(ctx)
	if err != nil {
		m.Close()
		switch {
		case errors.Is(err, mirror.ErrHeld):
			err = &standbyError{fmt.Errorf("%w\nnext: run it there (a machine that was killed counts as active for 15 seconds)", err), machinesOf(process.State())}
		case errors.Is(err, standby.ErrEmpty):
			err = noState(p.Config.State)
		default:
			err = advised(err)
		}
		return nil, err
	}
	return &heldState{l, term, process, func() error { defer m.Close(); return release() }}, nil
}
