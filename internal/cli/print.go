package cli

import (
	"encoding/json"
	"fmt"
	"image/color"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"charm.land/lipgloss/v2/table"
	"github.com/charmbracelet/x/ansi"
	"golang.org/x/term"
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

// printTable prints rows under a header, aligned by the width that the text takes on a terminal. There the last column is cut to what
// fits, and states have their colours.
func printTable(w io.Writer, header []string, rows [][]string) error {
	last := len(header) - 1
	clean := make([][]string, len(rows))
	for i, cells := range rows {
		clean[i] = make([]string, len(cells))
		for k, cell := range cells {
			clean[i][k] = printable(cell)
		}
	}
	if width := terminalWidth(w); width > 0 {
		fitLast(width, header, clean)
	}
	for _, cells := range clean {
		for k := range cells {
			if header[k] == "STATE" {
				cells[k] = paintedState(w, cells[k], 0)
			}
		}
	}
	t := table.New().
		BorderTop(false).BorderBottom(false).BorderLeft(false).BorderRight(false).BorderColumn(false).BorderHeader(false).
		Headers(header...).Rows(clean...).
		StyleFunc(func(_, col int) lipgloss.Style {
			style := lipgloss.NewStyle()
			if col < last {
				style = style.PaddingRight(2)
			}
			return style
		})
	for line := range strings.SplitSeq(t.Render(), "\n") {
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " ")); err != nil {
			return err
		}
	}
	return nil
}

// fitLast cuts the last column so that rows keep within a width; never below ten columns, which are worth a second line.
func fitLast(width int, header []string, rows [][]string) {
	const gap, least = 2, 10
	last := len(header) - 1
	taken := 0
	for k := range last {
		widest := lipgloss.Width(header[k])
		for _, cells := range rows {
			widest = max(widest, lipgloss.Width(cells[k]))
		}
		taken += widest + gap
	}
	room := max(width-taken, least)
	for _, cells := range rows {
		cells[last] = ansi.Truncate(cells[last], room, "…")
	}
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

// The colours of states: those that need a hand stand out.
var stateColours = map[string]color.Color{
	"sent": lipgloss.Green, "validated": lipgloss.Green, "running": lipgloss.Green, "failed": lipgloss.Red, "blocked": lipgloss.Red,
	"held": lipgloss.Yellow, "retrying": lipgloss.Yellow,
}

// paintedState is a state in its colour where w takes colours, filled up to so many columns.
func paintedState(w io.Writer, state string, columns int) string {
	fill := strings.Repeat(" ", max(columns-len(state), 0))
	if c, ok := stateColours[state]; ok && colourful(w, os.LookupEnv) {
		state = lipgloss.NewStyle().Foreground(c).Render(state)
	}
	return state + fill
}

// colourful tells whether w is a terminal whose user wants colours (https://no-color.org).
func colourful(w io.Writer, lookup func(string) (string, bool)) bool {
	if plain, _ := lookup("NO_COLOR"); plain != "" {
		return false
	}
	if kind, _ := lookup("TERM"); kind == "dumb" || kind == "" {
		return false
	}
	return interactive(w)
}

// terminalWidth returns how many columns the terminal has that w writes to, 0 where it is none.
func terminalWidth(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// shownTime is a time as tables show it: UTC, to the second; "-" where there is none.
func shownTime(t *time.Time) string {
	if t == nil || t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05")
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
