package ledger

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Found is what a search has come to.
type Found struct {
	Deliveries []Delivery // newest first
	// Before is what the Query's Before is to be for the search to go on, "" where everything has been looked at.
	Before string
	// Through is when the deliveries were detected that were looked at last.
	Through time.Time
}

// Search lists the deliveries of one zap like [Ledger.Deliveries], until there are q.Limit of them or goOn says that it is enough: it
// is asked before each thousand. With an identity, in lower case, those are left out that were sent with one which does not have it as
// a part; those that have none yet are not. Neither identities nor rows have an index: a search reads all that it goes past.
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

// of tells whether an entry is one that is searched for, as far as it tells by itself.
func (s *stream) of(e *entry) bool {
	return (s.query.State == 0 || e.state == s.query.State) && e.commit <= s.until &&
		(s.identity == "" || e.identity == "" || strings.Contains(strings.ToLower(e.identity), s.identity))
}
