//go:build !linux

package ledger

// Holder returns 0: which process has the file locked is not known here.
func Holder(string) (pid int, program string) { return 0, "" }
