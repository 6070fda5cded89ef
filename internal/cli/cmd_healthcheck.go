package cli

import (
	"context"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/web/proof"
)

func newHealthcheckCommand(g *globals) *cobra.Command {
	var ready bool
	cmd := &cobra.Command{
		Use:   "healthcheck",
		Short: "Check the daemon's health (exit code 0 or 1)",
		Long: "Requests /healthz, or /readyz with --ready, and exits with 0 or 1, for container probes. It needs no token.\n\n" +
			"A daemon whose configuration files are refused is healthy and ready. If rowtap.yaml cannot be read, the daemon is probed\n" +
			"at $ROWTAP_LISTEN, or else at its last address.",
		Example: "  rowtap healthcheck\n  rowtap healthcheck --ready",
		RunE: func(cmd *cobra.Command, _ []string) error {
			path := "/healthz"
			if ready {
				path = "/readyz"
			}
			if err := probe(cmd.Context(), g, path); err != nil {
				return &exitError{exitFailed, err} // probes know 0 and 1
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&ready, "ready", false, "request /readyz instead of /healthz")
	return cmd
}

// probe requests a path that needs no token.
func probe(ctx context.Context, g *globals, path string) error {
	for _, base := range probed(g.dir) {
		c, err := dialer(base)
		if err != nil {
			return err
		}
		alive, err := c.alive(ctx)
		if err != nil {
			return err
		}
		if alive {
			_, err = c.call(ctx, "GET", path, nil)
			return err
		}
	}
	return noDaemon(g)
}

// probed returns where the daemon may listen: where rowtap.yaml says, and where it did before a
// change of rowtap.yaml that needs a restart or made the file unreadable.
func probed(dir string) []string {
	if base := os.Getenv("ROWTAP_URL"); base != "" {
		return []string{base}
	}
	addresses := []string{healthAddress(dir)}
	if local, err := config.LoadLocal(dir, environmentOf(dir).find); err == nil {
		addresses = []string{local.HTTP.Listen, keptAddress(local.State)}
	}
	var bases []string
	for _, address := range addresses {
		if base := proof.Base(address); address != "" && !slices.Contains(bases, base) {
			bases = append(bases, base)
		}
	}
	return bases
}
