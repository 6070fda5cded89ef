package cli

import (
	"github.com/spf13/cobra"

	"github.com/rowtap/rowtap/internal/engine"
)

func newReleaseCommand(g *globals) *cobra.Command {
	var o deliveriesOptions
	cmd := newDeliveriesCommand(g, engine.Release, &o)
	cmd.Short = "Send held deliveries"
	cmd.Long = "Queues held deliveries, so that they are sent.\n\n" + selectionHelp
	cmd.Flags().BoolVar(&o.again, "again", false, "include profile rows superseded by newer rows")
	return cmd
}
