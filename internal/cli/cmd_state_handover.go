package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

func newStateHandoverCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "handover",
		Short: "Hand over to a standby, for example before an upgrade",
		Long: "Makes the daemon finish its uploads, release the lease and stand by. Another machine takes over within two seconds, instead\n" +
			"of the usual 15. If no machine can take over, nothing changes. Requires state.postgres.",
		Example: "  rowtap state handover && systemctl restart rowtap",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withDaemon(cmd.Context(), g, func(c *client) error {
				began := time.Now()
				if err := c.post(cmd.Context(), "/api/v1/state/handover", nil, &struct{}{}); err != nil {
					return err
				}
				host, err := successor(cmd.Context(), c)
				if err != nil {
					return err
				}
				if g.json {
					return printJSON(cmd.OutOrStdout(), map[string]any{"active": host})
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is now active, after %s\n", host, time.Since(began).Round(time.Millisecond))
				return err
			})
		},
	}
}

// successor waits until another machine is active, and returns its host name.
func successor(ctx context.Context, c *client) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		_, err := c.call(ctx, "GET", "/api/v1/status", nil)
		standby, ok := errors.AsType[*standbyError](err)
		switch {
		case err == nil:
			return "", errors.New("no machine took over; this one is active again\nnext: rowtap status, then check the log of the other machine")
		case ok && standby.active() != "":
			return standby.active(), nil
		}
		select {
		case <-ctx.Done():
			return "", errors.New("no machine has taken over yet; the lease is free\nnext: rowtap status, then check the log of the other machine")
		case <-tick.C:
		}
	}
}
