package cli

import (
	"github.com/spf13/cobra"

	"github.com/rowtap/rowtap/internal/engine"
)

func newDiscardCommand(g *globals) *cobra.Command {
	cmd := newDeliveriesCommand(g, engine.Discard, &deliveriesOptions{})
	cmd.Short = "Discard failed or held deliveries"
	cmd.Long = "Discards failed or held deliveries, and waiting ones whose row was deleted or is no longer watched.\n" +
		"Discarded rows are not sent.\n\n" + selectionHelp
	return cmd
}
