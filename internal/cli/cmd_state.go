package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/rowtap/rowtap/internal/config"
)

// The commands of `rowtap state` maintain the state file. check, backup and rename go through the
// daemon if one runs, because it has the file open; restore, compact and migrate need it stopped.
// check, backup, restore and compact read only the sections state and http of rowtap.yaml, so they
// work when the rest of the configuration is broken.

func newStateCommand(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "state",
		Short:   "Check, back up, restore and move the state",
		Example: "  rowtap state check\n  rowtap state backup /var/backups/rowtap.db",
		RunE:    helpOrUnknown,
	}
	cmd.AddCommand(newStateCheckCommand(g), newStateBackupCommand(g), newStateRestoreCommand(g), newStateCompactCommand(g), newStateRenameCommand(g),
		newStateMigrateCommand(g), newStateHandoverCommand(g))
	return cmd
}

// loadLocal reads the sections state and http of rowtap.yaml.
func loadLocal(g *globals) (*config.Local, error) {
	local, err := config.LoadLocal(g.dir, environmentOf(g.dir).find)
	if err != nil {
		return nil, configError(err, exitUsage)
	}
	return local, nil
}

// loadState is [loadLocal] for commands that open the state themselves: state.postgres must be
// known.
func loadState(g *globals) (*config.Local, error) {
	local, err := loadLocal(g)
	if err == nil && local.PostgresUnknown != nil {
		return nil, configError(local.PostgresUnknown, exitUsage)
	}
	return local, err
}

// requireStopped returns the location of the state, or an error if a daemon has it open. again is
// the command to run once the daemon is stopped.
func requireStopped(ctx context.Context, g *globals, again string) (*config.Local, error) {
	c, err := find(ctx, g)
	if err != nil {
		return nil, err
	}
	if c != nil {
		// Another program may listen on a stopped daemon's port.
		if err := c.get(ctx, "/api/v1/status", &struct{}{}); unprovenHint(err) != "" {
			return nil, err
		}
		return nil, fmt.Errorf("the daemon is running and has the state file open\nnext: systemctl stop rowtap, then: %s", again)
	}
	return loadState(g)
}
