package cli

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rowtap/rowtap/internal/web/ui"
)

func newOpenCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "open [ZAP-OR-ID]",
		Short: "Print a login link to the daemon's page",
		Long: "Prints a login link to the overview, or to the page of a zap or a delivery. It is valid for ten minutes, in any browser. A\n" +
			"browser that opens it stays logged in for a month, or until the token changes. The link does not contain the token.\n\n" +
			"To open the page of a daemon on another machine, forward its port: ssh -L 8321:127.0.0.1:8321 HOST",
		Example: "  rowtap open\n  rowtap open webinar-signups/1042\n  xdg-open \"$(rowtap open)\"",
		RunE: func(cmd *cobra.Command, args []string) error {
			return withDaemon(cmd.Context(), g, func(c *client) error {
				if c.socket != "" {
					return fmt.Errorf("the daemon listens on the socket %[1]s, which browsers cannot open\nnext: set http.listen to 127.0.0.1:8321, or forward the socket to a port: ssh -L 8321:%[1]s HOST", c.socket)
				}
				page, err := pageOf(cmd.Context(), c, args)
				if err != nil { // a wrong token is reported here, not in the browser
					return err
				}
				link := ui.Link(c.base+page, c.token, time.Now())
				if g.json {
					return printJSON(cmd.OutOrStdout(), map[string]string{"link": link})
				}
				_, err = fmt.Fprintln(cmd.OutOrStdout(), link)
				return err
			})
		},
	}
}

// pageOf returns the path of the page of a zap or a delivery that exists, such as /zaps/signups;
// "/" without arguments. It also finds out whether the daemon accepts the token.
func pageOf(ctx context.Context, c *client, args []string) (string, error) {
	page, proof := "/", "/api/v1/status"
	if len(args) > 0 {
		name, number, delivery := strings.Cut(args[0], "/")
		page, proof = "/zaps/"+url.PathEscape(name), "/api/v1/deliveries?"+url.Values{"zap": {name}, "limit": {"1"}}.Encode()
		if delivery {
			page = "/deliveries/" + url.PathEscape(name) + "/" + url.PathEscape(number)
			proof = "/api/v1" + page
		}
	}
	_, err := c.call(ctx, http.MethodGet, proof, nil)
	return page, err
}
