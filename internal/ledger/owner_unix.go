//go:build unix

package ledger

import (
	"io/fs"
	"os"
	"syscall"
)

// giveTo makes the file at path belong to whom another belongs to: a file that root puts in place must stay the daemon's.
// Only root can, and only root needs to.
func giveTo(path string, as fs.FileInfo) error {
	stat, ok := as.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 {
		return nil
	}
	return os.Lchown(path, int(stat.Uid), int(stat.Gid))
}
