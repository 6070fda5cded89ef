package engine

import (
	"context"
	"io"

	"github.com/rowtap/rowtap/internal/ledger"
)

// Known tells whether the configuration has a zap of that name, or the ledger of one that was removed.
func (e *Engine) Known(ctx context.Context, name string) (bool, error) {
	if e.current().Recipe(name) != nil {
		return true, nil
	}
	_, known, err := e.ledger.Zap(ctx, name)
	return known, err
}

// Kept returns what the ledger keeps of a zap apart from its rows; the zero value for a zap that it does not know.
func (e *Engine) Kept(ctx context.Context, name string) (ledger.Zap, error) {
	kept, _, err := e.ledger.Zap(ctx, name)
	return kept, err
}

// Stored returns a delivery as the ledger has it, without what the mapping makes of it now ([Engine.Delivery]).
func (e *Engine) Stored(ctx context.Context, name string, n uint64) (ledger.Delivery, bool, error) {
	return e.ledger.Delivery(ctx, name, n)
}

// EachDelivery calls fn for deliveries, newest first, as [ledger.Ledger.Each] does.
func (e *Engine) EachDelivery(ctx context.Context, q ledger.Query, fn func(ledger.Delivery) error) error {
	return e.ledger.Each(ctx, q, fn)
}

// Search looks for deliveries of a zap, as [ledger.Ledger.Search] does.
func (e *Engine) Search(ctx context.Context, q ledger.Query, identity string, goOn func() bool) (ledger.Found, error) {
	return e.ledger.Search(ctx, q, identity, goOn)
}

// Backup writes a copy of the state, as [ledger.Ledger.Backup] does.
func (e *Engine) Backup(ctx context.Context, w io.Writer) error {
	_, err := e.ledger.Backup(ctx, w)
	return err
}

// CheckState reads the whole state file. It returns what is damaged or, if nothing is, the names of the zaps.
func (e *Engine) CheckState(ctx context.Context) (zaps []string, wrong []ledger.Damage, err error) {
	if wrong, err = e.ledger.Check(ctx); err == nil && len(wrong) == 0 {
		zaps, err = e.ledger.Zaps(ctx)
	}
	return zaps, wrong, err
}
