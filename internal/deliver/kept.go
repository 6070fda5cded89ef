package deliver

import (
	"context"
	"fmt"

	"github.com/cespare/xxhash/v2"
)

// PrintOf returns a hash of a record's JSON, which is not 0.
func PrintOf(record []byte) uint32 { return max(uint32(xxhash.Sum64(record)), 1) }

// keepRecipe has the ledger keep the recipe of a queue, and returns its version.
func (s *Sender) keepRecipe(ctx context.Context, q *queue) (uint64, error) {
	if q.version != 0 {
		return q.version, nil
	}
	text, err := q.recipe.Keep()
	if err != nil {
		return 0, fmt.Errorf("keep the recipe of zap %s: %w", q.recipe.Name, err)
	}
	q.version, err = s.opts.Ledger.KeepRecipe(ctx, q.recipe.Name, text)
	return q.version, err
}
