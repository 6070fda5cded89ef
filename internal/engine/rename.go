package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/plan"
)

// Rename gives everything that the ledger has of a zap to another name and loads the configuration,
// which must no longer have the old name. Both are one step, because in between the zap would start
// from scratch under one of the names. Polls of both names wait, and Rename waits for the old zap's
// uploads in flight. The files are read again after that wait, so that a reload during it stays in
// force.
func (e *Engine) Rename(ctx context.Context, oldName, newName string) error {
	_, known, err := e.ledger.Zap(ctx, oldName)
	if err != nil {
		return err
	}
	if !known {
		return e.noZap("rename", oldName)
	}
	if _, err := e.planWithout(oldName, newName); err != nil { // before anything waits
		return err
	}
	const patience = 2 * time.Minute // longer than an upload may take
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	release, err := e.claims.StandStill(ctx, oldName, newName)
	if err != nil {
		return fmt.Errorf("rename %s: %w", oldName, err)
	}
	defer func() {
		release()
		e.sender.Look(oldName, true)
		e.sender.Look(newName, true)
	}()
	e.loading.Lock()
	defer e.loading.Unlock()
	plan, err := e.planWithout(oldName, newName)
	if err != nil {
		return err
	}
	if err := e.ledger.Rename(ctx, oldName, newName); err != nil {
		if errors.Is(err, ledger.ErrExists) {
			err = &hint.Error{Err: err, Hint: NameTaken(oldName, newName)}
		}
		return err
	}
	if err := e.loadTimers(ctx); err != nil {
		e.log.Error("timers of pauses not read", zap.Error(err))
	}
	e.log.Info("renamed", zap.String("zap", newName), zap.String("was", oldName))
	e.sender.Renamed(newName)
	e.swap(ctx, plan)
	e.poller.Renamed(oldName, newName)
	return nil
}

// NameTaken returns what to do if the new name of a zap already has rows. The zap must not run
// under its old name again: it would send again what was sent under the new one.
func NameTaken(oldName, newName string) string {
	return fmt.Sprintf("if %s is a different zap, choose another name; if it is %s under its new name, the old rows stay unsent under the old name "+
		"(rowtap history %s); do not give it the old name again, which would send rows a second time", newName, oldName, oldName)
}

// planWithout loads the configuration, which must no longer have the old name of a zap.
func (e *Engine) planWithout(oldName, newName string) (*plan.Plan, error) {
	plan, err := e.opts.Load()
	if err != nil {
		return nil, fmt.Errorf("nothing is renamed: invalid configuration; the current one stays in force:\n%w", err)
	}
	if r := plan.Recipe(oldName); r != nil {
		return nil, &hint.Error{
			Err:  fmt.Errorf("rename %s: the configuration still has a zap of that name: %s", oldName, r.File),
			Hint: fmt.Sprintf("rename the file, or write name: %s in it; then: rowtap state rename %s %s", newName, oldName, newName),
		}
	}
	return plan, nil
}

// Configured reports whether the configuration in force has a zap of that name.
func (e *Engine) Configured(name string) bool { return e.current().Recipe(name) != nil }
