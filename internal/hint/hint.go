// Package hint says what an operator can do about an error. A hint is data apart from the error's
// message: the command line, the page and notices print it alike.
//
// [Error] and [Blocked] carry a hint; [Of] also knows the errors of other packages.
package hint

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/rowtap/rowtap/internal/clevertap"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/sheets"
)

// Error is an error and what to do about it. Its message is that of Err.
type Error struct {
	Err  error
	Hint string // one or more commands or edits; no full stop
}

func (h *Error) Error() string { return h.Err.Error() }
func (h *Error) Unwrap() error { return h.Err }

// Blocked is the error of a zap that cannot go on until an operator, or the owner of the sheet,
// does what Hint says.
type Blocked struct {
	Reason string // the message
	Hint   string
}

func (b *Blocked) Error() string { return b.Reason }

// Of returns what an operator can do about an error, "" where nothing is known.
func Of(err error) string {
	if wrong, ok := errors.AsType[*sheets.Error](err); ok {
		return wrong.Hint
	}
	if wrong, ok := errors.AsType[*clevertap.Error](err); ok {
		return wrong.Hint
	}
	if wrong, ok := errors.AsType[*Blocked](err); ok {
		return wrong.Hint
	}
	if hinted, ok := errors.AsType[*Error](err); ok {
		return hinted.Hint
	}
	if errors.Is(err, ledger.ErrMirrorAway) {
		return "check that PostgreSQL runs and can be reached from here (state.postgres); rowtap then goes on by itself"
	}
	if errors.Is(err, ledger.ErrNotActive) {
		return "rowtap status tells which machine is active; this one goes on as a standby"
	}
	if errors.Is(err, ledger.ErrStale) {
		return "rowtap loads its copy of the state again by itself; if that does not end, check the disk of state.path"
	}
	if errors.Is(err, ledger.ErrNoRoom) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return "free some space on the disk of the state file; rowtap then goes on by itself"
	}
	if errors.Is(err, ledger.ErrDisk) || errors.Is(err, syscall.EIO) {
		return "check the disk for errors (dmesg); if rowtap cannot start again, move the state file to another disk (state.path), or restore a backup there: rowtap state restore FILE"
	}
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return "let rowtap write to the state file and its directory; it then goes on by itself"
	}
	if errors.Is(err, ledger.ErrMisplaced) {
		return displacedHint()
	}
	if errors.Is(err, ledger.ErrOverwritten) {
		return "stop rowtap, then: rowtap state restore BACKUP"
	}
	if errors.Is(err, ledger.ErrCorrupt) {
		return "rowtap state check says what is damaged; then stop rowtap, and: rowtap state restore BACKUP"
	}
	if _, ok := errors.AsType[*mapping.ColumnError](err); ok {
		return "correct the header in the sheet (the zap then goes on by itself), or the zap file and: rowtap reload"
	}
	return ""
}

// displacedHint says how to save a state that only the running daemon has.
func displacedHint() string {
	return fmt.Sprintf("rowtap state backup FILE (the running rowtap still has all of it), stop rowtap, rowtap state restore FILE, start it, "+
		"and resume the zaps; without its API, copy the deleted file from /proc/%d/fd instead of the backup", os.Getpid())
}
