package cli

import (
	"fmt"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/quantity"
)

func newPollCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:     "poll ZAP",
		Short:   "Poll a zap now and wait until the poll is done",
		Example: "  rowtap poll webinar-signups",
		RunE: func(cmd *cobra.Command, args []string) error {
			return with(cmd.Context(), g, func(c *client) error {
				var report engine.PollReport
				if err := c.post(cmd.Context(), "/api/v1/zaps/"+url.PathEscape(args[0])+"/poll", nil, &report); err != nil {
					return err
				}
				if g.json {
					return printJSON(cmd.OutOrStdout(), report)
				}
				out := cmd.OutOrStdout()
				fmt.Fprintf(out, "%s in the worksheet, %d new (%d waiting, %d held)\n", quantity.Count(report.Rows, "row"), report.Found, report.Waiting, report.Held)
				if report.Repeats > 0 {
					fmt.Fprintf(out, "%s skipped: keys that other rows have taken\n", quantity.Count(report.Repeats, "row"))
				}
				if report.Baseline {
					fmt.Fprintln(out, "first read of the worksheet: rows added from now on are new")
				}
				if report.Doubt != "" {
					fmt.Fprintln(out, "the read was ignored: "+report.Doubt)
				}
				return nil
			})
		},
	}
}
