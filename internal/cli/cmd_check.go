package cli

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/plan"
	"github.com/rowtap/rowtap/internal/quantity"
)

func newCheckCommand(g *globals) *cobra.Command {
	var online, strict, effective, filesOnly bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check the configuration and print each zap's next runs",
		Long: "Loads the configuration as the daemon does, without network access, and lists every mistake with its file, line and column.\n" +
			"A valid configuration prints each zap's next three runs, in the time zone of its schedule (UTC by default), and the reads\n" +
			"per minute that the zaps need. It warns about daily runs that daylight saving time skips, and about zaps that the files\n" +
			"move to another worksheet.\n\n" +
			"--online also checks the accounts (CleverTap with a dry run, which stores nothing), the spreadsheets and worksheets, and that\n" +
			"each zap's columns exist. It stays within the quota. For properties: all, it prints the property of each column. With\n" +
			"state.postgres, it connects to the database and says whether its version fits and the state is there. It logs in to the mail\n" +
			"servers of notify and asks whether they accept sender and recipients, but sends nothing. The exit code is 1 if it finds a\n" +
			"problem.\n\n" +
			"--strict treats warnings as errors. --print prints the effective configuration, with defaults, and with secrets hidden.\n" +
			"--files-only finds the mistakes in the YAML only, for example in CI: no variable counts as set, and missing secret files are\n" +
			"accepted.",
		Example: "  rowtap check --config /etc/rowtap\n  rowtap check --online\n  rowtap check --strict && rowtap reload\n  rowtap check --print\n  rowtap check --files-only --config conf\n" +
			"  rowtap check --json            # {file, line, column, message, suggestion}, one mistake per line\n" +
			"  rowtap check --online --json   # also {account, app, ok, troubles}, {zap, ok, header, troubles}, {target, ok, troubles}",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			if filesOnly {
				if online || effective || strict {
					return usage(cmd, errors.New("--files-only cannot be combined with --online, --print or --strict"))
				}
				return checkFiles(g, cmd.OutOrStdout())
			}
			if online && effective {
				return usage(cmd, errors.New("--print and --online cannot be combined"))
			}
			plan, err := check(g, strict, effective, cmd.OutOrStdout(), cmd.ErrOrStderr())
			if err != nil || effective {
				return err
			}
			zaps := zapStatesOrWarn(ctx, g, plan, cmd.ErrOrStderr())
			if err := printMoves(g, plan, zaps, !online, cmd.OutOrStdout(), cmd.ErrOrStderr()); err != nil || !online {
				return err
			}
			return checkOnline(ctx, g, plan, boundWorksheets(zaps), strict, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().BoolVar(&online, "online", false, "also check accounts, spreadsheets, headers and PostgreSQL")
	cmd.Flags().BoolVar(&strict, "strict", false, "treat warnings as errors (exit code 2)")
	cmd.Flags().BoolVar(&filesOnly, "files-only", false, "accept unset variables and missing secret files")
	cmd.Flags().BoolVar(&effective, "print", false, "print the effective configuration: defaults and variables filled in, secrets hidden")
	return cmd
}

// place is a [config.Pos] in JSON.
type place struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

// mistake is a diagnostic as check --json prints it.
type mistake struct {
	place
	Message    string `json:"message"`
	Suggestion string `json:"suggestion"`
	Severity   string `json:"severity"` // error, warning or note
}

// check loads the configuration, prints the results of the offline checks, and returns it. With
// strict, warnings are errors. With effective, it prints the effective configuration instead of the
// next runs.
func check(g *globals, strict, effective bool, out, stderr io.Writer) (*plan.Plan, error) {
	now := time.Now()
	plan, err := loadPlan(g.dir)
	wrong, isConfig := errors.AsType[config.Diagnostics](err)
	if err != nil && (!isConfig || !g.json) {
		return nil, configError(err, exitUsage)
	}
	var warnings config.Diagnostics
	if plan != nil {
		warnings = slices.Concat(plan.Config.Warnings, skippedRuns(plan, now), environmentOf(g.dir).unreadable(plan.Config, serviceAccount()))
	}
	refused := len(wrong) > 0 || strict && len(warnings) > 0
	if g.json && (!effective || refused) {
		if err := printJSON(out, append(mistakes(wrong, "error"), mistakes(warnings, "warning")...)...); err != nil {
			return nil, err
		}
		if refused {
			return nil, &exitError{exitUsage, errors.New("")}
		}
		return plan, nil
	}
	for _, w := range warnings {
		fmt.Fprintln(stderr, "warning: "+w.String())
	}
	switch {
	case refused:
		return nil, strictError(len(warnings), "rowtap check --strict")
	case effective:
		return plan, printEffective(plan, g.json, out)
	}
	return plan, printPlan(plan, now, out)
}

// printEffective prints the effective configuration: one YAML document or JSON object per file.
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
			return fmt.Errorf("effective configuration of %s: %w", e.File, err)
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
		list[i] = mistake{place(d.Pos), d.Message, d.Suggestion, severity}
	}
	return list
}

// skippedRuns returns warnings about runs that daylight saving time skips.
func skippedRuns(plan *plan.Plan, now time.Time) config.Diagnostics {
	var found config.Diagnostics
	for _, r := range plan.Recipes {
		if w, ok := r.Schedule.Skipped(now); ok {
			found = append(found, w)
		}
	}
	return found
}

// printPlan prints the next runs of each zap, and the reads per minute that each account needs.
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
			fmt.Fprintf(out, "    %s\n", next.In(r.Schedule.Zone()).Format(stamp)) // not local time: it would hide what the cron line means
		}
		fmt.Fprintf(out, "    %s reads per minute\n", formatRate(r.ReadsPerMinute(now)))
	}
	for _, name := range sortedNames(plan.Config.GoogleAccounts) {
		quota := plan.Config.GoogleAccounts[name].ReadsPerMinute
		asked := plan.ReadsPerMinute(name, now)
		fmt.Fprintf(out, "Google account %s: needs %s of %d reads per minute\n", name, formatRate(asked), quota)
		if asked > float64(quota) {
			fmt.Fprintf(out, "    more than the quota, so polls will be late\n    next: poll less often, or use a second service account\n")
		}
	}
	_, err := fmt.Fprintln(out, "configuration valid")
	return err
}

func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// strictError returns the error for warnings under --strict.
func strictError(warnings int, again string) error {
	return &exitError{exitUsage, fmt.Errorf("%s; warnings are errors with --strict\nnext: fix the warnings above, then: %s", quantity.Count(warnings, "warning"), again)}
}
