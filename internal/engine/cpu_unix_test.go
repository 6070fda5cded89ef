//go:build unix

package engine

import "syscall"

// timeOnCPU returns the CPU time of this process in nanoseconds.
func timeOnCPU() int64 {
	var used syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	return used.Utime.Nano() + used.Stime.Nano()
}
