//go:build !unix

package cli

import "syscall"

// No process can be frozen on this system. The tests that do so need PostgreSQL, and are skipped.
const (
	freezes   = syscall.SIGKILL
	continues = syscall.SIGKILL
)
