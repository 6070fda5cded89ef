package cli

import (
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rowtap/rowtap/configs"
	"github.com/rowtap/rowtap/systemd"
)

// topics are the guides that rowtap help prints, by name.
var topics = []struct{ name, about, text string }{
	{"config", "Reference of rowtap.yaml and zap files: every key, mapping, dates", configs.Reference},
	{"operate", "Guide for operators: install, upgrade, back up, alerts, limits", systemd.Guide},
	{"move", "Guide for moving to another VM, and the way back", systemd.Move},
	{"two-vms", "Guide for a second VM that takes over, with PostgreSQL", systemd.TwoVMs},
}

// topicList lists the guides as cobra lists commands.
func topicList() string {
	var b strings.Builder
	b.WriteString("Guides:")
	for _, t := range topics {
		b.WriteString("\n  rowtap help " + t.name + strings.Repeat(" ", 10-len(t.name)) + t.about)
	}
	return b.String()
}

// newHelpCommand returns rowtap help. Unlike cobra's own command, it also prints the guides, and
// reports an unknown command as a usage error.
func newHelpCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "help [COMMAND… or GUIDE]",
		Short:   "Show help for a command, or a guide: config, operate, move, two-vms",
		Long:    "Prints the help of a command, or a guide as Markdown.\n\n" + topicList(),
		Example: "  rowtap help state backup\n  rowtap help config | less",
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, t := range topics {
				if len(args) == 1 && args[0] == t.name {
					_, err := io.WriteString(cmd.OutOrStdout(), t.text)
					return err
				}
			}
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
	for _, t := range topics {
		cmd.ValidArgs = append(cmd.ValidArgs, t.name)
	}
	return cmd
}
