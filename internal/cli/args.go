package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/rowtap/rowtap/internal/config"
)

// A command's Use line declares its arguments: NAME is required, [NAME] is optional, [a|b] is one
// of the words, and with … the command checks its arguments itself. Usage errors have rowtap's
// wording, not that of cobra and pflag.

// addUsageErrors makes cmd and its subcommands check their arguments by their Use lines.
func addUsageErrors(cmd *cobra.Command) {
	for _, c := range cmd.Commands() {
		addUsageErrors(c)
	}
	if cmd.HasSubCommands() {
		cmd.Args = cobra.ArbitraryArgs // RunE reports unknown commands
		return
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if err := checkArgs(cmd, args); err != nil {
			return usage(cmd, err)
		}
		return nil
	}
}

func checkArgs(cmd *cobra.Command, args []string) error {
	names := strings.Fields(cmd.Use)[1:]
	if strings.Contains(cmd.Use, "…") {
		return nil
	}
	var least int
	for least < len(names) && !strings.HasPrefix(names[least], "[") {
		least++
	}
	switch {
	case len(args) < least:
		return &argError{fmt.Errorf("missing argument: %s", strings.Join(names[len(args):least], " and ")), argHint(cmd, names[len(args)])}
	case len(args) > len(names) && len(names) == 0:
		return fmt.Errorf("%s takes no arguments, got %q", cmd.CommandPath(), args[0])
	case len(args) > len(names):
		return fmt.Errorf("unexpected argument %q: %s takes only %s",
			args[len(names)], cmd.CommandPath(), strings.Trim(strings.Join(names, " and "), "[]"))
	}
	for i, arg := range args {
		words := strings.Split(strings.Trim(names[i], "[]"), "|")
		if len(words) == 1 || slices.Contains(words, arg) {
			continue
		}
		return didYouMean(fmt.Errorf("%q is not one of %s", arg, strings.Join(words, ", ")), arg, words)
	}
	return nil
}

// didYouMean adds the name that is most similar to the given one to an error, if there is one.
func didYouMean(err error, given string, names []string) error {
	if near := config.Nearest(given, names); near != "" {
		err = fmt.Errorf("%w; did you mean %q?", err, near)
	}
	return err
}

// argError is an argument error with its next step.
type argError struct {
	error
	next string // "": the command's help
}

func (e *argError) Unwrap() error { return e.error }

// argHint returns the command that lists the values of an argument; "" if its help is the next
// step.
func argHint(cmd *cobra.Command, name string) string {
	switch {
	case name == "ID":
		return "rowtap history"
	case name == "ZAP" && cmd.Parent().Name() == "test":
		return "rowtap check"
	case name == "ZAP":
		return "rowtap status"
	}
	return ""
}

// usage returns a usage error (exit code 2) with the usage line and the next step.
func usage(cmd *cobra.Command, err error) error {
	next := cmd.CommandPath() + " --help"
	if wrong, ok := errors.AsType[*argError](err); ok && wrong.next != "" {
		next = wrong.next
	}
	line := cmd.UseLine()
	if cmd.HasSubCommands() {
		line = cmd.CommandPath() + " COMMAND"
	}
	return &exitError{exitUsage, fmt.Errorf("%w\nusage: %s\nnext: %s", err, line, next)}
}

// helpOrUnknown runs a command that has subcommands and was called without one.
func helpOrUnknown(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	return unknownCommand(cmd, args[0])
}

// unknownCommand returns the error for an unknown subcommand of cmd.
func unknownCommand(cmd *cobra.Command, typed string) error {
	below := ""
	if cmd.HasParent() {
		below = cmd.Name() + " "
	}
	err := fmt.Errorf("unknown command %q", below+typed)
	if meant := meantCommand(cmd, typed); meant != "" {
		return usage(cmd, &argError{fmt.Errorf("%w; did you mean %q?", err, below+meant), cmd.CommandPath() + " " + meant + " --help"})
	}
	return usage(cmd, err)
}

// meantCommand returns the subcommand of cmd that is probably meant: one known by that name in
// other programs, or one with a similar name; "" if none is.
func meantCommand(cmd *cobra.Command, typed string) string {
	for _, c := range cmd.Commands() {
		if slices.ContainsFunc(c.SuggestFor, func(word string) bool { return strings.EqualFold(word, typed) }) {
			return c.Name()
		}
	}
	if near := cmd.SuggestionsFor(typed); len(near) > 0 {
		return near[0]
	}
	var names []string
	for _, c := range cmd.Commands() {
		names = append(names, c.Name())
	}
	return config.Nearest(typed, names)
}

// elsewhere holds, for each command, the names that other programs use for it.
var elsewhere = map[string][]string{
	"status":      {"list", "ls", "zaps", "ps", "stats"},
	"history":     {"deliveries", "rows", "log"},
	"tail":        {"logs", "follow", "watch", "events"},
	"show":        {"get", "describe", "inspect"},
	"why":         {"explain"},
	"new":         {"init", "create", "add"},
	"check":       {"validate", "lint", "config"},
	"run":         {"start", "serve", "daemon"},
	"replay":      {"retry", "resend", "requeue"},
	"discard":     {"cancel", "delete", "drop"},
	"pause":       {"disable"},
	"resume":      {"unpause", "continue", "enable"},
	"poll":        {"sync", "fetch", "trigger"},
	"open":        {"ui", "web", "page", "dashboard"},
	"state":       {"backup", "restore", "compact", "rename"},
	"healthcheck": {"health", "ping"},
	"demo":        {"try"},
}

// flagError rewords pflag's errors.
func flagError(cmd *cobra.Command, err error) error {
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		return usage(cmd, unknownFlag(cmd, unknown))
	}
	if lacking, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		err = fmt.Errorf("--%s needs %s", lacking.GetFlag().Name, kindOf(lacking.GetFlag()))
	}
	if wrong, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		err = fmt.Errorf("--%s needs %s, not %q", wrong.GetFlag().Name, kindOf(wrong.GetFlag()), wrong.GetValue())
	}
	if wrong, ok := errors.AsType[*pflag.InvalidSyntaxError](err); ok {
		err = fmt.Errorf("%s is not a flag; flags are written --name or --name=value", wrong.GetSpecifiedFlag())
	}
	return usage(cmd, err)
}

func unknownFlag(cmd *cobra.Command, unknown *pflag.NotExistError) error {
	name := unknown.GetSpecifiedName()
	if unknown.GetSpecifiedShortnames() != "" {
		return fmt.Errorf("%s has no flag -%s", cmd.CommandPath(), name)
	}
	err := fmt.Errorf("%s has no flag --%s", cmd.CommandPath(), name)
	if !cmd.HasParent() && name == "version" {
		return &argError{err, "rowtap version"}
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	if near := config.Nearest(name, names); near != "" {
		err = fmt.Errorf("%w; did you mean --%s?", err, near)
	}
	return err
}

// kindOf describes the value that a flag takes.
func kindOf(f *pflag.Flag) string {
	switch f.Value.Type() {
	case "int":
		return "a whole number"
	case "duration":
		return "a duration such as 90s or 2h"
	case "bool":
		return "true, false or no value"
	}
	return "a value"
}
