// Package cli is rowtap's command line.
//
// Each subcommand has a file: cmd_history.go, cmd_state_backup.go. The file of a subcommand of
// `rowtap test` is cmd_testcases.go, without a second underscore, so that it does not look like a
// Go test.
//
// Data goes to stdout, messages, questions and progress to stderr. Exit codes: 0 done, 1 failed, 2
// wrong usage or invalid configuration, 130 interrupted question, and 78 (EX_CONFIG of sysexits.h,
// which systemd shows by name) for `run` with an invalid configuration. An error message ends with
// the next command to run, if there is one.
//
// Commands that need the daemon's state call its API. If no daemon runs, they open the state file
// and call the same handlers in this process (client.go), so that there is one code path.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"os"

	"github.com/spf13/cobra"

	"github.com/rowtap/rowtap/internal/cli/hangup"
	"github.com/rowtap/rowtap/internal/config"
)

// The exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
	exitConfig = 78

	exitInterrupted = 130 // as in shells: 128 plus the number of SIGINT
)

// globals are the global flags.
type globals struct {
	dir  string // the configuration directory
	json bool
	utc  bool // print times in UTC on terminals as well
	// sheetPage is the URL of the spreadsheet page of the demo's emulator; "" outside the demo.
	sheetPage string
}

// exitError is an error with its exit code.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// Main runs a command line and returns its exit code.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	// net/http logs parts of responses; the daemon logs without them (redirectLibraryLog).
	stdlog.SetOutput(io.Discard)
	root := Command()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(context.Background())
	if err == nil {
		return exitOK
	}
	if err.Error() != "" {
		fmt.Fprintln(stderr, journalError(stderr, "rowtap: "+printableLines(err.Error())))
	}
	if exit, ok := errors.AsType[*exitError](err); ok {
		return exit.code
	}
	if _, ok := errors.AsType[config.Diagnostics](err); ok {
		return exitUsage
	}
	return exitFailed
}

// Command returns the command line with all commands, for programs that document it.
func Command() *cobra.Command {
	var g globals
	root := &cobra.Command{
		Use:   "rowtap",
		Short: "Fires a CleverTap action for every new Google Sheets row",
		Long: "rowtap watches Google Sheets and fires a CleverTap action for every new spreadsheet row, once:\n" +
			"a Zap without Zapier. To try it without any account, run rowtap demo.\n\n" + topicList(),
		RunE: helpOrUnknown,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Name() != "run" {
				hangup.Release()
			}
			return environmentOf(g.dir).adopt(cmd.Name() == "run", os.Setenv)
		},
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: false},
	}
	root.PersistentFlags().StringVarP(&g.dir, "config", "c", defaultDir(), "configuration `DIR` with rowtap.yaml and zaps/ ($ROWTAP_CONFIG)")
	root.PersistentFlags().BoolVar(&g.json, "json", false, "print data as JSON, one object per line")
	root.PersistentFlags().BoolVar(&g.utc, "utc", false, "print times in UTC instead of local time on a terminal")
	root.SetFlagErrorFunc(flagError)
	root.AddGroup(
		&cobra.Group{ID: "start", Title: "Set up and run:"},
		&cobra.Group{ID: "see", Title: "Inspect:"},
		&cobra.Group{ID: "act", Title: "Operate:"},
	)
	add := func(group string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add("start", newDemoCommand(), newNewCommand(&g), newCheckCommand(&g), newSchemaCommand(), newTestCommand(&g), newRunCommand(&g), newSandboxCommand())
	add("see", newOpenCommand(&g), newStatusCommand(&g), newHistoryCommand(&g), newShowCommand(&g), newWhyCommand(&g), newTailCommand(&g))
	add("act", newPollCommand(&g), newPauseCommand(&g), newResumeCommand(&g),
		newReplayCommand(&g), newReleaseCommand(&g), newDiscardCommand(&g), newBackfillCommand(&g), newReloadCommand(&g), newStateCommand(&g))
	root.AddCommand(newHealthcheckCommand(&g), newVersionCommand(&g))
	for _, c := range root.Commands() {
		c.SuggestFor = elsewhere[c.Name()]
	}
	addCompletion(root, &g)
	root.SetHelpCommand(newHelpCommand())
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() == "completion" {
			checkShells(c)
		}
	}
	addUsageErrors(root)
	return root
}

func defaultDir() string {
	if dir := os.Getenv("ROWTAP_CONFIG"); dir != "" {
		return dir
	}
	return "/etc/rowtap"
}
