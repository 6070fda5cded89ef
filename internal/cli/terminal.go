package cli

import (
	"io"
	"os"
	"strings"

	"github.com/charmbracelet/x/ansi"
	"golang.org/x/term"
)

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
