package cli

import (
	"github.com/spf13/cobra"
)

func newResumeCommand(g *globals) *cobra.Command {
	var skip bool
	cmd := &cobra.Command{
		Use:     "resume ZAP",
		Short:   "Resume a paused zap; rows added while paused are sent",
		Example: "  rowtap resume webinar-signups\n  rowtap resume webinar-signups --skip   # as Zapier does: rows added while paused are not sent",
		RunE: func(cmd *cobra.Command, args []string) error {
			return zapVerb(cmd, g, args[0], "resume", map[string]bool{"skip": skip})
		},
	}
	cmd.Flags().BoolVar(&skip, "skip", false, "skip rows added while paused (to send them later: rowtap replay ZAP --state skipped)")
	return cmd
}
