//go:build !unix

package web

import "math"

// fileLimit returns [math.MaxUint64]: this system has no limit of file descriptors per process.
func fileLimit() uint64 { return math.MaxUint64 }
