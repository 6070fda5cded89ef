package cli

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/rowtap/rowtap/internal/ledger"
)

func newStateCompactCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "compact",
		Short: "Shrink the state file; the daemon must be stopped",
		Long: "Copies the state file without its free space, checks the copy, and replaces the file with it. rowtap reuses free space, so\n" +
			"this is only needed to return a lot of it to the disk. The daemon must be stopped.",
		Example: "  systemctl stop rowtap && rowtap state compact && systemctl start rowtap",
		RunE: func(cmd *cobra.Command, _ []string) error {
			local, err := requireStopped(cmd.Context(), g, "rowtap state compact")
			if err != nil {
				return err
			}
			before, after, err := ledger.Compact(cmd.Context(), local.State.Path)
			if errors.Is(err, fs.ErrNotExist) {
				err = fmt.Errorf("no state file %s\nnext: correct state.path in rowtap.yaml", local.State.Path)
			}
			if err != nil {
				return withWriteHint(local.State.Path, err)
			}
			if g.json {
				return printJSON(cmd.OutOrStdout(), map[string]any{"state": local.State.Path, "before": before, "after": after})
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %s before, %s now\n", local.State.Path, formatBytes(before), formatBytes(after))
			return err
		},
	}
}
