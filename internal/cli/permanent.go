package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// permanent gives an error the exit code 78, with which systemd does not restart the daemon, if
// only a change of the configuration or of the unit can help: an address that may not be listened
// at, or a path that may not be written. inside says that systemd provides the path: then a restart
// may help, because systemd sets the rights of its directories at each start.
func permanent(err error, inside bool) error {
	forbidden := errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)
	if err == nil || inside || !forbidden {
		return err
	}
	return &exitError{exitConfig, err}
}

// providedBySystemd reports whether a path is inside a directory that systemd provides. Without
// systemd, every path counts as such: who starts the daemon decides about restarts.
func providedBySystemd(path string) bool {
	dirs := strings.Trim(os.Getenv("STATE_DIRECTORY")+":"+os.Getenv("RUNTIME_DIRECTORY"), ":")
	return dirs == "" || slices.ContainsFunc(strings.Split(dirs, ":"), func(dir string) bool { return within(dir, path) })
}

// within reports whether a path is inside a directory, also through symbolic links:
// /var/lib/rowtap is one to /var/lib/private/rowtap.
func within(dir, path string) bool {
	for _, dir := range []string{dir, resolved(dir)} {
		for _, path := range []string{path, resolved(path)} {
			rest, err := filepath.Rel(dir, path)
			if err == nil && rest != ".." && !strings.HasPrefix(rest, ".."+string(filepath.Separator)) {
				return true
			}
		}
	}
	return false
}

// resolved returns a path without symbolic links in what exists of it.
func resolved(path string) string {
	for rest := ""; ; {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			return filepath.Join(real, rest)
		}
		parent := filepath.Dir(path)
		if parent == path {
			return filepath.Join(path, rest)
		}
		path, rest = parent, filepath.Join(filepath.Base(path), rest)
	}
}
