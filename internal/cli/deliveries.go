package cli

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/quantity"
)

// replay, release and discard share their arguments, their question and their output.

// selectionHelp ends the long help of these commands.
const selectionHelp = "Select deliveries by ID, by zap, or by --state, --since, --until and --error. On a terminal, the command shows how many\n" +
	"deliveries it would act on and for which reasons, and asks for confirmation; otherwise it proceeds without asking.\n" +
	"Deliveries in other states are left unchanged."

// deliveryActions are the words of the output of each action.
var deliveryActions = map[engine.Action]struct {
	done string // past participle, and what has become of the deliveries
	only string // which deliveries it applies to
}{
	engine.Replay: {
		"queued again",
		"only failed deliveries can be replayed, and skipped (resume --skip, repeats) or validated (shadow) ones selected by ID or --state",
	},
	engine.Release: {"queued", "only held deliveries can be released"},
	engine.Discard: {
		"discarded",
		"only failed or held deliveries, and waiting ones whose row is deleted or no longer watched, can be discarded",
	},
}

// deliveriesOptions are the flags of an action on deliveries.
type deliveriesOptions struct {
	state  string
	during period
	error  string
	yes    bool
	again  bool
}

// selection returns the selection of the arguments and flags.
func (o deliveriesOptions) selection(args []string) (sel engine.Selection, err error) {
	sel = engine.Selection{Again: o.again, Error: o.error}
	if err := sel.State.UnmarshalText([]byte(o.state)); err != nil {
		return sel, err
	}
	if sel.Since, sel.Until, err = o.during.times(); err != nil {
		return sel, err
	}
	if len(args) == 1 && !strings.Contains(args[0], "/") {
		sel.Zap = args[0]
	} else {
		sel.IDs = args
	}
	if sel.Empty() {
		err = errors.New("no deliveries selected: name a zap, delivery IDs, --state, --since, --until or --error")
	}
	return sel, err
}

// newDeliveriesCommand returns the command of an action on deliveries, without its help.
func newDeliveriesCommand(g *globals, action engine.Action, o *deliveriesOptions) *cobra.Command {
	cmd := &cobra.Command{
		Use:     string(action) + " [ZAP or ID…]",
		Example: fmt.Sprintf("  rowtap %[1]s webinar-signups/1042\n  rowtap %[1]s webinar-signups --yes\n  rowtap %[1]s --error \"phone\" --since 2026-11-24", action),
		RunE: func(cmd *cobra.Command, args []string) error {
			sel, err := o.selection(args)
			if err != nil {
				return usage(cmd, err)
			}
			return with(cmd.Context(), g, func(c *client) error {
				asked := !o.yes && interactive(cmd.InOrStdin())
				if asked {
					yes, err := confirmDeliveries(cmd, c, action, sel)
					if err != nil || !yes {
						return err
					}
				}
				return actOnDeliveries(cmd, g, c, action, sel, asked)
			})
		},
	}
	cmd.Flags().StringVar(&o.state, "state", "", "select all deliveries in this `STATE` (of the zap, or of all zaps)")
	o.during.addFlags(cmd, "only deliveries")
	cmd.Flags().StringVar(&o.error, "error", "", "only deliveries whose error or reason contains this `TEXT`")
	cmd.Flags().BoolVarP(&o.yes, "yes", "y", false, "do not ask for confirmation")
	return cmd
}

// confirmDeliveries shows what the action would do, and returns whether the operator agrees.
func confirmDeliveries(cmd *cobra.Command, c *client, action engine.Action, sel engine.Selection) (bool, error) {
	var would engine.Done
	sel.DryRun = true
	if err := c.post(cmd.Context(), "/api/v1/deliveries/"+string(action), sel, &would); err != nil {
		return false, err
	}
	if would.Count == 0 && would.Stale == 0 {
		fmt.Fprintln(cmd.ErrOrStderr(), "nothing to "+string(action))
		printNotActedOn(cmd, sel, would)
		return false, nil
	}
	printReasons(cmd, would)
	if text := latenessWarning(sel.Again, would); text != "" {
		fmt.Fprintln(cmd.ErrOrStderr(), text)
	}
	if would.Count == 0 {
		printStale(cmd, sel, would)
		return false, nil
	}
	printEdited(cmd, sel, would)
	return confirm(cmd.Context(), cmd, fmt.Sprintf("%s %s?", action, quantity.Count(would.Count, "delivery")))
}

// maxReasons limits how many reasons are listed.
const maxReasons = 10

// printReasons lists why the deliveries failed or are held.
func printReasons(cmd *cobra.Command, would engine.Done) {
	stderr := cmd.ErrOrStderr()
	for _, r := range would.Reasons[:min(len(would.Reasons), maxReasons)] {
		fmt.Fprintf(stderr, "%6d  %s\n", r.Count, oneLine(cmp.Or(r.Text, "no reason recorded"), 100))
	}
	if more := len(would.Reasons) - maxReasons; more > 0 {
		fmt.Fprintf(stderr, "        and %s\n", quantity.Count(more, "other reason"))
	}
}

// How CleverTap treats records that arrive late: https://developer.clevertap.com/docs/events-object
// on live campaigns; https://developer.clevertap.com/docs/upload-user-profiles-api: an upload sets
// the properties that it has.
const (
	lateEvents    = "Events older than two hours trigger no live campaigns"
	olderProfiles = "Profile rows overwrite the user's current values, including newer values from other sources."
)

// latenessWarning says how CleverTap will treat late deliveries; "" if there is nothing to say.
func latenessWarning(again bool, done engine.Done) string {
	would := done.Would
	if would == nil || done.Action == engine.Discard {
		return ""
	}
	var lines []string
	if would.Events > 0 {
		lines = append(lines, fmt.Sprintf("%s (%d of %s).", lateEvents, would.OldEvents, quantity.Count(would.Events, "event")))
	}
	if would.Repeated > 0 {
		lines = append(lines, "CleverTap counts a repeated event twice.")
	}
	switch {
	case would.Profiles == 0 && done.Stale == 0:
	case again:
		lines = append(lines, olderProfiles)
	default:
		lines = append(lines, olderProfiles+" Rows superseded by a newer row of the same user are not sent.")
	}
	return strings.Join(lines, "\n")
}

func actOnDeliveries(cmd *cobra.Command, g *globals, c *client, action engine.Action, sel engine.Selection, asked bool) error {
	var done engine.Done
	if err := c.post(cmd.Context(), "/api/v1/deliveries/"+string(action), sel, &done); err != nil {
		return err
	}
	printStale(cmd, sel, done)
	printRepeats(cmd, done)
	printNotActedOn(cmd, sel, done)
	if !asked {
		printEdited(cmd, sel, done)
	}
	if g.json {
		return printJSON(cmd.OutOrStdout(), done)
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s %s\n", quantity.Count(done.Count, "delivery"), deliveryActions[action].done)
	return err
}

// printStale reports deliveries superseded by newer rows of the same users.
func printStale(cmd *cobra.Command, sel engine.Selection, done engine.Done) {
	if done.Stale > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s not sent: newer rows of the same users were sent since, or may have been before state.history; "+
			"sending these would restore older values\n"+
			"next: discard them (rowtap discard ID), or: rowtap %s %s --again\n", quantity.Count(done.Stale, "delivery"), done.Action, selectionArgs(sel))
	}
}

// printRepeats reports deliveries that were skipped because other rows have taken their keys.
func printRepeats(cmd *cobra.Command, done engine.Done) {
	if done.Repeats > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s skipped: other rows have taken their keys (repeats: skip)\nnext: rowtap replay ID sends one of them\n", quantity.Count(done.Repeats, "delivery"))
	}
}

// printNotActedOn reports the selected deliveries whose state the action does not apply to. Those
// selected by zap are not reported: only IDs are certain to be meant.
func printNotActedOn(cmd *cobra.Command, sel engine.Selection, done engine.Done) {
	stderr := cmd.ErrOrStderr()
	if n := len(sel.IDs) - done.Count - done.Stale - done.Sent - done.Repeats; n > 0 {
		fmt.Fprintf(stderr, "%s unchanged: %s\n", quantity.Count(n, "delivery"), deliveryActions[done.Action].only)
	}
	switch {
	case done.Sent > 0:
		fmt.Fprintf(stderr, "%s not replayed: already sent to CleverTap\n", quantity.Count(done.Sent, "delivery"))
	case done.Action == engine.Replay && !sel.Again && sel.State == ledger.Sent:
		fmt.Fprintln(stderr, "sent deliveries are not replayed without --again")
	default:
		return
	}
	fmt.Fprintf(stderr, "next: rowtap replay %s --again\n", selectionArgs(sel))
}

// selectionArgs returns a selection as typed on the command line.
func selectionArgs(sel engine.Selection) string {
	words := sel.IDs
	if sel.Zap != "" {
		words = []string{sel.Zap}
	}
	words = slices.Clone(words)
	if sel.State != 0 {
		words = append(words, "--state", sel.State.String())
	}
	for _, flag := range []struct{ name, value string }{
		{"--since", formatTime(sel.Since)},
		{"--until", formatTime(sel.Until)},
		{"--error", sel.Error},
	} {
		if flag.value != "" {
			words = append(words, flag.name, shellQuote(flag.value))
		}
	}
	return strings.Join(words, " ")
}

// printEdited warns that the rows are sent with the loaded configuration, not with the newer files
// on disk.
func printEdited(cmd *cobra.Command, sel engine.Selection, done engine.Done) {
	if len(done.Edited) > 0 && done.Count > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "rows are sent with the loaded configuration; files changed since it was loaded: %s\n"+
			"next: rowtap reload, then: rowtap %s %s\n", strings.Join(done.Edited, ", "), done.Action, selectionArgs(sel))
	}
}
