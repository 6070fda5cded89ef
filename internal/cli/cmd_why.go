package cli

import (
	"fmt"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/rowtap/rowtap/internal/web/api"
)

func newWhyCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:     "why ZAP ROW",
		Short:   "Explain why a sheet row did or did not fire",
		Example: "  rowtap why webinar-signups 214",
		RunE: func(cmd *cobra.Command, args []string) error {
			number, err := strconv.Atoi(args[1])
			if err != nil || number < 1 {
				return usage(cmd, fmt.Errorf("%q is not the number of a sheet row", args[1]))
			}
			return with(cmd.Context(), g, func(c *client) error {
				var why api.Why
				if err := c.get(cmd.Context(), fmt.Sprintf("/api/v1/zaps/%s/rows/%d", url.PathEscape(args[0]), number), &why); err != nil {
					return err
				}
				if g.json {
					return printJSON(cmd.OutOrStdout(), why)
				}
				fmt.Fprintf(cmd.OutOrStdout(), "row %d: %s\n", why.Row, g.clock(cmd.OutOrStdout()).text(why.Reason))
				printNext(cmd.ErrOrStderr(), why.Next)
				return nil
			})
		},
	}
}
