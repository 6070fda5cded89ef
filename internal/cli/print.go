package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

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

// printTable prints rows under a header.
func printTable(w io.Writer, header []string, rows [][]string) error {
	t := table{w: w}
	t.begin(header...)
	return t.add(rows)
}

// table prints rows under a header as they come, aligned by the width that the text takes on a terminal: columns are as wide as what has
// come so far asks for. On a terminal the last column is cut to what fits, and states have their colours.
type table struct {
	w      io.Writer
	header []string // nil: the table has not begun
	widths []int    // of the columns
	headed bool     // the header is printed
}

// begin begins a table, or another one below it.
func (t *table) begin(header ...string) {
	t.header, t.widths, t.headed = header, make([]int, len(header)), false
	t.widen(header)
}

// add prints rows, and before the first ones the header.
func (t *table) add(rows [][]string) error {
	clean := make([][]string, len(rows))
	for i, cells := range rows {
		clean[i] = make([]string, len(cells))
		for k, cell := range cells {
			clean[i][k] = printable(cell)
		}
		t.widen(clean[i])
	}
	if width := terminalWidth(t.w); width > 0 {
		fitLast(width, t.widths, clean)
	}
	if !t.headed {
		t.headed = true
		if err := t.line(t.header); err != nil {
			return err
		}
	}
	for _, cells := range clean {
		if err := t.line(cells); err != nil {
			return err
		}
	}
	return nil
}

func (t *table) widen(cells []string) {
	for k, cell := range cells {
		t.widths[k] = max(t.widths[k], ansi.StringWidth(cell))
	}
}

// columnGap is how many blanks are between two columns.
const columnGap = 2

func (t *table) line(cells []string) error {
	var b strings.Builder
	for k, cell := range cells {
		fill := t.widths[k] + columnGap - ansi.StringWidth(cell)
		if t.header[k] == "STATE" {
			cell = paintedState(t.w, cell, 0)
		}
		b.WriteString(cell + strings.Repeat(" ", fill))
	}
	_, err := fmt.Fprintln(t.w, strings.TrimRight(b.String(), " "))
	return err
}

// fitLast cuts the last column so that rows keep within a width; never below ten columns, which are worth a second line.
func fitLast(width int, widths []int, rows [][]string) {
	const least = 10
	last := len(widths) - 1
	taken := 0
	for _, wide := range widths[:last] {
		taken += wide + columnGap
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

// stateColours are the foreground colours of states. States that need attention stand out.
var stateColours = map[string]ansi.BasicColor{
	"sent": ansi.Green, "validated": ansi.Green, "running": ansi.Green, "failed": ansi.Red, "blocked": ansi.Red,
	"held": ansi.Yellow, "retrying": ansi.Yellow,
}

// paintedState is a state in its colour where w takes colours, filled up to so many columns.
func paintedState(w io.Writer, state string, columns int) string {
	fill := strings.Repeat(" ", max(columns-len(state), 0))
	if c, ok := stateColours[state]; ok && colourful(w, os.LookupEnv) {
		state = ansi.NewStyle().ForegroundColor(c).Styled(state)
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
