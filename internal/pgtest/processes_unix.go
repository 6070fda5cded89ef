//go:build unix

package pgtest

import "syscall"

// The signals that freeze a process and let it continue.
const (
	freezes   = syscall.SIGSTOP
	continues = syscall.SIGCONT
)

// inSession returns the attributes of a process with its own session.
func inSession() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// inGroup returns the attributes of a process with its own process group that runs as a user; nil
// for the user of this process.
func inGroup(as *identity) *syscall.SysProcAttr {
	attributes := &syscall.SysProcAttr{Setpgid: true}
	if as != nil {
		attributes.Credential = &syscall.Credential{Uid: as.uid, Gid: as.gid}
	}
	return attributes
}
