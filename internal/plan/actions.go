package plan

import (
	"slices"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/ledger"
)

// ActionOf returns which of the zap's actions a delivery is for, counted from 0: the one that it
// was made for. Where the zap file no longer has that one, the first delivery of a row is for the
// zap's first action; for others ok is false.
func (r *Recipe) ActionOf(d ledger.Delivery) (nth int, ok bool) {
	nth = slices.IndexFunc(r.Actions, func(a config.Action) bool { return a.Name == d.Action })
	if nth < 0 && d.First == 0 {
		nth = 0
	}
	return nth, nth >= 0
}

// ActionName returns the name of the action that a delivery is for now, or of the one that it was
// made for if there is none.
func (r *Recipe) ActionName(d ledger.Delivery) string {
	if nth, ok := r.ActionOf(d); ok {
		return r.Actions[nth].Name
	}
	return d.Action
}

// Then returns the name of the action that a row is for once the nth was accepted; "" is none.
func (r *Recipe) Then(nth int) string {
	if nth+1 < len(r.Actions) {
		return r.Actions[nth+1].Name
	}
	return ""
}

// Awaits returns the name of the action that a row is for once a delivery of it is accepted; "" if
// there is none, or if the delivery will not be sent or was followed already.
func (r *Recipe) Awaits(d ledger.Delivery) string {
	nth, ok := r.ActionOf(d)
	if !ok || d.Next != 0 || d.State.Accepted() || d.State == ledger.Skipped || d.State == ledger.Discarded {
		return ""
	}
	return r.Then(nth)
}

// Accounts returns the CleverTap accounts of the zap's actions, each once.
func (r *Recipe) Accounts() []*config.CleverTapAccount {
	var accounts []*config.CleverTapAccount
	for _, a := range r.Actions {
		if !slices.Contains(accounts, a.Account) {
			accounts = append(accounts, a.Account)
		}
	}
	return accounts
}

// Updates tells whether the nth action updates profiles, where an older row must not follow a newer
// one of its user.
func (r *Recipe) Updates(nth int) bool { return r.Actions[nth].Event == config.CreateUpdateUserProfile }

// NoAction is what is wrong with a delivery whose action the zap file no longer has.
func NoAction(d ledger.Delivery) *ledger.Problem {
	return &ledger.Problem{
		Message: "the zap has no action " + d.Action + " any more, which the row was for",
		Hint:    "give the zap file that action again, then: rowtap replay " + d.ID() + "; or: rowtap discard " + d.ID(),
	}
}
