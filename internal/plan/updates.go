package plan

import (
	"context"

	"github.com/rowtap/rowtap/internal/ledger"
)

// User is a user whose profile an action updates.
type User struct{ Action, Identity string }

// Updates are the newest rows that have updated certain users. A row is identified by the number of
// its first delivery.
type Updates struct {
	rows map[User]uint64
	gone uint64 // newest row past state.history; the users that it updated are unknown
}

// Than reports whether a row newer than first has updated the user, or may have.
func (u Updates) Than(who User, first uint64) bool {
	return u.rows[who] > first || u.gone > first && who.Identity != ""
}

// UpdatesSince finds the rows newer than the delivery oldest that have updated users, or may have.
// Rows that were only validated in shadow mode do not count.
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
