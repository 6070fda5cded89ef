// Package hint returns what an operator can do about an error. Hints are separate from error
// messages, so that the command line, the page and notifications can print both.
//
// [Error] and [Blocked] carry a hint; [Of] also returns hints for errors of other packages.
package hint

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rowtap/rowtap/internal/clevertap"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/sheets"
)

// Error is an error with a hint. Its message is that of Err.
type Error struct {
	Err  error
	Hint string // one or more commands or edits, without a trailing full stop
}

func (h *Error) Error() string { return h.Err.Error() }
func (h *Error) Unwrap() error { return h.Err }

// Blocked is the error of a zap that cannot continue until an operator, or the owner of the sheet,
// follows Hint.
type Blocked struct {
	Reason string // the error message
	Hint   string
}

func (b *Blocked) Error() string { return b.Reason }

// postgresHints maps the codes of PostgreSQL errors that persist until someone acts to their hints.
var postgresHints = map[string]string{
	"28000": "correct the user in state.postgres, or allow this machine in pg_hba.conf",
	"28P01": "correct the user or the password in state.postgres",
	"3D000": "correct the database in state.postgres, or create it: createdb",
	"3F000": "create the schema that search_path names, or correct search_path in state.postgres",
	"25006": "state.postgres points to a read-only server: name the primary, or several hosts with target_session_attrs=read-write",
	"53300": "raise max_connections of PostgreSQL: each rowtap needs up to 4 connections",
	"57014": "a statement took too long: find what locks rowtap_lease: select * from pg_stat_activity where wait_event_type = 'Lock'",
	"42501": "let rowtap's user create tables (grant create on schema public), or use the tables (grant select, insert, update, delete)",
	"53100": "free some space on the disk of PostgreSQL; rowtap then resumes automatically",
}

// Of returns the hint for an error; "" if there is none.
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
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok && postgresHints[refused.Code] != "" {
		return postgresHints[refused.Code]
	}
	if errors.Is(err, ledger.ErrMirrorAway) {
		return "check that PostgreSQL runs and is reachable from here (state.postgres); rowtap then resumes automatically"
	}
	if errors.Is(err, ledger.ErrNotActive) {
		return "rowtap status shows which machine is active; this one is now a standby"
	}
	if errors.Is(err, ledger.ErrStale) {
		return "rowtap reloads its copy of the state automatically; if this repeats, check the disk of state.path"
	}
	if errors.Is(err, ledger.ErrNoRoom) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return "free some space on the disk of the state file; rowtap then resumes automatically"
	}
	if errors.Is(err, ledger.ErrDisk) || errors.Is(err, syscall.EIO) {
		return "check the disk for errors (dmesg); if rowtap does not restart, move the state file to another disk (state.path), or restore a backup there: rowtap state restore FILE"
	}
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return "make the state file and its directory writable for rowtap, which then resumes automatically"
	}
	if errors.Is(err, ledger.ErrMisplaced) {
		return displacedHint()
	}
	if errors.Is(err, ledger.ErrOverwritten) {
		return "stop rowtap, then: rowtap state restore BACKUP"
	}
	if errors.Is(err, ledger.ErrCorrupt) {
		return "rowtap state check shows the damage; stop rowtap, then: rowtap state restore BACKUP"
	}
	if _, ok := errors.AsType[*mapping.ColumnError](err); ok {
		return "correct the header in the sheet (the zap then resumes automatically), or the zap file, then: rowtap reload"
	}
	return ""
}

// displacedHint explains how to save a state file that was deleted or replaced while the daemon has
// it open.
func displacedHint() string {
	return fmt.Sprintf("rowtap state backup FILE (the running daemon still has the whole state), stop rowtap, rowtap state restore FILE, start rowtap, "+
		"and resume the zaps; if its API is off, copy the deleted file from /proc/%d/fd instead of a backup", os.Getpid())
}
