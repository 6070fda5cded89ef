// Package cli is rowtap's command line: one file a subcommand.
//
// Data goes to stdout, everything said about it to stderr. Exit codes: 0 done, 1 failed, 2 wrong usage or bad configuration,
// and 78 (EX_CONFIG of sysexits.h, which systemd shows by name) for `run` on a bad configuration. An error ends with the next
// command to run where one is known.
//
// Commands that need the daemon's state ask its API; where no daemon runs they open the state file and call the same handlers
// in this process (client.go), so that there is one code path.
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
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
	exitConfig = 78

	exitInterrupted = 130 // as shells have it: 128 and the number of SIGINT
)

// globals are the flags of all commands.
type globals struct {
	dir  string // the configuration directory
	json bool
	utc  bool // times for people are in UTC on terminals too
	// sheetPage is where a browser sees the spreadsheets of the demo's emulator; "": they are Google's.
	sheetPage string
}

// exitError is an error with the exit code it means.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// Main runs a command line and returns its exit code.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	stdlog.SetOutput(io.Discard) // net/http logs bytes of responses; the daemon has them logged without (redirectLibraryLog)
	root := newRootCommand()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(context.Background())
	if err == nil {
		return exitDone
	}
	if err.Error() != "" {
		fmt.Fprintln(stderr, "rowtap: "+printableLines(err.Error()))
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
func Command() *cobra.Command { return newRootCommand() }

func newRootCommand() *cobra.Command {
	var g globals
	root := &cobra.Command{
		Use:   "rowtap",
		Short: "Fires a CleverTap action for every new Google Sheets row",
		Long: "rowtap watches Google Sheets and fires a CleverTap action for every new spreadsheet row, once:\n" +
			"a Zap without Zapier. See it at work, without any account: rowtap demo\n\n" + topicList(),
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return unknownCommand(cmd, args[0])
		},
		PersistentPreRun: func(cmd *cobra.Command, _ []string) {
			if cmd.Name() != "run" {
				hangup.Release()
			}
		},
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: false},
	}
	root.PersistentFlags().StringVarP(&g.dir, "config", "c", defaultDir(), "configuration directory, with rowtap.yaml and zaps/ ($ROWTAP_CONFIG)")
	root.PersistentFlags().BoolVar(&g.json, "json", false, "print data as JSON, one object a line")
	root.PersistentFlags().BoolVar(&g.utc, "utc", false, "print times in UTC instead of local time on a terminal")
	root.SetFlagErrorFunc(flagError)
	root.AddGroup(
		&cobra.Group{ID: "start", Title: "Start:"},
		&cobra.Group{ID: "see", Title: "See:"},
		&cobra.Group{ID: "act", Title: "Act:"},
	)
	add := func(group string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(withUsageErrors(c))
		}
	}
	add("start", newDemoCommand(), newNewCommand(&g), newCheckCommand(&g), newSchemaCommand(), newTestCommand(&g), newRunCommand(&g), newSandboxCommand())
	add("see", newOpenCommand(&g), newStatusCommand(&g), newHistoryCommand(&g), newShowCommand(&g), newWhyCommand(&g), newTailCommand(&g))
	add("act", newPollCommand(&g), newPauseCommand(&g), newResumeCommand(&g),
		newActCommand(&g, "replay"), newActCommand(&g, "release"), newActCommand(&g, "discard"), newBackfillCommand(&g), newReloadCommand(&g), newStateCommand(&g))
	root.AddCommand(withUsageErrors(newHealthcheckCommand(&g)), withUsageErrors(newVersionCommand(&g)))
	for _, c := range root.Commands() {
		c.SuggestFor = elsewhere[c.Name()]
	}
	addCompletion(root, &g)
	root.SetHelpCommand(newHelpCommand())
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() == "completion" {
			sayShells(c)
		}
	}
	return root
}

func defaultDir() string {
	if dir := os.Getenv("ROWTAP_CONFIG"); dir != "" {
		return dir
	}
	return "/etc/rowtap"
}
