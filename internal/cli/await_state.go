package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/plan"
)

const (
	// stateTry is how long a starting daemon waits for the state file before it looks again whether another daemon has it, and whether
	// it is to stop.
	stateTry = time.Second
	// stateExtends is the time for which each try extends systemd's start timeout.
	stateExtends = time.Minute
	// stateReminds is how often it is logged that the daemon still waits.
	stateReminds = time.Minute
)

// openState opens the state file of a starting daemon. Where a command has it open, such as a backup, it waits, says for what, and keeps
// systemd from giving the start up. A daemon that has it is an error, [ledger.ErrInUse]: it answers where the configuration says. The
// error is that of ctx once that ends.
func openState(ctx context.Context, g *globals, plan *plan.Plan, log *zap.Logger, super *supervisor) (*ledger.Ledger, error) {
	path := plan.Config.State.Path
	began := time.Now()
	l, err := ledger.Open(ledger.Options{Path: path})
	var said time.Time
	for errors.Is(err, ledger.ErrInUse) {
		if c, unsure := find(ctx, g); c != nil || unsure != nil && ctx.Err() == nil {
			return nil, err
		}
		if stop := ctx.Err(); stop != nil {
			return nil, fmt.Errorf("stopped while waiting for the state file: %w", stop)
		}
		who := holderOf(path)
		if time.Since(said) > stateReminds {
			said = time.Now()
			log.Warn("rowtap waits: "+who+" has the state file open", zap.String("state", path),
				zap.Duration("waited", time.Since(began).Round(time.Second)),
				zap.String("next", "wait until it ends, or find and stop it: fuser -v "+path))
		}
		super.waiting("waiting for the state file, which " + who + " has open")
		l, err = ledger.Open(ledger.Options{Path: path, Timeout: stateTry})
	}
	if err == nil && !said.IsZero() {
		log.Info("the state file is free")
	}
	return l, err
}

// holderOf names the process that has the state file locked.
func holderOf(path string) string {
	pid, program := ledger.Holder(path)
	if pid == 0 {
		return "another program"
	}
	return fmt.Sprintf("process %d (%s)", pid, program)
}
