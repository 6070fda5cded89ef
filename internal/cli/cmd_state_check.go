package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/web"
)

func newStateCheckCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "check [FILE]",
		Short: "Read all of the state file, or of a backup, and say what is damaged",
		Long: "Reads every page and every value of the state file, or of FILE, and says what is damaged and where. Exit code 1 if anything is.\n" +
			"It runs beside the daemon, which goes on polling and sending.",
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

// checkState checks the file that is named, else the daemon's, else the one of the configuration.
func checkState(ctx context.Context, g *globals, args []string) (path string, check web.StateCheck, err error) {
	if len(args) == 0 {
		c, err := find(ctx, g)
		if err != nil {
			return "", check, err
		}
		if c != nil {
			err := c.get(ctx, "/api/v1/state/check", &check)
			return "the daemon's state file", check, errors.Join(err, c.close())
		}
		local, err := loadLocal(g)
		if err != nil {
			return "", check, err
		}
		args = []string{local.State.Path}
	}
	zaps, wrong, err := ledger.CheckFile(ctx, ledger.Options{Path: args[0]})
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("there is no state file %s\nnext: correct state.path in rowtap.yaml, or name the file", args[0])
	}
	return args[0], web.CheckedState(zaps, wrong), err
}

func printStateCheck(cmd *cobra.Command, g *globals, path string, check web.StateCheck) error {
	out := cmd.OutOrStdout()
	if g.json {
		if err := printJSON(out, check); err != nil {
			return err
		}
	}
	if check.Sound {
		if !g.json {
			fmt.Fprintf(out, "%s is sound: %s, every page and value read\n", path, counted(check.Zaps, "zap"))
		}
		return nil
	}
	if !g.json {
		for _, d := range check.Damage {
			fmt.Fprintln(out, d.Text)
		}
	}
	return fmt.Errorf("%s is damaged: %s\n"+
		"next: keep a copy of the file as it is; stop rowtap (systemctl stop rowtap), and: rowtap state restore BACKUP\n"+
		"without a backup: move the file away, and every zap starts anew, as when it was first loaded; what was queued in it is lost",
		path, counted(len(check.Damage), "place"))
}
