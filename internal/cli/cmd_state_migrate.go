package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/plan"
)

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
			if _, err := requireStopped(cmd.Context(), g, cmd.CommandPath()+again); err != nil {
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

// migrateFrom makes the state file the state. First the database notes where the state is, so that no
// machine takes it from there any more; then the file stops being a copy; then the database's values
// go. A run that was cut off is finished by another one.
func migrateFrom(cmd *cobra.Command, g *globals, p *plan.Plan) error {
	ctx, path := cmd.Context(), p.Config.State.Path
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("this machine's name: %w", err)
	}
	now, err := lookAtLease(ctx, p.Config.State)
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
