package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/quantity"
	"github.com/rowtap/rowtap/internal/web/api"
)

func newStateCheckCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "check [FILE]",
		Short: "Check the state file or a backup for damage",
		Long: "Reads every page and every value of the state file, or of FILE, and lists the damage. The exit code is 1 if there is any.\n" +
			"The daemon can keep running.",
		Example: "  rowtap state check\n  rowtap state check /var/backups/rowtap.db --json",
		RunE: func(cmd *cobra.Command, args []string) error {
			path, check, err := checkState(cmd.Context(), g, args)
			if err != nil {
				return err
			}
			return printStateCheck(cmd, g, path, check)
		},
	}
}

// checkState checks the file in args, or else the daemon's, or else the configured one. It returns
// the name of the file.
func checkState(ctx context.Context, g *globals, args []string) (path string, check api.StateCheck, err error) {
	named := len(args) > 0
	if !named {
		c, err := find(ctx, g)
		if err != nil {
			return "", check, err
		}
		if c != nil {
			err := c.get(ctx, "/api/v1/state/check", &check)
			return "the daemon's state file", check, err
		}
		local, err := loadLocal(g)
		if err != nil {
			return "", check, err
		}
		args = []string{local.State.Path}
	}
	zaps, wrong, err := ledger.CheckFile(ctx, ledger.Options{Path: args[0]})
	switch missing := errors.Is(err, fs.ErrNotExist); {
	case missing && named:
		err = fmt.Errorf("no state file %s\nnext: rowtap state check FILE, with an existing file", args[0])
	case missing:
		err = fmt.Errorf("no state file %s\nnext: rowtap run creates it; or correct state.path in rowtap.yaml", args[0])
	case named && errors.Is(err, ledger.ErrForeign):
		err = fmt.Errorf("%s: %w\nnext: rowtap state check FILE, with a state file or a backup", args[0], ledger.ErrForeign)
	}
	return args[0], api.CheckedState(zaps, wrong), err
}

func printStateCheck(cmd *cobra.Command, g *globals, path string, check api.StateCheck) error {
	out := cmd.OutOrStdout()
	err := printEither(g, out, check, func() {
		if check.Sound {
			fmt.Fprintf(out, "%s: OK, %s, every page and value read\n", path, quantity.Count(check.Zaps, "zap"))
		}
		for _, d := range check.Damage {
			fmt.Fprintln(out, d.Text)
		}
	})
	if err != nil || check.Sound {
		return err
	}
	return fmt.Errorf("%s is damaged: %s\n"+
		"next: systemctl stop rowtap, copy the file elsewhere, then: rowtap state restore BACKUP\n"+
		"without a backup: move the file away; every zap then starts as when it was first loaded, and queued rows are lost",
		path, quantity.Count(len(check.Damage), "place"))
}
