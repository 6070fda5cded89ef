package cli

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"
)

// newHelpCommand makes `rowtap help`, which cobra's own answers in other words, and with exit code 0 also where there is no such command.
func newHelpCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND…]",
		Short:   "Help for a command",
		Example: "  rowtap help state backup",
		RunE: func(cmd *cobra.Command, args []string) error {
			of := cmd.Root()
			for _, name := range args {
				below, _, err := of.Find([]string{name})
				if err != nil || below == of {
					return unknownCommand(of, name)
				}
				of = below
			}
			of.InitDefaultHelpFlag()
			return of.Help()
		},
	}
}

// sayShells has cobra's completion command, which is there once it was initialized, refuse what it does not take as the others do.
func sayShells(cmd *cobra.Command) {
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
		return usage(cmd, &argError{errors.New("for which shell? " + strings.Join(shells, ", ")), "rowtap completion bash --help"})
	}
}
