package plan

import (
	"context"

	"github.com/rowtap/rowtap/internal/ledger"
)

// User is whom an action updates.
type User struct{ Action, Identity string }

// Updates are the newest rows that have updated some users, each by its first delivery.
type Updates struct {
	rows map[User]uint64
	gone uint64 // a row that is past the history, the newest: whom it has updated is not known
}

// Than tells whether a row newer than another, given by its first delivery, has updated a user
// since, or may have.
func (u Updates) Than(who User, first uint64) bool {
	return u.rows[who] > first || u.gone > first && who.Identity != ""
}

// UpdatesSince returns which rows have updated users, or may have, since a delivery, the oldest of
// those that it is asked for. What was only validated in shadow mode has updated nobody.
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
