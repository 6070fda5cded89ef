package ledger

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// Holder returns the process ID and program name of the process that has locked the state file at
// path. pid is 0 if no process has, or if the system does not show it, for example in a unit with
// ProcSubset=pid.
func Holder(path string) (pid int, program string) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, ""
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, ""
	}
	locks, err := os.ReadFile("/proc/locks")
	if err != nil {
		return 0, ""
	}
	// https://man7.org/linux/man-pages/man5/proc_locks.5.html: 1: FLOCK ADVISORY WRITE 4711
	// 08:01:123456 0 EOF
	major, minor := stat.Dev>>8&0xfff|stat.Dev>>32&^0xfff, stat.Dev&0xff|stat.Dev>>12&^0xff
	file := fmt.Sprintf("%02x:%02x:%d", major, minor, stat.Ino)
	for line := range strings.Lines(string(locks)) {
		f := strings.Fields(line)
		if len(f) < 6 || f[1] != "FLOCK" || f[5] != file { // a waiting one has an arrow before FLOCK
			continue
		}
		if pid, err = strconv.Atoi(f[4]); err != nil || pid <= 0 { // of another namespace
			return 0, ""
		}
		name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		if err != nil { // it has ended, and a child has the file open
			return 0, ""
		}
		return pid, strings.TrimSpace(string(name))
	}
	return 0, ""
}
