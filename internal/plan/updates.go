package plan

import (
	"context"

	"github.com/rowtap/rowtap/internal/ledger"
)

// User is a user whose profile an action updates.
type User struct{ Action, Identity string }

// Updates are the newest rows that have updated some users. A row is given by the number of its
// first delivery.
type Updates struct {
	rows map[User]uint64
	gone uint64 // the newest row past state.history: whom it has updated is not known
}

// Than tells whether a row newer than first has updated a user, or may have.
func (u Updates) Than(who User, first uint64) bool {
	return u.rows[who] > first || u.gone > first && who.Identity != ""
}

// UpdatesSince returns which rows newer than the delivery oldest have updated users, or may have.
// Rows that were only validated in shadow mode have updated none.
func UpdatesSince(ctx context.Context, l *ledger.Ledger, r *Recipe, oldest uint64, users map[User]bool) (Updates, error) {
	u := Updates{rows: map[User]uint64{}}
	var err error
	u.gone, err = l.SentSince(ctx, r.Name, oldest, func(d ledger.Delivery) {
		nth, ok := r.ActionOf(d)
		if !ok || !r.Updates(nth) {
			return
		}
		if who := (User{r.Actions[nth].Name, d.Identity}); users[who] {
			u.rows[who] = max(u.rows[who], d.Origin())
		}
	})
	return u, err
}
