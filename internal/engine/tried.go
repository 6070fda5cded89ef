package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/cespare/xxhash/v2"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mapping"
)

// Records are not kept: that would double the ledger. A record is what a recipe makes of a row, and nothing else goes into it. So
// the ledger keeps the recipes, which are few, and of each delivery which one made its record, and a hash by which that is known again.

// Tried is the record of a delivery that was tried last, whatever came of it. Both fields are empty where none was.
type Tried struct {
	Record []byte // JSON, without what the zap hides
	Note   string // why there is none to be shown
}

// printOf returns a hash of a record's JSON, which is not 0.
func printOf(record []byte) uint32 { return max(uint32(xxhash.Sum64(record)), 1) }

// keepRecipe has the ledger keep the recipe of a queue, and returns its version.
func (s *sender) keepRecipe(ctx context.Context, q *queue) (uint64, error) {
	if q.version != 0 {
		return q.version, nil
	}
	text, err := q.recipe.Keep()
	if err != nil {
		return 0, fmt.Errorf("keep the recipe of zap %s: %w", q.recipe.Name, err)
	}
	q.version, err = s.engine.ledger.KeepRecipe(ctx, q.recipe.Name, text)
	return q.version, err
}

// tried makes the record of a delivery again that was tried last. r is the recipe in force, nil where there is none, and now what it
// makes of the delivery.
func (e *Engine) tried(ctx context.Context, d ledger.Delivery, r *Recipe, now Mapped) Tried {
	switch {
	case d.Print == 0 && d.InFlight:
		return Tried{Note: "it is under way, and is recorded with its answer"}
	case d.Print == 0 && d.MaybeTwice:
		return Tried{Note: "rowtap ended before its answer came, with which it would have been recorded"}
	case d.Print == 0:
		return Tried{}
	case now.Record != nil && now.print == d.Print:
		return Tried{Record: now.Record}
	}
	text, ok, err := e.ledger.Recipe(ctx, d.Zap, d.Recipe)
	if err != nil {
		return Tried{Note: err.Error()}
	}
	if !ok {
		return Tried{Note: "the zap file has changed many times since, and is no longer kept as it was then"}
	}
	then, err := recompiled(d.Zap, text)
	if err != nil {
		return Tried{Note: "this version of rowtap does not read the zap file as it was then: " + firstOf(err)}
	}
	if r == nil {
		r = then
	}
	return then.again(d, r)
}

// again makes the record of a delivery as it was tried, without what the recipe of now hides.
func (r *Recipe) again(d ledger.Delivery, now *Recipe) Tried {
	other := Tried{Note: "the row has been edited in the sheet since, or this version of rowtap maps it otherwise"}
	nth, ok := r.actionOf(d)
	if !ok {
		return other
	}
	bound, err := r.Mapping.Bind(now.headerOf(d))
	if err != nil {
		return other
	}
	record, keep, err := bound.Record(nth, d.Row, mappingContext(d))
	if err != nil || !keep || printOf(record.JSON) != d.Print {
		return other
	}
	hidden := mapping.Hidden(now.headerOf(d), now.Redact)
	if len(hidden) == 0 {
		return Tried{Record: record.JSON}
	}
	shown, err := bound.Shown(nth, d.Row, mappingContext(d), hidden)
	if err != nil {
		return Tried{Note: "it cannot be shown without the cells that the zap hides: " + problemOf(err).Message}
	}
	return Tried{Record: shown}
}

// recompiled makes a recipe of a version that the ledger has kept. It has no accounts, and maps alone.
func recompiled(name string, text []byte) (*Recipe, error) {
	z, err := config.ReadKept(name, text)
	if err != nil {
		return nil, err
	}
	m, err := mapping.Compile(z)
	if err != nil {
		return nil, err
	}
	return &Recipe{Zap: z, Mapping: m}, nil
}

// firstOf returns what an error says, of mistakes in a file the first.
func firstOf(err error) string {
	if all, ok := errors.AsType[config.Diagnostics](err); ok && len(all) > 0 {
		return all[0].Message
	}
	return err.Error()
}
