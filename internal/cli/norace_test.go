//go:build !race

package cli

// underRace reports whether the race detector is enabled, which makes the program many times
// slower.
const underRace = false
