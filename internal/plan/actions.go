package plan

import (
	"slices"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/ledger"
)

// ActionOf returns the index of the action that a delivery is for: the one it was made for. If the
// zap file no longer has that action, the first delivery of a row is for the zap's first action;
// for other deliveries ok is false.
func (r *Recipe) ActionOf(d ledger.Delivery) (nth int, ok bool) {
	nth = slices.IndexFunc(r.Actions, func(a config.Action) bool { return a.Name == d.Action })
	if nth < 0 && d.First == 0 {
		nth = 0
	}
	return nth, nth >= 0
}

// ActionName returns the name of the action from [Recipe.ActionOf], or of the one that the delivery
// was made for if there is none.
func (r *Recipe) ActionName(d ledger.Delivery) string {
	if nth, ok := r.ActionOf(d); ok {
		return r.Actions[nth].Name
	}
	return d.Action
}

// Then returns the name of the action after the nth, which its row continues with once the nth is
// accepted; "" if there is none.
func (r *Recipe) Then(nth int) string {
	if nth+1 < len(r.Actions) {
		return r.Actions[nth+1].Name
	}
	return ""
}

// Awaits returns the name of the action that a row continues with once the delivery is accepted; ""
// if there is none, or if the delivery will not be sent or was already continued.
func (r *Recipe) Awaits(d ledger.Delivery) string {
	nth, ok := r.ActionOf(d)
	if !ok || d.Next != 0 || d.State.Accepted() || d.State == ledger.Skipped || d.State == ledger.Discarded {
		return ""
	}
	return r.Then(nth)
}

// Accounts returns the CleverTap accounts of the zap's actions, without duplicates.
func (r *Recipe) Accounts() []*config.CleverTapAccount {
	var accounts []*config.CleverTapAccount
	for _, a := range r.Actions {
		if !slices.Contains(accounts, a.Account) {
			accounts = append(accounts, a.Account)
		}
	}
	return accounts
}

// Updates reports whether the nth action updates profiles. An older row of a user must not be sent
// after a newer one then.
func (r *Recipe) Updates(nth int) bool { return r.Actions[nth].Event == config.CreateUpdateUserProfile }

// NoAction returns the problem of a delivery whose action is no longer in the zap file.
func NoAction(d ledger.Delivery) *ledger.Problem {
	return &ledger.Problem{
		Message: "the row is for action " + d.Action + ", which the zap no longer has",
		Hint:    "restore the action in the zap file, then: rowtap replay " + d.ID() + "; or: rowtap discard " + d.ID(),
	}
}
