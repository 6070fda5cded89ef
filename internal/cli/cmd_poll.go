package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/quantity"
)

func newPollCommand(g *globals) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "poll [ZAP…]",
		Short: "Poll zaps now and wait until the polls are done",
		Long: "Polls zaps one after the other. A zap that cannot be polled does not keep the others from being polled.\n" +
			"--all means every zap that is neither paused nor disabled.",
		Example: "  rowtap poll webinar-signups\n  rowtap poll --all",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkZaps(cmd, args, all); err != nil {
				return err
			}
			return with(cmd.Context(), g, func(c *client) error {
				names, err := zapsOf(cmd.Context(), c, args, func(z engine.ZapStatus) bool {
					return z.State == engine.Running || z.State == engine.NeedsHand
				})
				if err != nil {
					return err
				}
				return eachZap(cmd, c, names, "poll", nil, func(name string, report engine.PollReport) error {
					if g.json {
						return printJSON(cmd.OutOrStdout(), struct {
							Zap string `json:"zap"`
							engine.PollReport
						}{name, report})
					}
					prefix := ""
					if len(names) > 1 {
						prefix = name + ": "
					}
					printPoll(cmd.OutOrStdout(), prefix, report)
					return nil
				})
			})
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "poll all zaps")
	return cmd
}

func printPoll(out io.Writer, prefix string, report engine.PollReport) {
	fmt.Fprintf(out, "%s%s in the worksheet, %d new (%d waiting, %d held)\n", prefix, quantity.Count(report.Rows, "row"), report.Found, report.Waiting, report.Held)
	if report.Repeats > 0 {
		fmt.Fprintf(out, "%s%s skipped: keys that other rows have taken\n", prefix, quantity.Count(report.Repeats, "row"))
	}
	if report.Baseline {
		fmt.Fprintln(out, prefix+"first read of the worksheet: rows added from now on are new")
	}
	if report.Doubt != "" {
		fmt.Fprintln(out, prefix+"the read was ignored: "+report.Doubt)
	}
}
