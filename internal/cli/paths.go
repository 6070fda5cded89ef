package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// withWriteHint adds a hint to an error of writing path, if it is a file system error about path or
// another file in its directory, such as the temporary file. Other errors are returned unchanged.
func withWriteHint(path string, err error) error {
	dir := filepath.Dir(path)
	if !concerns(err, dir) {
		return err
	}
	next := "choose another path, or run the command as a user who may write there"
	switch {
	case errors.Is(err, fs.ErrNotExist):
		next = "mkdir -p -m 700 " + dir
	case errors.Is(err, syscall.ENOTDIR):
		next = "choose another path: " + dir + " is not a directory"
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		next = "free some space on that disk, or choose another path"
	}
	return fmt.Errorf("%w\nnext: %s", err, next)
}

// concerns reports whether a file system error is about a file in dir, or about dir itself.
func concerns(err error, dir string) bool {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Path == dir || filepath.Dir(e.Path) == dir
	}
	if e, ok := errors.AsType[*os.LinkError](err); ok {
		return filepath.Dir(e.New) == dir
	}
	return false
}
