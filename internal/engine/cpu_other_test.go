//go:build !unix

package engine

// timeOnCPU returns 0: it is not measured on this system.
func timeOnCPU() int64 { return 0 }
