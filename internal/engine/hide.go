package engine

import (
	"context"
	"errors"
	"slices"
	"sync"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mapping"
)

// secrecy says what of a zap's rows is not to be shown.
type secrecy struct {
	all      bool // nobody knows what is to be hidden
	columns  []string
	recipe   *Recipe // that names them
	identity bool    // shows cells that are hidden
}

func (r *Recipe) secrecy() secrecy {
	return secrecy{columns: r.Redact, recipe: r, identity: slices.ContainsFunc(r.Redact, func(c string) bool {
		return slices.Contains(r.Mapping.IdentityColumns(), c)
	})}
}

// gone remembers which zaps of the ledger a plan does not have, and what is hidden of them.
type gone struct {
	mu    sync.Mutex
	plan  *Plan
	zaps  map[string]secrecy
	names []string // nil: not listed yet
}

// of forgets what it knows of another plan; g.mu is held.
func (g *gone) of(plan *Plan) {
	if g.plan != plan {
		g.plan, g.zaps, g.names = plan, map[string]secrecy{}, nil
	}
}

// forget has the names listed again: a poll of a zap that was taken out meanwhile may have made it known to the ledger.
func (g *gone) forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.names = nil
}

// goneZaps returns the names of the zaps that the ledger knows and a plan does not have. Each first read asks, so they are listed once a
// plan: with ten thousand zaps listing them for each took minutes.
func (e *Engine) goneZaps(ctx context.Context, plan *Plan) ([]string, error) {
	e.gone.mu.Lock()
	defer e.gone.mu.Unlock()
	e.gone.of(plan)
	if e.gone.names != nil {
		return e.gone.names, nil
	}
	names, err := e.ledger.Zaps(ctx)
	if err != nil {
		return nil, err
	}
	e.gone.names = slices.DeleteFunc(append([]string{}, names...), func(name string) bool { return plan.Recipe(name) != nil })
	return e.gone.names, nil
}

// keepGone has the ledger keep what a new plan no longer has, for what it hides.
func (e *Engine) keepGone(ctx context.Context, plan *Plan) {
	for _, r := range e.current().Recipes {
		if plan.Recipe(r.Name) != nil {
			continue
		}
		text, err := r.Keep()
		if err == nil {
			_, err = e.ledger.KeepRecipe(context.WithoutCancel(ctx), r.Name, text)
		}
		if err != nil && !errors.Is(err, ledger.ErrUnknown) {
			e.log.Warn("what the zap hid is not known any more, so that its rows are not shown: "+err.Error(), zap.String("zap", r.Name))
		}
	}
}

// secrecyOf returns what a zap hides. One that has been taken out of the configuration hides what its last recipe hid that is known,
// and where none is, everything.
func (e *Engine) secrecyOf(ctx context.Context, name string) secrecy {
	plan := e.current()
	if r := plan.Recipe(name); r != nil {
		return r.secrecy()
	}
	e.gone.mu.Lock()
	defer e.gone.mu.Unlock()
	e.gone.of(plan)
	h, ok := e.gone.zaps[name]
	if ok {
		return h
	}
	h = secrecy{all: true, identity: true}
	text, ok, err := e.ledger.NewestRecipe(ctx, name)
	if err != nil {
		return h // it is asked for again
	}
	if ok {
		if r, err := recompiled(name, text); err == nil {
			h = r.secrecy()
		}
	}
	e.gone.zaps[name] = h
	return h
}

// Hidden returns which cells of a delivery, counted from 0, are not to be shown.
func (e *Engine) Hidden(ctx context.Context, d ledger.Delivery) map[int]bool {
	h := e.secrecyOf(ctx, d.Zap)
	if !h.all {
		return mapping.Hidden(h.recipe.headerOf(d), h.columns)
	}
	hidden := map[int]bool{}
	for i := range d.Row.Cells {
		hidden[i] = true
	}
	return hidden
}

// HidesIdentity tells whether a zap's identities show cells that are not to be shown.
func (e *Engine) HidesIdentity(ctx context.Context, name string) bool {
	return e.secrecyOf(ctx, name).identity
}
