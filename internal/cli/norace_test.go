//go:build !race

package cli

// underRace tells whether the program is one that looks for races, which takes many times the
// processor's time.
const underRace = false
