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
	return (s.query.State == 0 || e.state == s.query.State) && e.commit <= s.until &&
		(s.identity == "" || e.identity == "" || strings.Contains(strings.ToLower(e.identity), s.identity))
}
