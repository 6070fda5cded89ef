package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/rowtap/rowtap/internal/web/ui"
)

func newOpenCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "open",
		Short: "Print the link of the daemon's page, which logs a browser in",
		Long: "The link is good for ten minutes, and for the browser that opens it first or later; from then on a cookie lets it in for a month,\n" +
			"as long as the token stays the same. The token itself is not in it.\n\n" +
			"The page of a daemon on another machine is reached over ssh: ssh -L 8321:127.0.0.1:8321 HOST",
		Example: "  rowtap open\n  xdg-open \"$(rowtap open)\"",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withDaemon(cmd.Context(), g, func(c *client) error {
				if c.socket != "" {
					return fmt.Errorf("the daemon listens on the socket %[1]s, which browsers cannot open\nnext: let it listen on 127.0.0.1:8321 (http.listen), or bring the socket to a port: ssh -L 8321:%[1]s HOST", c.socket)
				}
				if _, err := c.call(cmd.Context(), "GET", "/api/v1/status", nil); err != nil { // a wrong token is better told here
					return err
				}
				link := ui.Link(c.base, c.token, time.Now())
				if g.json {
					return printJSON(cmd.OutOrStdout(), map[string]string{"link": link})
				}
				_, err := fmt.Fprintln(cmd.OutOrStdout(), link)
				return err
			})
		},
	}
}
