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
		Short: "Print a login link to the daemon's page",
		Long: "Prints a login link to the daemon's page. The link is valid for ten minutes, in any browser. A browser that opens it stays\n" +
			"logged in for a month, or until the token changes. The link does not contain the token.\n\n" +
			"To open the page of a daemon on another machine, forward its port: ssh -L 8321:127.0.0.1:8321 HOST",
		Example: "  rowtap open\n  xdg-open \"$(rowtap open)\"",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withDaemon(cmd.Context(), g, func(c *client) error {
				if c.socket != "" {
					return fmt.Errorf("the daemon listens on the socket %[1]s, which browsers cannot open\nnext: set http.listen to 127.0.0.1:8321, or forward the socket to a port: ssh -L 8321:%[1]s HOST", c.socket)
				}
				if _, err := c.call(cmd.Context(), "GET", "/api/v1/status", nil); err != nil { // report a wrong token here, not in the browser
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
