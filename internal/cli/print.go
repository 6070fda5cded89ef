package cli

import (
	"encoding/json"
	"io"
	"strconv"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/rowtap/rowtap/internal/quantity"
)

// printJSON prints values as JSON, one a line.
func printJSON[T any](w io.Writer, values ...T) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, v := range values {
		if err := enc.Encode(v); err != nil {
			return err
		}
	}
	return nil
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

// counted is [quantity.Count].
func counted[N int | int64](n N, thing string) string { return quantity.Count(n, thing) }
