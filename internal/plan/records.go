package plan

import (
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/row"
)

// Binder keeps the mapping bound to the header of the row before, since most rows of a queue share
// it. It serves one recipe; the zero value is ready for use.
type Binder struct {
	header row.Header
	bound  *mapping.Bound
	hidden map[int]bool // columns that the recipe redacts
}

// Bind binds a recipe's mapping to the header of a delivery's row.
func (b *Binder) Bind(r *Recipe, d ledger.Delivery) (*mapping.Bound, error) {
	header := r.HeaderOf(d)
	if b.bound != nil && b.header.Equal(header) {
		return b.bound, nil
	}
	bound, err := r.Mapping.Bind(header)
	if err != nil {
		return nil, err
	}
	b.header, b.bound, b.hidden = header, bound, mapping.Hidden(header, r.Redact)
	return bound, nil
}

// Sending returns a delivery and its record as the ledger keeps it, without what the recipe
// redacts. It follows Bind for the same delivery.
func (b *Binder) Sending(d ledger.Delivery, record mapping.Record) ledger.Sending {
	shown, origins := mapping.Redact(record.JSON, record.Origins, b.hidden)
	return ledger.Sending{Delivery: d, Record: ledger.SentRecord{JSON: shown, Header: b.header, Origins: origins}}
}

// Hides returns which columns of the recipe's rows are not to be shown.
func (r *Recipe) Hides() ledger.Hides {
	identity := r.Mapping.IdentityColumns()
	return ledger.Hides{Known: true, Columns: r.Redact, Identity: slices.ContainsFunc(r.Redact, func(c string) bool { return slices.Contains(identity, c) })}
}

// Identity returns the identity of a delivery: as it was sent, else as the recipe makes it now; ""
// where it has none. Without a recipe (nil) only what was sent has one.
func (b *Binder) Identity(r *Recipe, d ledger.Delivery) string {
	if d.Identity != "" {
		return d.Identity
	}
	if r == nil {
		return ""
	}
	nth, ok := r.ActionOf(d)
	if !ok {
		return ""
	}
	bound, err := b.Bind(r, d)
	if err != nil {
		return ""
	}
	id, err := bound.Identity(nth, d.Row, MappingContext(d))
	if err != nil {
		return ""
	}
	return id
}

// MappingContext returns the context in which a delivery's row is mapped.
func MappingContext(d ledger.Delivery) mapping.Context {
	zone, ok := row.Zone(d.Zone)
	if !ok {
		zone = time.UTC // Readable refuses such a spreadsheet
	}
	return mapping.Context{Zone: zone, DetectedAt: d.DetectedAt}
}

// Repeatable tells whether a delivery may arrive twice without harm, for the nth action. One whose
// record cannot be made may not.
func Repeatable(r *Recipe, nth int, d ledger.Delivery) bool {
	var b Binder
	bound, err := b.Bind(r, d)
	if err != nil {
		return false
	}
	record, _, err := bound.Record(nth, d.Row, MappingContext(d))
	return err == nil && record.Repeatable
}

// ProblemOf returns a mapping's error as a delivery shows it.
func ProblemOf(err error) *ledger.Problem {
	if wrong, ok := errors.AsType[*mapping.RowError](err); ok {
		first := &ledger.Problem{}
		last := first
		for one := range wrong.All() {
			p := &ledger.Problem{Message: one.Message, Column: one.Column, Hint: one.Hint}
			if one.Code != 0 {
				p.Code = strconv.Itoa(one.Code)
			}
			last.Next, last = p, p
		}
		return first.Next
	}
	return &ledger.Problem{Message: err.Error(), Hint: hint.Of(err)}
}
