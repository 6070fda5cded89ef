//go:build unix

package web

import (
	"math"
	"syscall"
)

// fileLimit returns how many file descriptors the process may have; [math.MaxUint64] if that is
// unknown.
func fileLimit() uint64 {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return math.MaxUint64
	}
	return files.Cur
}
