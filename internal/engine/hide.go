package engine

import (
	"context"
	"sync"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/plan"
	"github.com/rowtap/rowtap/internal/row"
)

// secrecy is the parts of a zap's rows that must not be shown.
type secrecy struct {
	ledger.Hides              // if not known, everything is hidden
	recipe       *plan.Recipe // in force; nil: the zap is not in the configuration
}

// headerOf returns the header of stored rows with the names by which columns are hidden.
func (s secrecy) headerOf(stored row.Header) row.Header {
	if s.recipe == nil {
		return stored
	}
	return s.recipe.HeaderOf(ledger.Delivery{Header: stored})
}

// removedZaps caches what the zaps hide that the ledger has and the plan does not.
type removedZaps struct {
	mu   sync.Mutex
	plan *plan.Plan
	zaps map[string]secrecy
}

// resetFor clears the cache if the plan has changed. The caller holds r.mu.
func (r *removedZaps) resetFor(plan *plan.Plan) {
	if r.plan != plan {
		r.plan, r.zaps = plan, map[string]secrecy{}
	}
}

// keepHides stores in the ledger what the zaps of plans hide, for when they are removed. If several
// plans have a zap, the last one counts.
func (e *Engine) keepHides(ctx context.Context, plans ...*plan.Plan) {
	hides := map[string]ledger.Hides{}
	for _, p := range plans {
		for _, r := range p.Recipes {
			hides[r.Name] = r.Hides()
		}
	}
	if err := e.ledger.KeepHides(context.WithoutCancel(ctx), hides); err != nil {
		e.log.Warn("redacted columns of the zaps not recorded", zap.Error(err))
	}
}

// secrecyOf returns what a zap hides. A zap that was removed from the configuration hides what it
// hid last, or everything if that is not known.
func (e *Engine) secrecyOf(ctx context.Context, name string) secrecy {
	plan := e.current()
	if r := plan.Recipe(name); r != nil {
		return secrecy{Hides: r.Hides(), recipe: r}
	}
	e.removed.mu.Lock()
	defer e.removed.mu.Unlock()
	e.removed.resetFor(plan)
	h, ok := e.removed.zaps[name]
	if ok {
		return h
	}
	stored, _, err := e.ledger.Zap(ctx, name)
	if err != nil {
		return secrecy{} // not cached
	}
	h = secrecy{Hides: stored.Hides}
	e.removed.zaps[name] = h
	return h
}

// Hidden returns the cells of a delivery, 0-based, that must not be shown.
func (e *Engine) Hidden(ctx context.Context, d ledger.Delivery) map[int]bool {
	h := e.secrecyOf(ctx, d.Zap)
	if h.Known {
		return mapping.Hidden(h.headerOf(d.Header), h.Columns)
	}
	hidden := map[int]bool{}
	for i := range d.Row.Cells {
		hidden[i] = true
	}
	return hidden
}

// HidesIdentity reports whether a zap's identities contain cells that must not be shown.
func (e *Engine) HidesIdentity(ctx context.Context, name string) bool {
	h := e.secrecyOf(ctx, name)
	return h.Identity || !h.Known
}
