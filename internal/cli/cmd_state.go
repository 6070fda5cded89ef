package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/rowtap/rowtap/internal/config"
)

// The commands of `rowtap state` look after the state file. Those that read or rename ask the daemon where one runs, which has the file
// open; those that put another file in its place need it stopped. None needs more of the configuration than state and http,
// so that they work where the rest of it is broken.

func newStateCommand(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "state",
		Short:   "Look after the state file: check, backup, restore, compact, rename",
		Example: "  rowtap state check\n  rowtap state backup /var/backups/rowtap.db",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return unknownCommand(cmd, args[0])
		},
	}
	for _, c := range []*cobra.Command{
		newStateCheckCommand(g), newStateBackupCommand(g), newStateRestoreCommand(g), newStateCompactCommand(g), newStateRenameCommand(g),
		newStateMigrateCommand(g), newStateHandoverCommand(g),
	} {
		cmd.AddCommand(withUsageErrors(c))
	}
	return cmd
}

// loadLocal reads where the state file is.
func loadLocal(g *globals) (*config.Local, error) {
	local, err := config.LoadLocal(g.dir, environmentOf(g.dir).find)
	if err != nil {
		return nil, configError(err, exitUsage)
	}
	return local, nil
}

// loadState is loadLocal for commands that open the state themselves, so they must know where it is.
func loadState(g *globals) (*config.Local, error) {
	local, err := loadLocal(g)
	if err == nil && local.PostgresUnknown != nil {
		return nil, configError(local.PostgresUnknown, exitUsage)
	}
	return local, err
}

// requireStopped returns where the state file is, if no daemon runs that has it open.
func requireStopped(ctx context.Context, g *globals, again string) (*config.Local, error) {
	c, err := find(ctx, g)
	if err != nil {
		return nil, err
	}
	if c != nil {
		// Another program may hold the port of a daemon that is stopped.
		if err := c.get(ctx, "/api/v1/status", &struct{}{}); unprovenHint(err) != "" {
			return nil, err
		}
		return nil, errors.Join(fmt.Errorf("a daemon runs and has the state file open\nnext: systemctl stop rowtap, then: %s", again), c.close())
	}
	return loadState(g)
}
