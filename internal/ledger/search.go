package ledger

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Found is the result of a search.
type Found struct {
	Deliveries []Delivery // newest first
	// Before is the Query.Before that continues the search; "" if it is complete.
	Before string
	// Through is the detection time of the last deliveries examined.
	Through time.Time
}

// Search lists the deliveries of one zap like [Ledger.Deliveries] until it has q.Limit of them or
// goOn, called before each chunk of 1,000, returns false. With an identity, in lower case, it omits
// deliveries sent with an identity that does not contain it, but not those that have no identity
// yet. Neither identities nor rows have an index, so a search reads everything on its way.
func (l *Ledger) Search(ctx context.Context, q Query, identity string, goOn func() bool) (Found, error) {
	streams, err := l.streams(ctx, q)
	if err != nil {
		return Found{}, fmt.Errorf("search deliveries of zap %s: %w", q.Zap, err)
	}
	s := streams[0]
	s.identity = identity
	var found Found
	for s.below > 1 && len(found.Deliveries) < q.Limit && goOn() {
		if err := s.read(ctx, q.Limit-len(found.Deliveries)); err != nil {
			return Found{}, fmt.Errorf("search deliveries of zap %s: %w", q.Zap, err)
		}
		for _, one := range s.ready {
			found.Deliveries = append(found.Deliveries, one.Delivery)
		}
		s.ready = s.ready[:0]
	}
	if s.below > 1 {
		found.Before, found.Through = Delivery{Zap: q.Zap, Number: s.below}.ID(), s.through
	}
	return found, nil
}

// of reports whether an entry matches the search, as far as the entry alone can tell.
func (s *stream) of(e *entry) bool {
	q := s.query
	return (q.State == 0 || e.state == q.State) && e.commit <= s.until && q.during(timeOf(e.updated)) &&
		(s.identity == "" || e.identity == "" || strings.Contains(strings.ToLower(e.identity), s.identity)) &&
		(q.Identity == "" || e.identity == "" || foldIdentity(e.identity) == s.wanted) &&
		(q.Error == "" || saysError(e.problem, e.reason, s.error))
}

// during reports whether a delivery that was last updated at a time is selected.
func (q Query) during(updated time.Time) bool {
	return (q.Since.IsZero() || !updated.Before(q.Since)) && (q.Until.IsZero() || updated.Before(q.Until))
}

// saysError reports whether an error or a reason contains a text, which is in lower case.
func saysError(p *Problem, reason, text string) bool {
	for one := range p.All() {
		if strings.Contains(strings.ToLower(one.Text()), text) {
			return true
		}
	}
	return strings.Contains(strings.ToLower(reason), text)
}

// Selects reports whether a delivery matches Since, Until and Error.
func (q Query) Selects(d Delivery) bool {
	return q.during(d.UpdatedAt) && (q.Error == "" || saysError(d.Problem, d.Reason, strings.ToLower(q.Error)))
}
