// Package hangup catches SIGHUP from the first moments of the daemon.
//
// Initializing what rowtap is made of takes 30 ms and more before main begins, and a reload may be asked for at once (systemctl reload after
// start, a container's sidecar): without a handler, SIGHUP would end the program. A package that imports as little as this one is
// initialized before all others that could take time (https://go.dev/ref/spec#Package_initialization).
package hangup

import (
	"os"
	"os/signal"
	"syscall"
)

// Caught has the hangup that came last, from the start on if the program was started as `rowtap run`.
var Caught = catch(os.Args)

func catch(args []string) chan os.Signal {
	caught := make(chan os.Signal, 1)
	for _, arg := range args {
		if arg == "run" {
			signal.Notify(caught, syscall.SIGHUP)
		}
	}
	return caught
}

// Release has a hangup end the program again, as it ends other programs.
func Release() { signal.Stop(Caught) }
