package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// withWriteHint adds the next step to an error of writing the file at path, where it is the operating system's about that file, or about one
// beside it that was to become it. Other errors, such as of what was to be written, are returned as they are.
func withWriteHint(path string, err error) error {
	dir := filepath.Dir(path)
	if !concerns(err, dir) {
		return err
	}
	next := "choose another place, or run the same as a user who may write there"
	switch {
	case errors.Is(err, fs.ErrNotExist):
		next = "mkdir -p -m 700 " + dir
	case errors.Is(err, syscall.ENOTDIR):
		next = "choose another place: " + dir + " is no directory"
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		next = "free space there, or choose another place"
	}
	return fmt.Errorf("%w\nnext: %s", err, next)
}

// concerns tells whether an error of the operating system is about a file in a directory, or about the directory.
func concerns(err error, dir string) bool {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Path == dir || filepath.Dir(e.Path) == dir
	}
	if e, ok := errors.AsType[*os.LinkError](err); ok {
		return filepath.Dir(e.New) == dir
	}
	return false
}
