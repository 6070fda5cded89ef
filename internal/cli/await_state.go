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
	// stateTry is how long a starting daemon waits for the lock of the state file before it checks
	// again whether another daemon has it, and whether it must stop.
	stateTry = time.Second
	// stateExtends is by how much each try extends systemd's start timeout.
	stateExtends = time.Minute
	// stateReminds is how often the log repeats that the daemon waits.
	stateReminds = time.Minute
)

// openState opens the state file of a starting daemon. While a command such as a backup has it
// open, it waits, logs the process, and extends systemd's start timeout. If another daemon has it,
// which then answers at http.listen, the error is [ledger.ErrInUse]. Once ctx is done, the error is
// that of ctx.
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
			log.Warn("waiting for another process that has the state file open", zap.String("process", who), zap.String("state", path),
				zap.Duration("waited", time.Since(began).Round(time.Second)),
				zap.String("next", "wait until it ends, or find and stop it: fuser -v "+path))
		}
		super.waiting("waiting for the state file, which " + who + " has open")
		l, err = ledger.Open(ledger.Options{Path: path, Timeout: stateTry})
	}
	if err == nil && !said.IsZero() {
		log.Info("state file is free")
	}
	return l, err
}

// holderOf returns the process that has locked the state file, in words.
func holderOf(path string) string {
	pid, program := ledger.Holder(path)
	if pid == 0 {
		return "another program"
	}
	return fmt.Sprintf("process %d (%s)", pid, program)
}
