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

// Rename gives all that the ledger keeps of a zap to another name, and loads the configuration, in which the old name must be
// gone. Both are one step, for between them the zap would start anew under one of the names. Polls of both names wait, and
// so does Rename for the uploads of the old one that are under way. The files are read again after that wait, so that a reload in
// between stays in force.
func (e *Engine) Rename(ctx context.Context, oldName, newName string) error {
	_, known, err := e.ledger.Zap(ctx, oldName)
	if err != nil {
		return err
	}
	if !known {
		return e.noZap("rename", oldName)
	}
	if _, err := e.planWithout(oldName, newName); err != nil { // before anybody waits
		return err
	}
	const patience = 2 * time.Minute // more than an upload may take
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
	e.log.Info("renamed", zap.String("zap", newName), zap.String("was", oldName))
	e.sender.Renamed(newName)
	e.swap(ctx, plan)
	e.poller.Renamed(oldName, newName)
	return nil
}

// NameTaken says what to do where the new name of a zap has had rows. Under its old name the zap must not run again: it would send
// what the other has sent.
func NameTaken(oldName, newName string) string {
	return fmt.Sprintf("if %s is another zap, choose another name; if it is %s, which went on under its new name: its rows stay kept and unsent under the old one "+
		"(rowtap history %s); do not give it the old name again, which sends what was sent since", newName, oldName, oldName)
}

// planWithout loads the configuration, in which the old name of a zap must be gone.
func (e *Engine) planWithout(oldName, newName string) (*plan.Plan, error) {
	plan, err := e.opts.Load()
	if err != nil {
		return nil, fmt.Errorf("nothing is renamed: the configuration is refused, the old one goes on:\n%w", err)
	}
	if r := plan.Recipe(oldName); r != nil {
		return nil, &hint.Error{
			Err:  fmt.Errorf("rename %s: the configuration still has a zap of that name, which would start anew: %s", oldName, r.File),
			Hint: fmt.Sprintf("rename the file, or write name: %s into it; then: rowtap state rename %s %s", newName, oldName, newName),
		}
	}
	return plan, nil
}

// Configured tells whether the configuration in force has a zap of that name.
func (e *Engine) Configured(name string) bool { return e.current().Recipe(name) != nil }
