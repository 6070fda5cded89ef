package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rowtap/rowtap/internal/engine"
)

func newStatusCommand(g *globals) *cobra.Command {
	var since string
	var watch bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show every zap: state, polls and row counts",
		Long: "Shows every zap: its state, its polls and how many rows it has in each state.\n\n" +
			"With --since, shows the rows whose last outcome was in that time, and their total. They are counted by the hour for a week, and\n" +
			"by the day in UTC for 30 days, so the count begins with a full hour or day.\n\n" +
			"With --watch, shows the status on the terminal and refreshes it every 2 seconds, until Ctrl-C. If the daemon restarts, it reconnects.",
		Example: "  rowtap status\n  rowtap status --since 7d\n  rowtap status --watch\n  rowtap status --json | jq 'select(.failed > 0)'",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := engine.ParseTime(since, time.Now()); err != nil {
				return usage(cmd, err)
			}
			if watch {
				return watchStatus(cmd, g, since)
			}
			err := with(cmd.Context(), g, func(c *client) error {
				return printStatus(cmd.Context(), c, g, since, cmd.OutOrStdout(), cmd.ErrOrStderr())
			})
			return orMachines(err, g, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().StringVar(&since, "since", "", "counts since this `TIME`: a date (2026-11-24, local time), a duration (7d, 36h) or a time in RFC 3339")
	cmd.Flags().BoolVar(&watch, "watch", false, "refresh the status every 2 seconds, until Ctrl-C")
	return cmd
}

// orMachines prints the machines if err is the response of a standby. Otherwise it returns err.
func orMachines(err error, g *globals, out, stderr io.Writer) error {
	standby, ok := errors.AsType[*standbyError](err)
	if !ok || g.json {
		return err
	}
	fmt.Fprintln(stderr, standby)
	return printMachines(g, out, standby.machines)
}

// shownState returns a zap's state, with shadow mode. Without a daemon, no zap is running.
func shownState(z engine.ZapStatus, daemon bool) string {
	state := string(z.State)
	if z.State == engine.Running && !daemon {
		state = "not running"
	}
	if z.Shadow {
		state += " (shadow)"
	}
	return state
}

// outcomes returns the cells of a table for sent, validated, skipped, failed and held rows; the
// validated ones only in a table with zaps in shadow mode.
func outcomes[T any](shadow bool, of ...T) []string {
	var cells []string
	for i, v := range of {
		if i != 1 || shadow {
			cells = append(cells, fmt.Sprint(v))
		}
	}
	return cells
}

// printStatus prints the status. since is that of the flag, from now.
func printStatus(ctx context.Context, c *client, g *globals, since string, out, stderr io.Writer) error {
	from, err := engine.ParseTime(since, time.Now())
	if err != nil {
		return err
	}
	path := "/api/v1/status"
	if !from.IsZero() {
		path += "?" + url.Values{"since": {formatTime(from)}}.Encode()
	}
	var st engine.Status
	if err := c.get(ctx, path, &st); err != nil {
		return err
	}
	if !c.daemon {
		fmt.Fprintln(stderr, "the daemon is not running, so nothing is polled or sent; this is the status in the state file\nnext: "+environmentOf(g.dir).start())
	}
	printRefusal(g, st.Refused, stderr)
	if g.json {
		return printJSON(out, st.Zaps...)
	}
	at := g.clock(out)
	if st.Total != nil {
		return printCounts(out, stderr, at, st, c.daemon)
	}
	shadow := slices.ContainsFunc(st.Zaps, func(z engine.ZapStatus) bool { return z.Shadow || z.Validated > 0 })
	rows := make([][]string, len(st.Zaps))
	for i, z := range st.Zaps {
		rows[i] = slices.Concat([]string{z.Zap, shownState(z, c.daemon), at.shown(z.LastPoll), at.shown(z.NextPoll), fmt.Sprint(z.Waiting), fmt.Sprint(z.Queued)},
			outcomes(shadow, z.Sent, z.Validated, z.Skipped, z.Failed, z.Held), []string{oneLine(at.text(z.Reason), 60)})
	}
	header := slices.Concat([]string{"ZAP", "STATE", "LAST POLL", "NEXT POLL", "WAITING", "QUEUED"}, outcomes(shadow, "SENT", "VALIDATED", "SKIPPED", "FAILED", "HELD"), []string{"REASON"})
	if err := printTable(out, header, rows); err != nil {
		return err
	}
	if len(st.Machines) > 0 {
		fmt.Fprintln(out)
		if err := printMachines(g, out, st.Machines); err != nil {
			return err
		}
	}
	for _, n := range st.Notes {
		fmt.Fprintf(stderr, "\n%s\n", n.Text)
		printNext(stderr, n.Hint)
	}
	for _, a := range st.Accounts {
		if a.Quota > 0 {
			fmt.Fprintf(out, "Google account %s: needs %s of %d reads per minute; used %.0f%% in the last minute\n",
				a.Account, formatRate(a.ReadsPerMinute), a.Quota, 100*a.QuotaUsed)
		}
	}
	for _, z := range st.Zaps {
		if z.Reason != "" && z.State == engine.NeedsHand {
			fmt.Fprintf(stderr, "\n%s: %s\n", z.Zap, at.text(z.Reason))
			printNext(stderr, z.Hint)
		}
		if notes := z.Notes(); len(notes) > 0 {
			fmt.Fprintln(stderr)
			printNotes(stderr, z.Zap, notes)
		}
	}
	for _, a := range st.Accounts {
		if a.State != "ok" {
			reason := a.Reason
			for _, app := range []string{"clevertap", "google"} { // which the line names already
				reason = strings.TrimPrefix(reason, app+" account "+a.Account+": ")
			}
			fmt.Fprintf(stderr, "\n%s account %s is %s: %s\n", apps[a.App], a.Account, a.State, reason)
			if a.RetryAt != nil {
				fmt.Fprintf(stderr, "next attempt at %s\n", at.shown(a.RetryAt))
			}
			printNext(stderr, a.Hint)
		}
	}
	return nil
}

// printCounts prints the counts of a period, with a total.
func printCounts(out, stderr io.Writer, at clock, st engine.Status, daemon bool) error {
	shadow := st.Total.Validated > 0
	line := func(name, state string, t engine.Tally) []string {
		return append([]string{name, state}, outcomes(shadow, t.Sent, t.Validated, t.Skipped, t.Failed, t.Held)...)
	}
	header := append([]string{"ZAP", "STATE"}, outcomes(shadow, "SENT", "VALIDATED", "SKIPPED", "FAILED", "HELD")...)
	var rows [][]string
	for _, z := range st.Zaps {
		rows = append(rows, line(z.Zap, shownState(z, daemon), z.Since.Tally))
	}
	if _, err := fmt.Fprintf(out, "rows since %s, by their last outcome\n", at.shown(&st.Total.From)); err != nil {
		return err
	}
	if err := printTable(out, header, append(rows, line("total", "", st.Total.Tally))); err != nil {
		return err
	}
	for _, z := range st.Zaps {
		if z.Since.CompleteFrom != nil {
			fmt.Fprintf(stderr, "%s: rows before %s may be missing; they were removed before the upgrade to this release\n", z.Zap, at.shown(z.Since.CompleteFrom))
		}
	}
	return nil
}
