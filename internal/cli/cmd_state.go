package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/web/api"
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
			return tellCheck(cmd, g, path, check)
		},
	}
}

// checkState checks the file that is named, else the daemon's, else the one of the configuration.
func checkState(ctx context.Context, g *globals, args []string) (path string, check api.StateCheck, err error) {
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
	return args[0], api.CheckedState(zaps, wrong), err
}

func tellCheck(cmd *cobra.Command, g *globals, path string, check api.StateCheck) error {
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

func newStateCompactCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "compact",
		Short: "Make the state file as small as what is in it; the daemon must be stopped",
		Long: "Copies the state file without its free space, checks the copy, and puts it in place. Free space is used again by itself:\n" +
			"this is only for giving a lot of it back to the disk. The daemon must be stopped.",
		Example: "  systemctl stop rowtap && rowtap state compact && systemctl start rowtap",
		RunE: func(cmd *cobra.Command, _ []string) error {
			local, err := stopped(cmd.Context(), g, "rowtap state compact")
			if err != nil {
				return err
			}
			before, after, err := ledger.Compact(cmd.Context(), local.State.Path)
			if errors.Is(err, fs.ErrNotExist) {
				err = fmt.Errorf("there is no state file %s\nnext: correct state.path in rowtap.yaml", local.State.Path)
			}
			if err != nil {
				return writing(local.State.Path, err)
			}
			if g.json {
				return printJSON(cmd.OutOrStdout(), map[string]any{"state": local.State.Path, "before": before, "after": after})
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %s before, %s now\n", local.State.Path, size(before), size(after))
			return err
		},
	}
}

func newStateRenameCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "rename OLD NEW",
		Short: "Give a zap's state to another name, so that a renamed zap goes on where it was",
		Long: "Gives all that is kept of zap OLD to the name NEW: what was seen of its worksheet, its queue and its history (OLD/7 becomes NEW/7).\n" +
			"Rename the zap file first; where a daemon runs, it loads the configuration in the same step, and no row fires twice or is missed.\n" +
			"A daemon that loads the renamed file before that asks: it sends nothing of NEW until this command or rowtap resume NEW.",
		Example: "  mv zaps/webinar.yaml zaps/webinar-signups.yaml && rowtap state rename webinar webinar-signups",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := config.CheckZapName(args[1]); err != nil {
				return usage(cmd, err)
			}
			if args[0] == args[1] {
				return usage(cmd, errors.New("both names are the same"))
			}
			return renameZap(cmd, g, args[0], args[1])
		},
	}
}

func renameZap(cmd *cobra.Command, g *globals, oldName, newName string) error {
	done := struct {
		From       string `json:"from"`
		To         string `json:"to"`
		Configured bool   `json:"configured"` // there is a zap of the new name
	}{From: oldName, To: newName}
	c, err := find(cmd.Context(), g)
	if err != nil {
		return err
	}
	if c != nil {
		err = c.post(cmd.Context(), "/api/v1/state/rename", map[string]string{"from": oldName, "to": newName}, &done)
		err = errors.Join(err, c.close())
	} else {
		done.Configured, err = renameInFile(cmd.Context(), g, oldName, newName)
	}
	if err != nil {
		return err
	}
	if !done.Configured {
		fmt.Fprintf(cmd.ErrOrStderr(), "no zap is called %s yet\nnext: rename the zap file, and: rowtap reload\n", newName)
	}
	if g.json {
		return printJSON(cmd.OutOrStdout(), done)
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s has taken over what %s was\n", newName, oldName)
	return err
}

// renameInFile renames a zap where no daemon runs. It tells whether the configuration has a zap of the new name.
func renameInFile(ctx context.Context, g *globals, oldName, newName string) (configured bool, err error) {
	plan, err := loadPlan(g.dir)
	if err != nil {
		return false, configError(err, exitUsage)
	}
	if r := plan.Recipe(oldName); r != nil {
		return false, fmt.Errorf("the configuration still has a zap %s, which would start anew: %s\nnext: rename the file, or write name: %s into it", oldName, r.File, newName)
	}
	if err := stateFileExists(plan.Config.State); err != nil {
		return false, err
	}
	held, err := take(ctx, plan, zap.NewNop(), false, ledger.Open)
	if err != nil {
		return false, err
	}
	err = errors.Join(held.ledger.Rename(ctx, oldName, newName), held.close())
	switch {
	case errors.Is(err, ledger.ErrUnknown):
		err = fmt.Errorf("%w\nnext: rowtap status lists the zaps", err)
	case errors.Is(err, ledger.ErrExists):
		err = fmt.Errorf("%w\nnext: %s", err, engine.NameTaken(oldName, newName))
	}
	return plan.Recipe(newName) != nil, err
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

// stopped returns where the state file is, if no daemon runs that has it open.
func stopped(ctx context.Context, g *globals, again string) (*config.Local, error) {
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

// size is a number of bytes for people.
func size(n int64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%d GB", n>>30)
	case n >= 10<<20:
		return fmt.Sprintf("%d MB", n>>20)
	}
	return fmt.Sprintf("%d KB", (n+1023)>>10)
}
