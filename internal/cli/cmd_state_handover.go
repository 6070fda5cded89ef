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
		Short: "Give the work to a standby at once, such as before an upgrade",
		Long: "Has the daemon finish its uploads, give the lease up, and stand by. Another machine takes over within a second or two;\n" +
			"without this it would within 15 seconds. Where none could take over, nothing happens. It needs state.postgres.",
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
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is active now, after %s\n", host, time.Since(began).Round(time.Millisecond))
				return err
			})
		},
	}
}

// successor waits until another machine is active, and returns its name.
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
			return "", errors.New("this machine is the active one again: nobody took over\nnext: rowtap status, and the other machine's log")
		case ok && standby.active() != "":
			return standby.active(), nil
		}
		select {
		case <-ctx.Done():
			return "", errors.New("the lease is free, but nobody has taken over yet\nnext: rowtap status, and the other machine's log")
		case <-tick.C:
		}
	}
}
