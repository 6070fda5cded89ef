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
