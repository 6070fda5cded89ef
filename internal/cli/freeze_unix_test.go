//go:build unix

package cli

import "syscall"

// The signals that freeze a process and let it continue.
const (
	freezes   = syscall.SIGSTOP
	continues = syscall.SIGCONT
)
