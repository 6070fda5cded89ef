package cli

import (
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/ledger"
)

// addCompletion adds shell completion to cmd and its subcommands: zap names for the argument ZAP,
// and the values of flags that have a fixed set. It reads only files, and ignores their mistakes.
func addCompletion(cmd *cobra.Command, g *globals) {
	for _, c := range cmd.Commands() {
		addCompletion(c, g)
	}
	words := strings.Fields(cmd.Use)[1:]
	if slices.ContainsFunc(words, func(w string) bool { return strings.Contains(w, "ZAP") }) {
		cmd.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 && !strings.Contains(cmd.Use, "…") {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return config.ZapNames(g.dir), cobra.ShellCompDirectiveNoFileComp
		}
	}
	for name, values := range map[string][]string{
		"state":   ledger.StateNames(),
		"start":   {"now", "beginning"},
		"account": nil, "clevertap-account": nil, "like": nil,
	} {
		if cmd.Flags().Lookup(name) == nil || cmd.HasSubCommands() {
			continue
		}
		err := cmd.RegisterFlagCompletionFunc(name, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			switch {
			case values != nil:
				return values, cobra.ShellCompDirectiveNoFileComp
			case name == "like":
				return config.ZapNames(g.dir), cobra.ShellCompDirectiveNoFileComp
			}
			plan, err := loadAccounts(g.dir)
			if err != nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			if name == "account" {
				return sortedNames(plan.Config.GoogleAccounts), cobra.ShellCompDirectiveNoFileComp
			}
			return sortedNames(plan.Config.CleverTapAccounts), cobra.ShellCompDirectiveNoFileComp
		})
		if err != nil {
			panic(err) // the flag exists, and has no other completion
		}
	}
}

// checkShells gives cobra's completion command, which must be initialized, the usage errors of the
// other commands.
func checkShells(cmd *cobra.Command) {
	cmd.Args = cobra.ArbitraryArgs
	shells := make([]string, 0, len(cmd.Commands()))
	for _, c := range cmd.Commands() {
		shells = append(shells, c.Name())
		withUsageErrors(c)
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return unknownCommand(cmd, args[0])
		}
		return usage(cmd, &argError{errors.New("missing shell: " + strings.Join(shells, ", ")), "rowtap completion bash --help"})
	}
}
