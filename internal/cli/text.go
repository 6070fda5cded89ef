package cli

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// formatBytes formats a number of bytes for people, such as 12 MB.
func formatBytes(n int64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%d GB", n>>30)
	case n >= 10<<20:
		return fmt.Sprintf("%d MB", n>>20)
	}
	return fmt.Sprintf("%d KB", (n+1023)>>10)
}

// printable escapes control and bidirectional characters: sheets hold text from anybody, which must
// not control the terminal.
func printable(s string) string {
	quoted := strconv.Quote(s)
	return strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(quoted[1 : len(quoted)-1])
}

// printableLines is [printable] for a text of several lines.
func printableLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = printable(line)
	}
	return strings.Join(lines, "\n")
}

// oneLine puts a text on one line, cut to width terminal columns.
func oneLine(s string, width int) string {
	return ansi.Truncate(printable(strings.Join(strings.Fields(s), " ")), width, "…")
}

// printNext prints what to do next, if it is known.
func printNext(to io.Writer, next string) {
	if next != "" {
		fmt.Fprintln(to, "next: "+next)
	}
}

// indented puts by before each line of s.
func indented(s, by string) string { return by + strings.ReplaceAll(s, "\n", "\n"+by) }

// formatRate formats a rate with three significant digits and no exponent. A rate that is not zero
// is at least 0.01.
func formatRate(perMinute float64) string {
	if perMinute > 0 && perMinute < 0.01 {
		return "less than 0.01"
	}
	// Parsing what FormatFloat wrote cannot fail.
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(perMinute, 'g', 3, 64), 64)
	return strconv.FormatFloat(rounded, 'f', -1, 64)
}

// shellQuote returns a text as a word of a POSIX shell.
func shellQuote(s string) string {
	const safe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./_-"
	if s != "" && strings.Trim(s, safe) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
