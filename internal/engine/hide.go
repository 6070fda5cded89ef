package engine

import (
	"context"
	"errors"
	"slices"
	"sync"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/plan"
)

// secrecy says what of a zap's rows is not to be shown.
type secrecy struct {
	all      bool // nobody knows what is to be hidden
	columns  []string
	recipe   *plan.Recipe // that names them
	identity bool         // shows cells that are hidden
}

func secretsOf(r *plan.Recipe) secrecy {
	return secrecy{columns: r.Redact, recipe: r, identity: slices.ContainsFunc(r.Redact, func(c string) bool {
		return slices.Contains(r.Mapping.IdentityColumns(), c)
	})}
}

// gone remembers which zaps of the ledger a plan does not have, and what is hidden of them.
type gone struct {
	mu   sync.Mutex
	plan *plan.Plan
	zaps map[string]secrecy
}

// of forgets what it knows of another plan; g.mu is held.
func (g *gone) of(plan *plan.Plan) {
	if g.plan != plan {
		g.plan, g.zaps = plan, map[string]secrecy{}
	}
}

// keepGone has the ledger keep what a new plan no longer has, for what it hides.
func (e *Engine) keepGone(ctx context.Context, plan *plan.Plan) {
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
		return secretsOf(r)
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
			h = secretsOf(r)
		}
	}
	e.gone.zaps[name] = h
	return h
}

// Hidden returns which cells of a delivery, counted from 0, are not to be shown.
func (e *Engine) Hidden(ctx context.Context, d ledger.Delivery) map[int]bool {
	h := e.secrecyOf(ctx, d.Zap)
	if !h.all {
		return mapping.Hidden(h.recipe.HeaderOf(d), h.columns)
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
