package engine

import (
	"context"
	"io"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/plan"
)

// Known reports whether the configuration has a zap of that name, or the ledger has a removed one.
func (e *Engine) Known(ctx context.Context, name string) (bool, error) {
	if e.current().Recipe(name) != nil {
		return true, nil
	}
	_, known, err := e.ledger.Zap(ctx, name)
	return known, err
}

// StoredZap returns what the ledger stores of a zap apart from its rows, or the zero value for an
// unknown zap.
func (e *Engine) StoredZap(ctx context.Context, name string) (ledger.Zap, error) {
	stored, _, err := e.ledger.Zap(ctx, name)
	return stored, err
}

// Sum changes when any delivery of a zap changes, like [ledger.Ledger.Sum].
func (e *Engine) Sum(ctx context.Context, name string) (uint64, error) {
	return e.ledger.Sum(ctx, name)
}

// Stored returns a delivery as it is in the ledger. [Engine.Delivery] also maps it.
func (e *Engine) Stored(ctx context.Context, name string, n uint64) (ledger.Delivery, bool, error) {
	return e.ledger.Delivery(ctx, name, n)
}

// EachDelivery calls fn for deliveries, newest first, like [ledger.Ledger.Each].
// With an identity it also finds deliveries that were not sent, by the current mapping, but none of
// zaps that hide their identities.
func (e *Engine) EachDelivery(ctx context.Context, q ledger.Query, fn func(ledger.Delivery) error) error {
	if q.Identity != "" {
		q.Identify = e.identify(ctx)
	}
	return e.ledger.Each(ctx, q, fn)
}

// Search finds deliveries of a zap, like [ledger.Ledger.Search].
func (e *Engine) Search(ctx context.Context, q ledger.Query, identity string, goOn func() bool) (ledger.Found, error) {
	return e.ledger.Search(ctx, q, identity, goOn)
}

// Backup writes a copy of the state, like [ledger.Ledger.Backup].
func (e *Engine) Backup(ctx context.Context, w io.Writer) error {
	_, err := e.ledger.Backup(ctx, w)
	return err
}

// CheckState reads the entire state. It returns the damage found or, without any, the names of the
// zaps.
func (e *Engine) CheckState(ctx context.Context) (zaps []string, wrong []ledger.Damage, err error) {
	if wrong, err = e.ledger.Check(ctx); err == nil && len(wrong) == 0 {
		zaps, err = e.ledger.Zaps(ctx)
	}
	return zaps, wrong, err
}

// ZapFile returns the file of a zap in the configuration as it is on disk; ok is false if there is
// no such zap.
func (e *Engine) ZapFile(name string) (f plan.ZapFile, ok bool) {
	p := e.current()
	r := p.Recipe(name)
	if r == nil {
		return f, false
	}
	return p.ZapFile(r), true
}
