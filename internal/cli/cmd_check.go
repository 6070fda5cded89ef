package cli

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/plan"
)

func newCheckCommand(g *globals) *cobra.Command {
	var online, strict, effective, filesOnly bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check the configuration: every mistake, and each zap's next runs",
		Long: "Reads the configuration as the daemon would, without the network, and lists every mistake with its place.\n" +
			"Where there is none, it prints each zap's next three runs, in the zone of its schedule (UTC where that names none), and how\n" +
			"many reads a minute they ask of the quota. It warns of a daily run that the zone skips in spring, and says\n" +
			"what becomes of a zap that the files point at another worksheet, by the state of the daemon or the state file.\n\n" +
			"--online then also asks: each account whether it may read or upload (CleverTap by a dry run, which stores nothing), each spreadsheet\n" +
			"for its worksheets and headers, within the quota; and looks whether each zap's columns are there. With properties: all it\n" +
			"prints what each column becomes. Exit code 1 if anything is wrong there.\n\n" +
			"--strict takes warnings for mistakes. --print prints the files as they count, with defaults, and secrets hidden.\n" +
			"--files-only finds the mistakes in the YAML only, for example in CI: no variable counts as set, and missing secret files are accepted.",
		Example: "  rowtap check --config /etc/rowtap\n  rowtap check --online\n  rowtap check --strict && rowtap reload\n  rowtap check --print\n  rowtap check --files-only --config conf\n" +
			"  rowtap check --json            # {file, line, column, message, suggestion}, a mistake a line\n" +
			"  rowtap check --online --json   # also {account, app, ok, troubles} and {zap, ok, header, troubles}",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, os.Interrupt)
			defer stop()
			if filesOnly {
				if online || effective || strict {
					return usage(cmd, errors.New("--files-only cannot be combined with --online, --print or --strict"))
				}
				return checkFiles(g, cmd.OutOrStdout())
			}
			if online && effective {
				return usage(cmd, errors.New("--print asks nobody: without --online"))
			}
			plan, err := check(g, checkOptions{strict, effective, time.Now()}, cmd.OutOrStdout(), cmd.ErrOrStderr())
			if err != nil || effective {
				return err
			}
			zaps := statesOrSay(ctx, g, plan, cmd.ErrOrStderr())
			if err := noteMoves(g, plan, zaps, !online, cmd.OutOrStdout(), cmd.ErrOrStderr()); err != nil || !online {
				return err
			}
			return checkOnline(ctx, g, plan, bindings(zaps), strict, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().BoolVar(&online, "online", false, "also ask the accounts, and look at the sheets")
	cmd.Flags().BoolVar(&strict, "strict", false, "warnings are mistakes, too: exit code 2")
	cmd.Flags().BoolVar(&filesOnly, "files-only", false, "accept unset variables and missing secret files, as where the daemon does not run")
	cmd.Flags().BoolVar(&effective, "print", false, "print the files as they count: defaults, variables' values, secrets hidden")
	return cmd
}

type checkOptions struct {
	strict    bool // warnings are mistakes
	effective bool // print the files as they count, instead of when zaps run
	now       time.Time
}

// mistake is a diagnostic as check --json prints it.
type mistake struct {
	File       string `json:"file"`
	Line       int    `json:"line"`
	Column     int    `json:"column"`
	Message    string `json:"message"`
	Suggestion string `json:"suggestion"`
	Severity   string `json:"severity"` // error, warning or note
}

// check prints what there is to say of the configuration by itself, and returns it.
func check(g *globals, o checkOptions, out, said io.Writer) (*plan.Plan, error) {
	plan, err := loadPlan(g.dir)
	wrong, isConfig := errors.AsType[config.Diagnostics](err)
	if err != nil && (!isConfig || !g.json) {
		return nil, configError(err, exitUsage)
	}
	var warnings config.Diagnostics
	if plan != nil {
		warnings = slices.Concat(plan.Config.Warnings, skippedRuns(plan, o.now))
	}
	refused := len(wrong) > 0 || o.strict && len(warnings) > 0
	if g.json && (!o.effective || refused) {
		if err := printJSON(out, append(mistakes(wrong, "error"), mistakes(warnings, "warning")...)...); err != nil {
			return nil, err
		}
		if refused {
			return nil, &exitError{exitUsage, errors.New("")}
		}
		return plan, nil
	}
	for _, w := range warnings {
		fmt.Fprintln(said, "warning: "+w.String())
	}
	switch {
	case refused:
		return nil, notStrict(len(warnings), "rowtap check --strict")
	case o.effective:
		return plan, printEffective(plan, g.json, out)
	}
	return plan, printPlan(plan, o.now, out)
}

// printEffective prints the files as they count: a YAML document each, or a JSON object a line.
func printEffective(plan *plan.Plan, asJSON bool, out io.Writer) error {
	for _, e := range plan.Config.Effective() {
		if asJSON {
			line := struct {
				File   string           `json:"file"`
				Config config.Effective `json:"config"`
			}{e.File, e}
			if err := printJSON(out, line); err != nil {
				return err
			}
			continue
		}
		text, err := e.YAML()
		if err != nil {
			return fmt.Errorf("%s as it counts: %w", e.File, err)
		}
		if _, err := fmt.Fprintf(out, "---\n# %s\n%s", e.File, text); err != nil {
			return err
		}
	}
	return nil
}

func mistakes(ds config.Diagnostics, severity string) []mistake {
	list := make([]mistake, len(ds))
	for i, d := range ds {
		list[i] = mistake{d.File, d.Line, d.Column, d.Message, d.Suggestion, severity}
	}
	return list
}

// skippedRuns warns of runs that zones leave out in spring.
func skippedRuns(plan *plan.Plan, now time.Time) config.Diagnostics {
	var found config.Diagnostics
	for _, r := range plan.Recipes {
		if w, ok := r.Schedule.Skipped(now); ok {
			found = append(found, w)
		}
	}
	return found
}

// printPlan prints when each zap runs, and what the zaps of each account ask of its quota.
func printPlan(plan *plan.Plan, now time.Time, out io.Writer) error {
	const stamp = "Mon 2006-01-02 15:04:05 MST"
	for _, r := range plan.Recipes {
		state := "enabled"
		if !r.Enabled {
			state = "disabled"
		}
		if r.Shadow {
			state += ", shadow"
		}
		actions := make([]string, len(r.Actions))
		for i, a := range r.Actions {
			actions[i] = a.Name + " in " + a.Account.Name
		}
		fmt.Fprintf(out, "%s (%s): %s → %s\n", r.Name, state, r.Schedule.Text, strings.Join(actions, ", then "))
		next := now
		for range 3 {
			next = r.Schedule.Cron.Next(next)
			fmt.Fprintf(out, "    %s\n", next.In(r.Schedule.Zone()).Format(stamp)) // the reader's own zone would hide what the line means
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

// notStrict is the error of warnings that --strict takes for mistakes.
func notStrict(warnings int, again string) error {
	return &exitError{exitUsage, fmt.Errorf("%s, and --strict lets none pass\nnext: correct what is said above, then: %s", counted(warnings, "warning"), again)}
}
