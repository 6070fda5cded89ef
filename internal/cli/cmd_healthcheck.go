package cli

import (
	"github.com/spf13/cobra"
)

func newHealthcheckCommand(g *globals) *cobra.Command {
	var ready bool
	cmd := &cobra.Command{
		Use:     "healthcheck",
		Short:   "0 if the daemon is healthy, else 1; for container probes",
		Example: "  rowtap healthcheck --ready",
		RunE: func(cmd *cobra.Command, _ []string) error {
			path := "/healthz"
			if ready {
				path = "/readyz"
			}
			err := withDaemon(cmd.Context(), g, func(c *client) error {
				_, err := c.call(cmd.Context(), "GET", path, nil)
				return err
			})
			if err != nil {
				return &exitError{exitFailed, err} // probes know 0 and 1
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&ready, "ready", false, "ask whether it is ready")
	return cmd
}
