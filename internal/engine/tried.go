package engine

import (
	"context"
	"slices"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mapping"
)

// Tried is the record of a delivery that was last uploaded, whatever its outcome. Both fields are
// empty if there was none.
type Tried struct {
	Record []byte // JSON, without the columns that the zap hid then or hides now
	Note   string // why no record can be shown
}

// tried returns the record of a delivery that was last uploaded.
func (e *Engine) tried(ctx context.Context, d ledger.Delivery) Tried {
	record, ok, err := e.ledger.SentRecord(ctx, d.Zap, d.Number)
	switch {
	case err != nil:
		return Tried{Note: err.Error()}
	case ok:
		shown, _ := mapping.Redact(record.JSON, record.Origins, e.hiddenIn(ctx, d.Zap, record))
		return Tried{Record: shown}
	case d.InFlight, d.MaybeTwice, d.Attempts > 0, d.Answer != nil, d.State.Accepted():
		return Tried{Note: "not kept by the version of rowtap that sent it"}
	}
	return Tried{}
}

// hiddenIn returns the columns of a stored record that must not be shown. These are all of them if
// the zap hides a column that the record's header does not have, because the column may have had
// another name then.
func (e *Engine) hiddenIn(ctx context.Context, name string, record ledger.SentRecord) map[int]bool {
	h := e.secrecyOf(ctx, name)
	header := h.headerOf(record.Header)
	unknown := func(column string) bool { return len(mapping.Hidden(header, []string{column})) == 0 }
	if h.Known && !slices.ContainsFunc(h.Columns, unknown) {
		return mapping.Hidden(header, h.Columns)
	}
	hidden := map[int]bool{}
	for _, part := range record.Origins {
		for _, i := range part.Columns {
			hidden[i] = true
		}
	}
	return hidden
}
