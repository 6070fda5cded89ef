package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/ledger"
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
	release, err := e.standStill(ctx, oldName, newName)
	if err != nil {
		return fmt.Errorf("rename %s: %w", oldName, err)
	}
	defer release()
	e.loading.Lock()
	defer e.loading.Unlock()
	plan, err := e.planWithout(oldName, newName)
	if err != nil {
		return err
	}
	if err := e.ledger.Rename(ctx, oldName, newName); err != nil {
		if errors.Is(err, ledger.ErrExists) {
			err = &Hinted{Err: err, Hint: NameTaken(oldName, newName)}
		}
		return err
	}
	e.log.Info("renamed", zap.String("zap", newName), zap.String("was", oldName))
	e.sender.renamed(newName)
	e.swap(ctx, plan)
	for _, name := range []string{oldName, newName} { // a cursor in memory is that of the zap that had the name before
		e.memory.forget(name)
	}
	e.mu.Lock()
	if b := e.beats[newName]; b != nil {
		b.next, b.loaded, b.sheet, b.err = time.Time{}, false, nil, nil // its turn is ours
	}
	e.mu.Unlock()
	poke(e.wake)
	return nil
}

// NameTaken says what to do where the new name of a zap has had rows. Under its old name the zap must not run again: it would send
// what the other has sent.
func NameTaken(oldName, newName string) string {
	return fmt.Sprintf("if %s is another zap, choose another name; if it is %s, which went on under its new name: its rows stay kept and unsent under the old one "+
		"(rowtap history %s); do not give it the old name again, which sends what was sent since", newName, oldName, oldName)
}

// planWithout loads the configuration, in which the old name of a zap must be gone.
func (e *Engine) planWithout(oldName, newName string) (*Plan, error) {
	plan, err := e.opts.Load()
	if err != nil {
		return nil, fmt.Errorf("nothing is renamed: the configuration is refused, the old one goes on:\n%w", err)
	}
	if r := plan.Recipe(oldName); r != nil {
		return nil, &Hinted{
			Err:  fmt.Errorf("rename %s: the configuration still has a zap of that name, which would start anew: %s", oldName, r.File),
			Hint: fmt.Sprintf("rename the file, or write name: %s into it; then: rowtap state rename %s %s", newName, oldName, newName),
		}
	}
	return plan, nil
}

// standStill keeps zaps from being polled and sent until release. It waits for their polls and uploads under way.
func (e *Engine) standStill(ctx context.Context, names ...string) (release func(), err error) {
	const look = 20 * time.Millisecond
	slices.Sort(names) // two that want the same zaps must not wait for each other
	var held []chan struct{}
	release = func() {
		for i, turn := range held {
			e.mu.Lock()
			delete(e.still, names[i])
			e.mu.Unlock()
			e.sender.look(names[i], true)
			<-turn
		}
	}
	for _, name := range names {
		select {
		case e.turn(name) <- struct{}{}:
			held = append(held, e.turn(name))
		case <-ctx.Done():
			release()
			return nil, fmt.Errorf("a poll of %s is under way: %w", name, ctx.Err())
		}
		e.mu.Lock()
		e.still[name] = true
		e.mu.Unlock()
	}
	tick := time.NewTicker(look)
	defer tick.Stop()
	for _, name := range names {
		for e.uploading(name) {
			select {
			case <-tick.C:
			case <-ctx.Done():
				release()
				return nil, fmt.Errorf("uploads of %s are under way: %w", name, ctx.Err())
			}
		}
	}
	return release, nil
}

// turn returns what the polls of a zap take turns by.
func (e *Engine) turn(name string) chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.turns[name] == nil {
		e.turns[name] = make(chan struct{}, 1)
	}
	return e.turns[name]
}

func (e *Engine) uploading(name string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.flying[name] > 0
}

// depart counts an upload of a zap, until land; it returns false while the zap must stand still.
func (e *Engine) depart(name string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.still[name] {
		return false
	}
	e.flying[name]++
	return true
}

// land ends what depart began: the upload is recorded in the ledger, or was never made.
func (e *Engine) land(name string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.flying[name]--; e.flying[name] <= 0 {
		delete(e.flying, name)
	}
}

// Configured tells whether the configuration in force has a zap of that name.
func (e *Engine) Configured(name string) bool { return e.current().Recipe(name) != nil }
