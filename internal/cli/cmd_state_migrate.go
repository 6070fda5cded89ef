package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mirror"
	"github.com/rowtap/rowtap/internal/plan"
	"github.com/rowtap/rowtap/internal/standby"
)

func newStateHandoverCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "handover",
		Short: "Give the work to a standby at once, such as before an upgrade",
		Long: "Has the daemon finish its uploads, give the lease up, and stand by. Another machine takes over within a second or two;\n" +
			"without this it would within 15 seconds. Where none could take over, nothing happens. It needs state.postgres.",
		Example: "  rowtap state handover && systemctl restart rowtap",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withDaemon(cmd.Context(), g, func(c *client) error {
				began := time.Now()
				if err := c.post(cmd.Context(), "/api/v1/state/handover", nil, &struct{}{}); err != nil {
					return err
				}
				host, err := successor(cmd.Context(), c)
				if err != nil {
					return err
				}
				if g.json {
					return printJSON(cmd.OutOrStdout(), map[string]any{"active": host})
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is active now, after %s\n", host, time.Since(began).Round(time.Millisecond))
				return err
			})
		},
	}
}

// successor waits until another machine is active, and returns its name.
func successor(ctx context.Context, c *client) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		_, err := c.call(ctx, "GET", "/api/v1/status", nil)
		standby, ok := errors.AsType[*standbyError](err)
		switch {
		case err == nil:
			return "", errors.New("this machine is the active one again: nobody took over\nnext: rowtap status, and the other machine's log")
		case ok && standby.active() != "":
			return standby.active(), nil
		}
		select {
		case <-ctx.Done():
			return "", errors.New("the lease is free, but nobody has taken over yet\nnext: rowtap status, and the other machine's log")
		case <-tick.C:
		}
	}
}

func newStateMigrateCommand(g *globals) *cobra.Command {
	var to, from string
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Move the state between the state file and PostgreSQL; the daemons must be stopped",
		Long: "Moves the state between state.path and the database of state.postgres, and counts what arrives. Every daemon of the deployment must be stopped.\n" +
			"  --to postgres     copies the state file into the database; the file is its copy from then on\n" +
			"  --from postgres   makes the state file the state, and removes it from the database; then remove state.postgres from rowtap.yaml\n" +
			"A daemon that starts with state.postgres, a state file and an empty database does --to by itself.",
		Example: "  systemctl stop rowtap && rowtap state migrate --to postgres && systemctl start rowtap",
		RunE: func(cmd *cobra.Command, _ []string) error {
			again := " --to postgres"
			if from != "" {
				again = " --from postgres"
			}
			if (to == "") == (from == "") || to+from != "postgres" {
				return usage(cmd, errors.New("say --to postgres or --from postgres"))
			}
			if _, err := stopped(cmd.Context(), g, cmd.CommandPath()+again); err != nil {
				return err
			}
			p, err := loadPlan(g.dir)
			if err != nil {
				return configError(err, exitUsage)
			}
			if !isMirrored(p.Config.State) {
				return &exitError{exitUsage, errors.New("rowtap.yaml has no state.postgres\nnext: add the key postgres to the section state")}
			}
			if from != "" {
				return migrateFrom(cmd, g, p)
			}
			return migrateTo(cmd, g, p)
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "`postgres`: copy the state file into the database")
	cmd.Flags().StringVar(&from, "from", "", "`postgres`: make the state file the state")
	return cmd
}

// migrateTo copies the state file into the database. Both are left as they are where the database
// has a state.
func migrateTo(cmd *cobra.Command, g *globals, p *plan.Plan) error {
	path := p.Config.State.Path
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no state file %s\nnext: correct state.path in rowtap.yaml", path)
	}
	l, err := ledger.OpenCache(ledger.Options{Path: path})
	if err != nil {
		return err
	}
	position, err := sendState(cmd.Context(), p.Config.State, l, false)
	if err := errors.Join(err, l.Close()); err != nil {
		return err
	}
	if g.json {
		return printJSON(cmd.OutOrStdout(), map[string]any{"state": path, "lease": p.Config.State.Lease, "commit": position.Commit})
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "the state is on PostgreSQL now, as %s; %s is a copy of it\n", p.Config.State.Lease, path)
	return err
}

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
		err = stopAll(err)
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
		err = stopAll(err)
	}
	return err
}

// stopAll says that no machine may be active.
func stopAll(err error) error {
	return fmt.Errorf("%w\nnext: stop rowtap on all machines first (one that was killed counts as active for 15 seconds)", err)
}

// migrateFrom makes the state file the state. First the database notes where the state is, so that no
// machine takes it from there any more; then the file stops being a copy; then the database's values
// go. A run that was cut off is finished by another one.
func migrateFrom(cmd *cobra.Command, g *globals, p *plan.Plan) error {
	ctx, path := cmd.Context(), p.Config.State.Path
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("this machine's name: %w", err)
	}
	now, err := lookAt(ctx, p.Config.State)
	if err != nil {
		return err
	}
	where := fmt.Sprintf("to the state file %s of %s, at ", path, host)
	if !strings.HasPrefix(now.Moved(), where) {
		if now.Commit == 0 {
			return noState(p.Config.State)
		}
		held, err := take(ctx, p, zap.NewNop(), false, ledger.Open)
		if err != nil {
			return err
		}
		err = held.ledger.Close()
		if err == nil {
			err = held.term.MoveOut(ctx, where+time.Now().UTC().Format(time.DateTime))
		}
		if err := errors.Join(err, held.release()); err != nil {
			return err
		}
	}
	if err := ledger.Unstamp(ctx, path); err != nil {
		return err
	}
	if err := clearState(ctx, p.Config.State); err != nil {
		return err
	}
	if g.json {
		return printJSON(cmd.OutOrStdout(), map[string]any{"state": path})
	}
	fmt.Fprintf(cmd.OutOrStdout(), "the state is %s now, and no longer on PostgreSQL\n", path)
	fmt.Fprintln(cmd.ErrOrStderr(), "next: remove state.postgres and state.lease from rowtap.yaml, then: systemctl start rowtap")
	return nil
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

// lookAt asks the database who is active, and for the state.
func lookAt(ctx context.Context, s config.State) (now mirror.Now, err error) {
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

// free returns nil where no machine is active, so that a restored state can be put in the place of
// the one in the database.
func free(ctx context.Context, s config.State) error {
	now, err := lookAt(ctx, s)
	if _, busy := now.Active(); err == nil && busy {
		err = stopAll(fmt.Errorf("%w: %s", mirror.ErrHeld, now.Who()))
	}
	return err
}

// keepMirrored brings this machine's copy up to date before a restore, which keeps the copy and
// replaces the state in the database.
func keepMirrored(ctx context.Context, s config.State) error {
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
