package ledger

import "errors"

// What becomes of a ledger whose state is mirrored, in addition to what [Open] returns.
var (
	// ErrMirrorAway: PostgreSQL cannot be reached, or does not accept changes. Nothing was changed, and it may be tried again.
	ErrMirrorAway = errors.New("PostgreSQL did not record the change")
	// ErrNotActive: another rowtap has taken over, or this one was never active. Nothing is written by this ledger any more.
	ErrNotActive = errors.New("this rowtap is not the active one")
	// ErrStale: the cache does not have what the mirrored state has, and cannot be brought to it. It must be loaded whole.
	ErrStale = errors.New("the copy of the state on PostgreSQL must be loaded again")
)
