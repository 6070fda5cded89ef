package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/ledger"
)

func newStateRenameCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "rename OLD NEW",
		Short: "Move a zap's state to its new name",
		Long: "Moves the state of zap OLD to the name NEW: the rows already seen, the queue and the history (OLD/7 becomes NEW/7).\n" +
			"Rename the zap file first. If the daemon runs, it reloads the configuration in the same step, so no row is sent twice or\n" +
			"missed. If the daemon has already loaded the renamed file, NEW sends nothing until this command or rowtap resume NEW.",
		Example: "  mv zaps/webinar.yaml zaps/webinar-signups.yaml && rowtap state rename webinar webinar-signups",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := config.CheckZapName(args[1]); err != nil {
				return usage(cmd, err)
			}
			if args[0] == args[1] {
				return usage(cmd, errors.New("OLD and NEW are the same name"))
			}
			return renameZap(cmd, g, args[0], args[1])
		},
	}
}

func renameZap(cmd *cobra.Command, g *globals, oldName, newName string) error {
	done := struct {
		From       string `json:"from"`
		To         string `json:"to"`
		Configured bool   `json:"configured"` // the configuration has a zap of the new name
	}{From: oldName, To: newName}
	c, err := find(cmd.Context(), g)
	if err != nil {
		return err
	}
	if c != nil {
		err = c.post(cmd.Context(), "/api/v1/state/rename", map[string]string{"from": oldName, "to": newName}, &done)
	} else {
		done.Configured, err = renameInFile(cmd.Context(), g, oldName, newName)
	}
	if err != nil {
		return err
	}
	if !done.Configured {
		fmt.Fprintf(cmd.ErrOrStderr(), "the configuration has no zap %s yet\nnext: rename the zap file, then: rowtap reload\n", newName)
	}
	if g.json {
		return printJSON(cmd.OutOrStdout(), done)
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "renamed %s to %s\n", oldName, newName)
	return err
}

// renameInFile renames a zap if no daemon runs. It reports whether the configuration has a zap of
// the new name.
func renameInFile(ctx context.Context, g *globals, oldName, newName string) (configured bool, err error) {
	plan, err := loadPlan(g.dir)
	if err != nil {
		return false, configError(err, exitUsage)
	}
	if r := plan.Recipe(oldName); r != nil {
		return false, fmt.Errorf("the configuration still has zap %s, which would start over: %s\nnext: rename the file, or set name: %s in it", oldName, r.File, newName)
	}
	if err := stateFileExists(plan.Config); err != nil {
		return false, err
	}
	held, err := take(ctx, plan, zap.NewNop(), false, ledger.Open)
	if err != nil {
		return false, err
	}
	err = errors.Join(held.ledger.Rename(ctx, oldName, newName), held.close())
	switch {
	case errors.Is(err, ledger.ErrUnknown):
		err = fmt.Errorf("%w\nnext: rowtap status", err)
	case errors.Is(err, ledger.ErrExists):
		err = fmt.Errorf("%w\nnext: %s", err, engine.NameTaken(oldName, newName))
	}
	return plan.Recipe(newName) != nil, err
}
