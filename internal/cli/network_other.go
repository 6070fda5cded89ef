//go:build !windows

package cli

import "syscall"

// The errors of a port in use and of a port on which nobody listens.
const (
	errAddressInUse = syscall.EADDRINUSE
	errRefused      = syscall.ECONNREFUSED
)
