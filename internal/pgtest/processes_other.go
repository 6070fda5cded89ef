//go:build !unix

package pgtest

import "syscall"

// No server is started on this system: PostgreSQL is looked for where Debian installs it.
const (
	freezes   = syscall.SIGKILL
	continues = syscall.SIGKILL
)

func inSession() *syscall.SysProcAttr { return nil }

func inGroup(*identity) *syscall.SysProcAttr { return nil }
