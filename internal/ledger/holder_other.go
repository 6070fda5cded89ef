//go:build !linux

package ledger

// Holder returns 0: the process that has locked the file is not known on this system.
func Holder(string) (pid int, program string) { return 0, "" }
