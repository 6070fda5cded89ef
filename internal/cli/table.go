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
// far, in terminal columns. On a terminal, the last column is made to fit, and states are coloured.
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
	var below []string
	if width := terminalWidth(t.w); width > 0 {
		below = fitLast(width, t.widths, clean)
	}
	if !t.headed {
		t.headed = true
		if err := t.line(t.header); err != nil {
			return err
		}
	}
	for i, cells := range clean {
		if err := t.line(cells); err != nil {
			return err
		}
		if below != nil && below[i] != "" {
			fmt.Fprintln(t.w, below[i])
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

// fitLast makes rows fit into width: it cuts the texts of the last column or, where fewer than 30
// columns are left for them, moves those that do not fit to lines below their rows. It returns
// these lines; "": none.
func fitLast(width int, widths []int, rows [][]string) []string {
	const least = 30
	last := len(widths) - 1
	room := width
	for _, wide := range widths[:last] {
		room -= wide + columnGap
	}
	below := make([]string, len(rows))
	for i, cells := range rows {
		switch text := cells[last]; {
		case text == "" || ansi.StringWidth(text) <= room:
		case room >= least:
			cells[last] = ansi.Truncate(text, room, "…")
		default:
			cells[last], below[i] = "", ansi.Truncate(strings.Repeat(" ", columnGap)+text, width, "…")
		}
	}
	return below
}
