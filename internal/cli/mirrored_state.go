package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mirror"
	"github.com/rowtap/rowtap/internal/standby"
)

// sendState makes a state file the state in the database, and stamps it as its copy; with instead,
// in place of what is there.
func sendState(ctx context.Context, s config.State, l *ledger.Ledger, instead bool) (ledger.Position, error) {
	m, err := openMirror(s, "")
	if err != nil {
		return ledger.Position{}, err
	}
	defer m.Close()
	position, err := standby.Send(ctx, m, l, instead)
	switch {
	case errors.Is(err, standby.ErrTaken):
		err = fmt.Errorf("%w\nnext: to go on from that: move %s away, then: systemctl start rowtap. To replace it: rowtap state restore %s", err, s.Path, s.Path)
	case errors.Is(err, standby.ErrNothing):
		err = fmt.Errorf("%w: %s\nnext: correct state.path, or start the daemon, which begins with an empty state", err, s.Path)
	case errors.Is(err, ledger.ErrCopy):
		err = fmt.Errorf("%w already\nnext: systemctl start rowtap", err)
	case errors.Is(err, mirror.ErrHeld):
		err = withStopHint(err)
	default:
		err = advised(err)
	}
	return position, err
}

// clearState removes the values of a state that was moved out of the database.
func clearState(ctx context.Context, s config.State) error {
	m, err := openMirror(s, "")
	if err != nil {
		return err
	}
	defer m.Close()
	if err = standby.Clear(ctx, m); errors.Is(err, mirror.ErrHeld) {
		err = withStopHint(err)
	}
	return err
}

// withStopHint says that no machine may be active.
func withStopHint(err error) error {
	return fmt.Errorf("%w\nnext: stop rowtap on all machines first (one that was killed counts as active for 15 seconds)", err)
}

// copyMirrored writes a copy of the state that is on PostgreSQL, without becoming the active one.
func copyMirrored(ctx context.Context, s config.State, w io.Writer) (err error) {
	m, err := openMirror(s, "")
	if err != nil {
		return err
	}
	defer m.Close()
	dir, err := os.MkdirTemp("", "rowtap-copy-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	l, err := ledger.OpenCache(ledger.Options{Path: filepath.Join(dir, "rowtap.db")})
	if err != nil {
		return err
	}
	var commit uint64
	if err = m.Prepare(ctx); err == nil {
		commit, err = m.Pull(ctx, l)
	}
	if err = advised(err); err == nil && commit == 0 {
		err = noState(s)
	}
	if err == nil {
		_, err = l.Backup(ctx, w)
	}
	return errors.Join(err, l.Close())
}

// noState says that there is nothing to be copied.
func noState(s config.State) error {
	return fmt.Errorf("the database has no state %s yet\nnext: start rowtap on the machine that has the state, or correct state.postgres or state.lease in rowtap.yaml", s.Lease)
}

// backupOfCopy writes a backup of this machine's own copy, which may be ahead of the database, next
// to it.
func backupOfCopy(ctx context.Context, path string) (string, error) {
	backup := path + ".restoring"
	if err := os.Remove(backup); err != nil && !errors.Is(err, fs.ErrNotExist) { // of a restore that was cut off
		return "", err
	}
	_, _, err := ledger.SaveBackup(ctx, backup, false, time.Now(), func(w io.Writer) error {
		l, err := ledger.Open(ledger.Options{Path: path, ReadOnly: true, Copy: true})
		if err != nil {
			return err
		}
		_, err = l.Backup(ctx, w)
		return errors.Join(err, l.Close())
	})
	return backup, err
}

// lookAtLease asks the database who is active, and for the state.
func lookAtLease(ctx context.Context, s config.State) (now mirror.Now, err error) {
	m, err := openMirror(s, "")
	if err != nil {
		return now, err
	}
	defer m.Close()
	if err = m.Prepare(ctx); err == nil {
		now, err = m.Look(ctx)
	}
	return now, advised(err)
}

// requireNoActive returns nil where no machine is active, so that a restored state can be put in the place of
// the one in the database.
func requireNoActive(ctx context.Context, s config.State) error {
	now, err := lookAtLease(ctx, s)
	if _, busy := now.Active(); err == nil && busy {
		err = withStopHint(fmt.Errorf("%w: %s", mirror.ErrHeld, now.Who()))
	}
	return err
}

// refreshCopy brings this machine's copy up to date before a restore, which keeps the copy and
// replaces the state in the database.
func refreshCopy(ctx context.Context, s config.State) error {
	m, err := openMirror(s, "")
	if err != nil {
		return err
	}
	defer m.Close()
	l, err := ledger.OpenCache(ledger.Options{Path: s.Path})
	if err != nil {
		return err
	}
	_, err = m.Pull(ctx, l)
	return errors.Join(err, l.Close())
}

// restoreMirrored makes a state file that a backup was restored to the state on PostgreSQL, in
// place of what is there.
func restoreMirrored(ctx context.Context, s config.State) error {
	l, err := ledger.OpenCache(ledger.Options{Path: s.Path})
	if err != nil {
		return err
	}
	_, err = sendState(ctx, s, l, true)
	return errors.Join(err, l.Close())
}
