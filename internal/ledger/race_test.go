//go:build race

package ledger_test

// underRace reports whether the race detector is enabled. On an invalid address it ends the process
// (racecall, checkptr), whereas plain Go raises a fault that can be recovered.
const underRace = true
