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
		Short: "Move the state between the state file and PostgreSQL",
		Long: "Moves the state between state.path and the database of state.postgres, and checks that all of it arrived. Every daemon of the\n" +
			"deployment must be stopped.\n" +
			"  --to postgres     copy the state file to the database; the file becomes a copy\n" +
			"  --from postgres   make the state file authoritative and remove the state from the database; then remove state.postgres\n" +
			"                    from rowtap.yaml\n" +
			"A daemon that starts with state.postgres, a state file and an empty database migrates the file automatically.",
		Example: "  systemctl stop rowtap && rowtap state migrate --to postgres && systemctl start rowtap",
		RunE: func(cmd *cobra.Command, _ []string) error {
			again := " --to postgres"
			if from != "" {
				again = " --from postgres"
			}
			if (to == "") == (from == "") || to+from != "postgres" {
				return usage(cmd, errors.New("exactly one of --to postgres and --from postgres is required"))
			}
			if _, err := requireStopped(cmd.Context(), g, cmd.CommandPath()+again); err != nil {
				return err
			}
			p, err := loadPlan(g.dir)
			if err != nil {
				return configError(err, exitUsage)
			}
			if !isMirrored(p.Config.State) {
				return &exitError{exitUsage, errors.New("rowtap.yaml has no state.postgres\nnext: add the key postgres to section state")}
			}
			if from != "" {
				return migrateFrom(cmd, g, p)
			}
			return migrateTo(cmd, g, p)
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "`postgres`: copy the state file to the database")
	cmd.Flags().StringVar(&from, "from", "", "`postgres`: make the state file authoritative")
	return cmd
}

// migrateTo copies the state file to the database. If the database already has a state, it changes
// nothing.
func migrateTo(cmd *cobra.Command, g *globals, p *plan.Plan) error {
	path := p.Config.State.Path
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("no state file %s\nnext: correct state.path in rowtap.yaml", path)
	}
	position, err := sendState(cmd.Context(), p.Config.State, false)
	if err != nil {
		return err
	}
	if g.json {
		return printJSON(cmd.OutOrStdout(), map[string]any{"state": path, "lease": p.Config.State.Lease, "commit": position.Commit})
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "the state is now in PostgreSQL (lease %s); %s is a copy of it\n", p.Config.State.Lease, path)
	return err
}

// migrateFrom makes the state file authoritative. First the database records where the state moved,
// so that no machine uses the one in the database; then the file stops being a copy; then the state
// is removed from the database. Running it again finishes an interrupted run.
func migrateFrom(cmd *cobra.Command, g *globals, p *plan.Plan) error {
	ctx, path := cmd.Context(), p.Config.State.Path
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("read the host name: %w", err)
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
	fmt.Fprintf(cmd.OutOrStdout(), "the state is now in %s, and no longer in PostgreSQL\n", path)
	fmt.Fprintln(cmd.ErrOrStderr(), "next: remove state.postgres and state.lease from rowtap.yaml, then: systemctl start rowtap")
	return nil
}
