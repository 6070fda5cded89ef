package cli

import (
	"github.com/spf13/cobra"
)

func newResumeCommand(g *globals) *cobra.Command {
	var skip bool
	cmd := &cobra.Command{
		Use:     "resume ZAP",
		Short:   "Let a paused zap go on; rows added meanwhile are sent",
		Example: "  rowtap resume webinar-signups\n  rowtap resume webinar-signups --skip   # as Zapier does: what was added meanwhile is not sent",
		RunE: func(cmd *cobra.Command, args []string) error {
			return zapVerb(cmd, g, args[0], "resume", map[string]bool{"skip": skip})
		},
	}
	cmd.Flags().BoolVar(&skip, "skip", false, "do not send the rows added meanwhile; rowtap replay ZAP --state skipped sends them later")
	return cmd
}
