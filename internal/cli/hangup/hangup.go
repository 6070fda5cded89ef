// Package hangup catches SIGHUP as early as a Go program can.
//
// Without a handler, SIGHUP ends the program, and a reload may be requested right after the start.
// Initializing all packages of rowtap takes 30 ms or more before main begins. A package with as few
// imports as this one is initialized before those that take time
// (https://go.dev/ref/spec#Package_initialization). In the milliseconds before that, while the
// kernel and the Go runtime start the program, SIGHUP still ends it; the systemd unit then restarts
// it (RestartForceExitStatus=SIGHUP).
package hangup

import (
	"os"
	"os/signal"
	"syscall"
)

// Caught receives the last SIGHUP, from the start on if the program was started as `rowtap run`.
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

// Release restores the default: SIGHUP ends the program.
func Release() { signal.Stop(Caught) }
