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

// onMirror calls f with the database of a state.
func onMirror(s config.State, f func(*mirror.Mirror) error) error {
	m, err := openMirror(s, "")
	if err != nil {
		return err
	}
	defer m.Close()
	return f(m)
}

// onCopy calls f with the database of a state and a copy in a file.
func onCopy(s config.State, path string, f func(*mirror.Mirror, *ledger.Ledger) error) error {
	return onMirror(s, func(m *mirror.Mirror) error {
		l, err := ledger.OpenCache(ledger.Options{Path: path})
		if err != nil {
			return err
		}
		return errors.Join(f(m, l), l.Close())
	})
}

// sendState copies the state file to the database, and marks the file as a copy. With instead, it
// replaces the state in the database.
func sendState(ctx context.Context, s config.State, instead bool) (position ledger.Position, err error) {
	err = onCopy(s, s.Path, func(m *mirror.Mirror, l *ledger.Ledger) (err error) {
		position, err = standby.Send(ctx, m, l, instead)
		return err
	})
	switch {
	case errors.Is(err, standby.ErrTaken):
		err = fmt.Errorf("%w\nnext: move %s away, then: systemctl start rowtap; or, to replace the state in the database: rowtap state restore %s", err, s.Path, s.Path)
	case errors.Is(err, standby.ErrNothing):
		err = fmt.Errorf("%w: %s\nnext: correct state.path, or start the daemon with an empty state", err, s.Path)
	case errors.Is(err, ledger.ErrCopy):
		err = fmt.Errorf("%w already\nnext: systemctl start rowtap", err)
	case errors.Is(err, mirror.ErrHeld):
		err = withStopHint(err)
	default:
		err = advised(err, "")
	}
	return position, err
}

// clearState removes a state from the database after it was moved out.
func clearState(ctx context.Context, s config.State) error {
	err := onMirror(s, func(m *mirror.Mirror) error { return standby.Clear(ctx, m) })
	if errors.Is(err, mirror.ErrHeld) {
		err = withStopHint(err)
	}
	return err
}

// withStopHint adds the hint to stop rowtap on all machines.
func withStopHint(err error) error {
	return fmt.Errorf("%w\nnext: stop rowtap on all machines (a killed one counts as active for 15 seconds)", err)
}

// copyMirrored writes a copy of the state in PostgreSQL, without taking the lease.
func copyMirrored(ctx context.Context, s config.State, w io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "rowtap-copy-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	return onCopy(s, filepath.Join(dir, "rowtap.db"), func(m *mirror.Mirror, l *ledger.Ledger) error {
		var commit uint64
		err := m.Prepare(ctx)
		if err == nil {
			commit, err = m.Pull(ctx, l)
		}
		if err = advised(err, ""); err == nil && commit == 0 {
			err = noState(s)
		}
		if err == nil {
			_, err = l.Backup(ctx, w)
		}
		return err
	})
}

// noState returns the error for a database without a state.
func noState(s config.State) error {
	return fmt.Errorf("the database has no state %s yet\nnext: start rowtap on the machine that has the state, or correct state.postgres or state.lease in rowtap.yaml", s.Lease)
}

// backupOfCopy writes a backup of this machine's copy of the state next to it, and returns its
// path. The copy may be ahead of the database.
func backupOfCopy(ctx context.Context, path string) (string, error) {
	backup := path + ".restoring"
	// Left by an interrupted restore.
	if err := os.Remove(backup); err != nil && !errors.Is(err, fs.ErrNotExist) {
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

// lookAtLease reads from the database which machine is active, and the position of the state.
func lookAtLease(ctx context.Context, s config.State) (now mirror.Now, err error) {
	err = onMirror(s, func(m *mirror.Mirror) (err error) {
		if err = m.Prepare(ctx); err == nil {
			now, err = m.Look(ctx)
		}
		return advised(err, "")
	})
	return now, err
}

// requireNoActive returns an error if a machine is active, so the state in the database must not be
// replaced.
func requireNoActive(ctx context.Context, s config.State) error {
	now, err := lookAtLease(ctx, s)
	if _, busy := now.Active(); err == nil && busy {
		err = withStopHint(fmt.Errorf("%w: %s", mirror.ErrHeld, now.Who()))
	}
	return err
}

// refreshCopy updates this machine's copy before a restore, which keeps the copy and replaces the
// state in the database.
func refreshCopy(ctx context.Context, s config.State) error {
	return onCopy(s, s.Path, func(m *mirror.Mirror, l *ledger.Ledger) error {
		_, err := m.Pull(ctx, l)
		return err
	})
}
