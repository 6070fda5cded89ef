package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rowtap/rowtap/internal/engine"
)

func newResumeCommand(g *globals) *cobra.Command {
	var skip, all, yes bool
	cmd := &cobra.Command{
		Use:   "resume [ZAP…]",
		Short: "Resume paused zaps; rows added while paused are sent",
		Long: "Resumes paused zaps. Rows added while they were paused are sent, or skipped with --skip.\n\n" +
			"--all means every paused zap. Zaps that are paused because their state was restored from a backup may send again what was\n" +
			"sent after the backup: the command names them and asks. Without a terminal they stay paused, unless --yes is given.",
		Example: "  rowtap resume webinar-signups\n" +
			"  rowtap resume webinar-signups --skip   # as Zapier does: rows added while paused are not sent\n" +
			"  rowtap resume --all",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkZaps(cmd, args, all); err != nil {
				return err
			}
			return with(cmd.Context(), g, func(c *client) error {
				var restored []string
				names, err := zapsOf(cmd.Context(), c, args, func(z engine.ZapStatus) bool {
					if z.State == engine.Paused && z.Restored {
						restored = append(restored, z.Zap)
						return false
					}
					return z.State == engine.Paused
				})
				if err != nil {
					return err
				}
				agreed := yes
				if len(restored) > 0 && !yes && interactive(cmd.InOrStdin()) {
					if agreed, err = confirm(cmd.Context(), cmd, restoredQuestion(restored, skip)); err != nil {
						return err
					}
				}
				if agreed {
					names, restored = append(names, restored...), nil
				}
				if len(names) > 0 || len(restored) == 0 {
					err = eachZap(cmd, c, names, "resume", map[string]bool{"skip": skip}, showState(cmd, g))
				}
				if err == nil && len(restored) > 0 && !interactive(cmd.InOrStdin()) {
					err = fmt.Errorf("still paused, because restored from a backup: %s\nnext: rowtap resume --all --yes (continues from the backup), or: "+
						"rowtap resume --all --yes --skip (from now)", strings.Join(restored, ", "))
				}
				return err
			})
		},
	}
	cmd.Flags().BoolVar(&skip, "skip", false, "skip rows added while paused (to send them later: rowtap replay ZAP --state skipped)")
	cmd.Flags().BoolVar(&all, "all", false, "resume all paused zaps")
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "with --all: also resume restored zaps, without asking")
	return cmd
}

// restoredQuestion asks whether zaps that were restored from a backup are to be resumed.
func restoredQuestion(names []string, skip bool) string {
	text := "restored from a backup: " + strings.Join(names, ", ") + "\n"
	if skip {
		return text + "rows added since the backup are not sent. Resume them?"
	}
	return text + "they continue from the backup: rows added after it are sent, even if they were sent before. Resume them?"
}
