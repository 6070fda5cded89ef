package cli

import (
	"io"
	"os"
	"strings"

	"github.com/charmbracelet/x/ansi"
	"golang.org/x/term"
)

// stateColours are the foreground colours of states.
var stateColours = map[string]ansi.BasicColor{
	"sent": ansi.Green, "validated": ansi.Green, "running": ansi.Green, "failed": ansi.Red, "blocked": ansi.Red,
	"held": ansi.Yellow, "retrying": ansi.Yellow,
}

// paintedState returns a state padded to columns, in its colour if w supports it.
func paintedState(w io.Writer, state string, columns int) string {
	fill := strings.Repeat(" ", max(columns-len(state), 0))
	if c, ok := stateColours[state]; ok && colourful(w, os.LookupEnv) {
		state = ansi.NewStyle().ForegroundColor(c).Styled(state)
	}
	return state + fill
}

// colourful reports whether w is a terminal with colours enabled (https://no-color.org).
func colourful(w io.Writer, lookup func(string) (string, bool)) bool {
	if plain, _ := lookup("NO_COLOR"); plain != "" {
		return false
	}
	if kind, _ := lookup("TERM"); kind == "dumb" || kind == "" {
		return false
	}
	return interactive(w)
}

// terminalWidth returns the number of columns of the terminal w; 0 if w is not a terminal.
func terminalWidth(w io.Writer) int {
	f := fileOf(w)
	if f == nil {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// fileOf returns the file of a stream, or nil. That of a frame is its terminal.
func fileOf(stream any) *os.File {
	switch s := stream.(type) {
	case *os.File:
		return s
	case *frame:
		return s.terminal
	}
	return nil
}
