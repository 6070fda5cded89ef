package cli

import (
	"cmp"
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

// heldState is a state that this process may change: the state file, or the copy of a state on
// PostgreSQL while this process is active.
type heldState struct {
	ledger  *ledger.Ledger
	term    *mirror.Term     // nil: the state is in a file
	process *standby.Process // nil: the state is in a file
	release func() error     // releases the lease
}

// close closes the state and releases the lease.
func (s *heldState) close() error { return errors.Join(s.ledger.Close(), s.release()) }

// resendAfter is how long rows that were in flight wait after a takeover: the maximum duration of
// an upload of the previous machine.
const resendAfter = 30 * time.Second

// options completes the options of an engine.
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

// isMirrored reports whether a state is on PostgreSQL.
func isMirrored(s config.State) bool { return s.Postgres.Reveal() != "" }

// openMirror opens the database of a configuration.
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

// advised adds its hint to an error or, if it has none, another next step; "": none.
func advised(err error, otherwise string) error {
	if next := cmp.Or(hint.Of(err), otherwise); next != "" {
		return fmt.Errorf("%w\nnext: %s", err, next)
	}
	return err
}

// stateFileExists returns an error if there is no state file, so that a command does not create it.
// A state on PostgreSQL needs none.
func stateFileExists(c *config.Config) error {
	if _, err := os.Stat(c.State.Path); errors.Is(err, fs.ErrNotExist) && !isMirrored(c.State) {
		return fmt.Errorf("the daemon is not running, and there is no state file %s yet\nnext: %s", c.State.Path, environmentOf(c.Dir).start())
	}
	return nil
}

// take opens the state for a command that works without a daemon. If another machine is active, it
// returns [mirror.ErrHeld].
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
			err = advised(err, "")
		}
		return nil, err
	}
	return &heldState{l, term, process, func() error { defer m.Close(); return release() }}, nil
}
