package cli

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/engine"
)

func newCheckCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Check the configuration: every mistake, and each zap's next runs",
		Long: "Reads the configuration as the daemon would, without the network, and lists every mistake with its place.\n" +
			"Where there is none, it prints each zap's next three runs and how many reads a minute they ask of the quota.",
		Example: "  rowtap check --config /etc/rowtap\n  rowtap check --json   # {file, line, column, message, suggestion}, a mistake a line",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return check(g, time.Now(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
}

// mistake is a diagnostic as check --json prints it.
type mistake struct {
	File       string `json:"file"`
	Line       int    `json:"line"`
	Column     int    `json:"column"`
	Message    string `json:"message"`
	Suggestion string `json:"suggestion"`
	Severity   string `json:"severity"` // error or warning
}

func check(g *globals, now time.Time, out, said io.Writer) error {
	plan, err := loadPlan(g.dir)
	wrong, isConfig := errors.AsType[config.Diagnostics](err)
	if err != nil && (!isConfig || !g.json) {
		return configError(err, exitUsage)
	}
	var warnings config.Diagnostics
	if plan != nil {
		warnings = plan.Config.Warnings
	}
	if g.json {
		if err := printJSON(out, append(mistakes(wrong, "error"), mistakes(warnings, "warning")...)...); err != nil {
			return err
		}
		if len(wrong) > 0 {
			return &exitError{exitUsage, errors.New("")}
		}
		return nil
	}
	for _, w := range warnings {
		fmt.Fprintln(said, "warning: "+w.String())
	}
	return printPlan(plan, now, out)
}

func mistakes(ds config.Diagnostics, severity string) []mistake {
	list := make([]mistake, len(ds))
	for i, d := range ds {
		list[i] = mistake{d.File, d.Line, d.Column, d.Message, d.Suggestion, severity}
	}
	return list
}

// printPlan prints when each zap runs, and what the zaps of each account ask of its quota.
func printPlan(plan *engine.Plan, now time.Time, out io.Writer) error {
	const stamp = "Mon 2006-01-02 15:04:05 MST"
	for _, r := range plan.Recipes {
		state := "enabled"
		if !r.Enabled {
			state = "disabled"
		}
		if r.Shadow {
			state += ", shadow"
		}
		fmt.Fprintf(out, "%s (%s): %s", r.Name, state, r.Schedule.Text)
		for _, a := range r.Actions {
			fmt.Fprintf(out, " → %s in %s", a.Name, a.Account.Name)
		}
		fmt.Fprintln(out)
		next := now
		for range 3 {
			next = r.Schedule.Cron.Next(next)
			fmt.Fprintf(out, "    %s\n", next.Format(stamp))
		}
		fmt.Fprintf(out, "    %.2g reads a minute\n", r.ReadsPerMinute(now))
	}
	for _, name := range sortedNames(plan.Config.GoogleAccounts) {
		quota := plan.Config.GoogleAccounts[name].ReadsPerMinute
		asked := plan.ReadsPerMinute(name, now)
		fmt.Fprintf(out, "Google account %s: %.3g of %d reads a minute\n", name, asked, quota)
		if asked > float64(quota) {
			fmt.Fprintf(out, "    more than the quota: polls will come late; use longer schedules, or a second service account\n")
		}
	}
	_, err := fmt.Fprintln(out, "the configuration is good")
	return err
}

func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
