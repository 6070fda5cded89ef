package engine

import (
	"context"

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
	if r := e.current().Recipe(name); r != nil {
		return secrecy{Hides: r.Hides(), recipe: r}
	}
	if hides, ok := e.removed.Load(name); ok {
		return secrecy{Hides: hides.(ledger.Hides)}
	}
	stored, _, err := e.ledger.Zap(ctx, name)
	if err != nil {
		return secrecy{} // not cached
	}
	e.removed.Store(name, stored.Hides)
	return secrecy{Hides: stored.Hides}
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
