package poll

import (
	"context"
	"slices"
	"sync"

	"github.com/rowtap/rowtap/internal/plan"
)

// removed caches the names of zaps that are in the ledger but not in the plan. Every first read
// needs them; with ten thousand zaps, listing them for each read took minutes.
type removed struct {
	mu    sync.Mutex
	plan  *plan.Plan
	names []string
}

// zaps returns the names of the removed zaps.
func (r *removed) zaps(ctx context.Context, current *plan.Plan, list func(context.Context) ([]string, error)) ([]string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.plan == current {
		return r.names, nil
	}
	names, err := list(ctx)
	if err != nil {
		return nil, err
	}
	r.plan = current
	r.names = slices.DeleteFunc(names, func(name string) bool { return current.Recipe(name) != nil })
	return r.names, nil
}

// forget drops the cached names. Call it after a poll of a zap that was removed during the poll,
// which may have added it to the ledger.
func (r *removed) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.plan = nil
}
