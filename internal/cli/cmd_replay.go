package cli

import (
	"github.com/spf13/cobra"

	"github.com/rowtap/rowtap/internal/engine"
)

func newReplayCommand(g *globals) *cobra.Command {
	var o deliveriesOptions
	cmd := newDeliveriesCommand(g, engine.Replay, &o)
	cmd.Short = "Send failed deliveries again with the current mapping"
	cmd.Long = "Queues failed deliveries again; their records are built with the current mapping. Rows skipped by resume --skip and\n" +
		"rows validated in shadow mode are replayed only if selected by ID or by --state skipped or --state validated.\n\n" + selectionHelp
	cmd.Flags().BoolVar(&o.again, "again", false,
		"include sent deliveries (CleverTap counts a repeated event twice) and profile rows superseded by newer rows")
	return cmd
}
