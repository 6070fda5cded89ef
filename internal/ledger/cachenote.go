package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// noteSuffix is the suffix of the note of a cache.
const noteSuffix = ".copy"

// putNote writes the note that the file at path is the cache of a state.
func putNote(path, state string) error {
	if s := noteAt(path); s != nil && s.State == state {
		return nil
	}
	return viaTemp(path+noteSuffix, func(f *os.File) error {
		_, err := fmt.Fprintf(f, "%s\nThe file of this name without %q is a copy of that state on PostgreSQL. Both can be deleted while rowtap is stopped.\n", state, noteSuffix)
		return err
	}, func(tmp string) error {
		owner, err := os.Stat(path)
		if err == nil {
			err = giveTo(tmp, owner)
		}
		if err != nil {
			return err
		}
		return os.Rename(tmp, path+noteSuffix)
	})
}

// noteAt returns what the note of the file at path says: the state that it is a cache of; nil if
// there is no note.
func noteAt(path string) *stamp {
	b, err := os.ReadFile(path + noteSuffix)
	state, _, ok := strings.Cut(string(b), "\n")
	if err != nil || !ok || state == "" {
		return nil
	}
	return &stamp{Position: Position{State: state}}
}

func removeNote(path string) error {
	// Without a note, the directory need not be writable.
	if _, err := os.Lstat(path + noteSuffix); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return os.Remove(path + noteSuffix)
}
