package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// makeZapsDir makes the directory of the zap files, readable like the configuration directory:
// root's umask would hide it from the daemon.
func makeZapsDir(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return share(dir, filepath.Dir(dir), 0o750, 0o755)
}

// share gives a file or directory that root makes the rights with which the daemon's user can read
// it: if the directory with that name belongs to another group than root's, that group and the mode
// private; otherwise the mode public, because the user of DynamicUser= has no group of its own.
// Files of other users keep what their umask gives.
func share(path, like string, private, public fs.FileMode) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(like)
	if err != nil {
		return err
	}
	_, gid, ok := ownerOf(info)
	if !ok || gid == 0 {
		return os.Chmod(path, public)
	}
	if err := os.Chown(path, -1, gid); err != nil {
		return err
	}
	return os.Chmod(path, private)
}
