package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// formatBytes is a number of bytes for people.
func formatBytes(n int64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%d GB", n>>30)
	case n >= 10<<20:
		return fmt.Sprintf("%d MB", n>>20)
	}
	return fmt.Sprintf("%d KB", (n+1023)>>10)
}

// printable shows what a terminal would take as a command, or as another order of reading, by its code: sheets hold what anybody types.
func printable(s string) string {
	quoted := strconv.Quote(s)
	return strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(quoted[1 : len(quoted)-1])
}

// printableLines is printable for a text of several lines.
func printableLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = printable(line)
	}
	return strings.Join(lines, "\n")
}

// oneLine keeps a text on a line, at most so many columns of a terminal long.
func oneLine(s string, most int) string {
	return ansi.Truncate(printable(strings.Join(strings.Fields(s), " ")), most, "…")
}

// counted is a number of things: 1 zap, 2 zaps.
func counted[N int | int64](n N, thing string) string {
	switch {
	case n == 1:
		return "1 " + thing
	case strings.HasSuffix(thing, "y"):
		return fmt.Sprintf("%d %sies", n, strings.TrimSuffix(thing, "y"))
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// indented puts spaces before each line of a text.
func indented(s, by string) string { return by + strings.ReplaceAll(s, "\n", "\n"+by) }

