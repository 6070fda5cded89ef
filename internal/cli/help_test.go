package cli

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

// TestEveryCommandHasAnExample checks the examples in the help of all commands: the commands and
// flags in them exist.
func TestEveryCommandHasAnExample(t *testing.T) {
	flag := regexp.MustCompile(`(?:^|\s)(--[a-z-]+|-[a-z])(?:[=\s]|$)`)
	var visit func(*cobra.Command)
	visit = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			visit(sub)
		}
		if !c.Runnable() || c == c.Root() || c.HasSubCommands() || c.Parent().Name() == "completion" { // examples by cobra
			return
		}
		if c.Short == "" {
			t.Errorf("%s has no short help", c.CommandPath())
		}
		if n := utf8.RuneCountInString(c.Short); n > 60 {
			t.Errorf("%s: the short help has %d characters, want at most 60: %s", c.CommandPath(), n, c.Short)
		}
		lines := strings.Split(strings.TrimSpace(c.Example), "\n")
		if !strings.Contains(lines[0], c.CommandPath()) {
			t.Errorf("%s: the example begins with %q", c.CommandPath(), lines[0])
		}
		for _, line := range lines {
			line, _, _ = strings.Cut(line, "   #")
			_, after, ok := strings.Cut(line, c.CommandPath())
			if !ok { // an instruction, not a command
				continue
			}
			after, _, _ = strings.Cut(after, "|")
			after, _, _ = strings.Cut(after, "&&")
			for _, m := range flag.FindAllStringSubmatch(after, -1) {
				name := strings.TrimLeft(m[1], "-")
				if c.Flags().Lookup(name) == nil && c.InheritedFlags().Lookup(name) == nil && c.Flags().ShorthandLookup(name) == nil && c.InheritedFlags().ShorthandLookup(name) == nil {
					t.Errorf("%s: the example %q has the flag %s, which the command has not", c.CommandPath(), line, m[1])
				}
			}
		}
	}
	visit(Command())
}
