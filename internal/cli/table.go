package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// printTable prints rows under a header.
func printTable(w io.Writer, header []string, rows [][]string) error {
	t := table{w: w}
	t.begin(header...)
	return t.add(rows)
}

// table prints rows under a header as they arrive, with columns as wide as their widest text so
// far, in terminal columns. On a terminal, the last column is cut to fit, and states are coloured.
type table struct {
	w      io.Writer
	header []string // nil: not begun
	widths []int    // of the columns
	headed bool     // the header is printed
}

// begin begins a table, or the next one.
func (t *table) begin(header ...string) {
	t.header, t.widths, t.headed = header, make([]int, len(header)), false
	t.widen(header)
}

// add prints rows, preceded by the header the first time.
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

// columnGap is the number of spaces between two columns.
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

// fitLast cuts the last column so that rows fit into width, but leaves at least ten columns of it,
// even if rows then wrap.
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
