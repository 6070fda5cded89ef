package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rowtap/rowtap/internal/ledger"

	"github.com/spf13/cobra"

	"github.com/rowtap/rowtap/internal/engine"
)

// ask says what would be touched and what CleverTap will make of it, and returns whether to go on.
func ask(ctx context.Context, c *client, cmd *cobra.Command, action engine.Action, sel engine.Selection) (bool, error) {
	var would engine.Done
	sel.DryRun = true
	if err := c.post(ctx, "/api/v1/deliveries/"+string(action), sel, &would); err != nil {
		return false, err
	}
	if would.Count == 0 && would.Stale == 0 {
		fmt.Fprintln(cmd.ErrOrStderr(), "nothing to "+string(action))
		sayPassedOver(cmd, sel, would)
		return false, nil
	}
	if text := latenessWarning(sel.Again, would); text != "" {
		fmt.Fprintln(cmd.ErrOrStderr(), text)
	}
	if would.Count == 0 {
		sayStale(cmd, would)
		return false, nil
	}
	sayEdited(cmd, sel, would)
	return confirm(ctx, cmd, fmt.Sprintf("%s %s?", action, counted(would.Count, "delivery")))
}

// What CleverTap makes of records that come late (https://developer.clevertap.com/docs/events-object, on live campaigns;
// https://developer.clevertap.com/docs/upload-user-profiles-api: an upload sets the properties that it has).
const (
	lateEvents    = "Events older than two hours trigger no live campaign"
	olderProfiles = "A profile row overwrites what its user has now, also newer values from elsewhere."
)

// latenessWarning says what CleverTap will make of deliveries that come late.
func latenessWarning(again bool, done engine.Done) string {
	would := done.Would
	if would == nil || done.Action == engine.Discard {
		return ""
	}
	var lines []string
	if would.Events > 0 {
		lines = append(lines, fmt.Sprintf("%s: of %s, %d came longer ago.", lateEvents, counted(would.Events, "event"), would.OldEvents))
	}
	if would.Repeated > 0 {
		lines = append(lines, "It counts an event that comes again twice.")
	}
	switch {
	case would.Profiles == 0 && done.Stale == 0:
	case again:
		lines = append(lines, olderProfiles)
	default:
		lines = append(lines, olderProfiles+" Those whose user a newer row has updated since are passed over.")
	}
	return strings.Join(lines, "\n")
}

// acts are the commands that do something with deliveries, and what they say of it.
var acts = map[string]struct{ short, states, done string }{
	"replay":  {"Send failed deliveries again, with the mapping as it is now", "failed, or skipped by resume --skip or validated in shadow mode and named (by ID or --state skipped or validated),", "queued again"},
	"release": {"Send held deliveries", "held", "queued"},
	"discard": {"Give failed or held deliveries up", "failed or held, or waiting for a row that is deleted or no longer watched,", "discarded"},
}

func newActCommand(g *globals, verb string) *cobra.Command {
	var state string
	var yes, again bool
	act := acts[verb]
	cmd := &cobra.Command{
		Use:   verb + " [ZAP or ID…]",
		Short: act.short,
		Long: act.short + ".\nDeliveries are named by ID, or all of a zap in a state. On a terminal it says what it will touch, and asks;\n" +
			"off a terminal it acts without asking. Those that are not " + act.states + " are passed over.",
		Example: fmt.Sprintf("  rowtap %s webinar-signups/1042\n  rowtap %s webinar-signups --yes", verb, verb),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 && state == "" {
				return usage(cmd, errors.New("which deliveries? Name a zap, IDs, or a --state"))
			}
			sel := engine.Selection{Again: again}
			if err := sel.State.UnmarshalText([]byte(state)); err != nil {
				return usage(cmd, err)
			}
			if len(args) == 1 && !strings.Contains(args[0], "/") {
				sel.Zap = args[0]
			} else {
				sel.IDs = args
			}
			return with(cmd.Context(), g, func(c *client) error {
				asked := !yes && interactive(cmd.InOrStdin())
				if asked {
					yes, err := ask(cmd.Context(), c, cmd, engine.Action(verb), sel)
					if err != nil || !yes {
						return err
					}
				}
				return doAct(cmd.Context(), c, g, verb, sel, asked, cmd)
			})
		},
	}
	cmd.Flags().StringVar(&state, "state", "", "all deliveries in this state (of the zap, or of all)")
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	switch verb {
	case "release":
		cmd.Flags().BoolVar(&again, "again", false, "also profile rows that newer ones have overtaken")
	case "replay":
		cmd.Flags().BoolVar(&again, "again", false, "also what was sent before (CleverTap counts an event that comes again twice), and profile rows that newer ones have overtaken")
	}
	return cmd
}

func doAct(ctx context.Context, c *client, g *globals, verb string, sel engine.Selection, asked bool, cmd *cobra.Command) error {
	var done engine.Done
	if err := c.post(ctx, "/api/v1/deliveries/"+verb, sel, &done); err != nil {
		return err
	}
	sayStale(cmd, done)
	sayPassedOver(cmd, sel, done)
	if !asked {
		sayEdited(cmd, sel, done)
	}
	if g.json {
		return printJSON(cmd.OutOrStdout(), done)
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s %s\n", counted(done.Count, "delivery"), acts[verb].done)
	return err
}

// sayStale says which deliveries were passed over, and what to do with them.
func sayStale(cmd *cobra.Command, done engine.Done) {
	if done.Stale > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s passed over: newer rows have updated their users since, or are past state.history and may have; older values would overwrite those\n"+
			"next: discard them, or rowtap %s --again\n", counted(done.Stale, "delivery"), done.Action)
	}
}

// sayPassedOver says that deliveries which were named are in no state for the command: nobody names them by chance.
func sayPassedOver(cmd *cobra.Command, sel engine.Selection, done engine.Done) {
	verb, stderr := string(done.Action), cmd.ErrOrStderr()
	if over := len(sel.IDs) - done.Count - done.Stale - done.Sent; over > 0 {
		fmt.Fprintf(stderr, "%s passed over: %s is for those that are %s\n", counted(over, "delivery"), verb, strings.TrimSuffix(acts[verb].states, ","))
	}
	switch {
	case done.Sent > 0:
		fmt.Fprintf(stderr, "%s passed over: already sent to CleverTap\n", counted(done.Sent, "delivery"))
	case verb == "replay" && !sel.Again && sel.State == ledger.Sent:
		fmt.Fprintln(stderr, "what was sent before is passed over")
	default:
		return
	}
	fmt.Fprintf(stderr, "next: rowtap replay %s --again sends again what was sent before\n", selected(sel))
}

// selected is a selection as it was typed.
func selected(sel engine.Selection) string {
	words := sel.IDs
	if sel.Zap != "" {
		words = []string{sel.Zap}
	}
	if sel.State != 0 {
		words = append(slices.Clone(words), "--state", sel.State.String())
	}
	return strings.Join(words, " ")
}

// sayEdited says that the rows are sent by another configuration than the one on disk.
func sayEdited(cmd *cobra.Command, sel engine.Selection, done engine.Done) {
	if len(done.Edited) > 0 && done.Count > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "the configuration on disk is newer than the one in force, by which the rows are sent; changed since: %s\n"+
			"next: rowtap reload, then: rowtap %s %s\n", strings.Join(done.Edited, ", "), done.Action, selected(sel))
	}
}
