//go:build race

package ledger_test

// underRace tells whether the race detector looks on. At a wild address it ends the process itself (racecall, checkptr), where plain Go
// would have a fault that can be caught.
const underRace = true
