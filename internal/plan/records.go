package plan

import (
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/row"
)

// Binder caches the mapping bound to the header of the last row, because most rows of a queue share
// it. It serves one recipe. The zero value is ready to use.
type Binder struct {
	header row.Header
	bound  *mapping.Bound
	hidden map[int]bool // columns in the recipe's redact
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

// Sending returns a delivery and its record as the ledger stores it, without the cells that the
// recipe redacts. Call Bind for the same delivery first.
func (b *Binder) Sending(d ledger.Delivery, record mapping.Record) ledger.Sending {
	shown, origins := mapping.Redact(record.JSON, record.Origins, b.hidden)
	return ledger.Sending{Delivery: d, Record: ledger.SentRecord{JSON: shown, Header: b.header, Origins: origins}}
}

// Hides returns which columns of the recipe's rows must not be shown.
func (r *Recipe) Hides() ledger.Hides {
	identity := r.Mapping.IdentityColumns()
	return ledger.Hides{Known: true, Columns: r.Redact, Identity: slices.ContainsFunc(r.Redact, func(c string) bool { return slices.Contains(identity, c) })}
}

// IdentityVersion returns a number that changes whenever [Binder.Identity] may return something else
// for a delivery that was not sent: with the actions, their identities, the last header and the
// release.
func (r *Recipe) IdentityVersion(release string) uint64 {
	h := xxhash.New()
	add := func(text string) { _, _ = h.WriteString(text + "\x00") }
	add(release)
	for _, a := range r.Actions {
		add(a.Name)
		add(string(a.IDKind))
		add(a.ID.Text)
	}
	if seen := r.Seen(); seen != nil {
		for _, name := range seen.Names() {
			add(name)
		}
		for _, name := range seen.FormerNames() {
			add(name)
		}
	}
	return h.Sum64()
}

// Identity returns the identity of a delivery: as it was sent, otherwise as the recipe makes it
// now; "" if it has none. If r is nil, only deliveries that were sent have one.
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

// MappingContext returns the context for mapping a delivery's row.
func MappingContext(d ledger.Delivery) mapping.Context {
	zone, ok := row.Zone(d.Zone)
	if !ok {
		zone = time.UTC // Readable rejects such a spreadsheet
	}
	return mapping.Context{Zone: zone, DetectedAt: d.DetectedAt}
}

// Repeatable reports whether sending a delivery twice does no harm, for the nth action. It is false
// if the record cannot be made.
func Repeatable(r *Recipe, nth int, d ledger.Delivery) bool {
	var b Binder
	bound, err := b.Bind(r, d)
	if err != nil {
		return false
	}
	record, _, err := bound.Record(nth, d.Row, MappingContext(d))
	return err == nil && record.Repeatable
}

// ProblemOf converts a mapping error to the problem of a delivery.
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
