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
	accounts := func() *config.Config {
		plan, err := loadAccounts(g.dir)
		if err != nil {
			return &config.Config{}
		}
		return plan.Config
	}
	for name, values := range map[string]func() []string{
		"state":             ledger.StateNames,
		"start":             func() []string { return []string{"now", "beginning"} },
		"like":              func() []string { return config.ZapNames(g.dir) },
		"account":           func() []string { return sortedNames(accounts().GoogleAccounts) },
		"clevertap-account": func() []string { return sortedNames(accounts().CleverTapAccounts) },
	} {
		if cmd.Flags().Lookup(name) == nil || cmd.HasSubCommands() {
			continue
		}
		err := cmd.RegisterFlagCompletionFunc(name, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return values(), cobra.ShellCompDirectiveNoFileComp
		})
		if err != nil {
			panic(err) // the flag exists, and has no other completion
		}
	}
}

// checkShells gives cobra's completion command, which must be initialized, the errors of other
// commands with subcommands.
func checkShells(cmd *cobra.Command) {
	shells := make([]string, 0, len(cmd.Commands()))
	for _, c := range cmd.Commands() {
		shells = append(shells, c.Name())
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return unknownCommand(cmd, args[0])
		}
		return usage(cmd, &argError{errors.New("missing shell: " + strings.Join(shells, ", ")), "rowtap completion bash --help"})
	}
}
