package cli

import (
	"fmt"
	"net/url"

	"github.com/spf13/cobra"
)

func newPauseCommand(g *globals) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:     "pause ZAP",
		Short:   "Stop polling and sending for a zap until it is resumed",
		Example: "  rowtap pause webinar-signups --reason 'list is being cleaned'",
		RunE: func(cmd *cobra.Command, args []string) error {
			return zapVerb(cmd, g, args[0], "pause", map[string]string{"reason": reason})
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "`TEXT` shown in status and on the page")
	return cmd
}

func zapVerb(cmd *cobra.Command, g *globals, name, verb string, body any) error {
	return with(cmd.Context(), g, func(c *client) error {
		var done struct {
			Zap   string `json:"zap"`
			State string `json:"state"`
		}
		if err := c.post(cmd.Context(), "/api/v1/zaps/"+url.PathEscape(name)+"/"+verb, body, &done); err != nil {
			return err
		}
		if g.json {
			return printJSON(cmd.OutOrStdout(), done)
		}
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s is %s\n", done.Zap, done.State)
		return err
	})
}
