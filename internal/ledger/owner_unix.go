//go:build unix

package ledger

import (
	"io/fs"
	"os"
	"syscall"
)

// giveTo gives the file at path the owner of another, so that a file that root replaces stays the
// daemon's. Only root can do that, and only root needs to.
func giveTo(path string, as fs.FileInfo) error {
	stat, ok := as.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 {
		return nil
	}
	return os.Lchown(path, int(stat.Uid), int(stat.Gid))
}
