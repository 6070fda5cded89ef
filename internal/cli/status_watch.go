package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/rowtap/rowtap/internal/quantity"
)

const (
	watchEvery   = 2 * time.Second
	watchTimeout = 10 * time.Second // for one response of a daemon that hangs
)

// watchStatus runs rowtap status --watch. It is refused off a terminal, as by the GitHub CLI and
// top: whole tables in a pipe help nobody, and --json and tail are made for it.
func watchStatus(cmd *cobra.Command, g *globals, since string) error {
	terminal, _ := cmd.OutOrStdout().(*os.File)
	switch {
	case g.json:
		return usage(cmd, errors.New("--watch and --json cannot be combined"))
	case !interactive(terminal) || os.Getenv("TERM") == "dumb":
		return usage(cmd, &argError{errors.New("--watch needs a terminal"), "rowtap status --json, or: rowtap tail"})
	}
	ctx, stop := interruptible(cmd)
	defer stop()
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	return withDaemon(ctx, g, func(c *client) error {
		w := statusWatch{terminal, tick.C, g.clock(terminal), func(ctx context.Context, to io.Writer) error {
			ctx, cancel := context.WithTimeout(ctx, watchTimeout)
			defer cancel()
			return orMachines(printStatus(ctx, c, g, since, to, to), g, to, to)
		}}
		return w.run(ctx, time.Now())
	})
}

// statusWatch shows the status on a terminal, in place, and refreshes it at each tick.
type statusWatch struct {
	terminal *os.File
	tick     <-chan time.Time
	clock    clock
	print    func(ctx context.Context, to io.Writer) error // prints the status now
}

// frame is what the terminal shows at a time. What is printed to it is formatted for the terminal.
type frame struct {
	bytes.Buffer
	terminal *os.File
}

// run shows the status until ctx ends. Then the terminal has what it had before, and the status
// that was shown last.
func (w statusWatch) run(ctx context.Context, now time.Time) (err error) {
	last, at := "", now // the last status, and when it was printed
	for first := true; ; first = false {
		f := frame{terminal: w.terminal}
		failed := w.print(ctx, &f)
		title := "every 2 s; now " + w.clock.shown(&now) + "; Ctrl-C ends"
		_, lost := errors.AsType[*url.Error](failed)
		switch {
		case ctx.Err() != nil:
			return nil
		case failed == nil:
			last, at = f.String(), now
		case first || tokenRefused(failed):
			return failed
		case lost:
			title = "the connection to the daemon is lost; reconnecting\nstatus at " + w.clock.shown(&at) + ":"
		default:
			title = failed.Error() + "\nretrying; status at " + w.clock.shown(&at) + ":"
		}
		if first {
			if _, err := io.WriteString(w.terminal, ansi.SetModeAltScreenSaveCursor); err != nil {
				return err
			}
			defer func() {
				_, left := io.WriteString(w.terminal, ansi.ResetModeAltScreenSaveCursor+last)
				err = errors.Join(err, left)
			}()
		}
		if err := w.draw(title + "\n\n" + last); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case now = <-w.tick:
		}
	}
}

// draw replaces what the terminal shows with a text, cut to the terminal's height.
func (w statusWatch) draw(text string) error {
	width, height, err := term.GetSize(int(w.terminal.Fd()))
	if err != nil {
		return err
	}
	if width > 0 {
		text = ansi.Hardwrap(text, width, true)
	}
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if more := len(lines) - height; height > 0 && more > 0 {
		lines = append(lines[:height-1], fmt.Sprintf("… %s more", quantity.Count(more+1, "line")))
	}
	// A line is erased before it is written: at the end of a full one, that would erase its last character.
	drawn := ansi.CursorHomePosition + ansi.EraseLineRight + strings.Join(lines, "\n"+ansi.EraseLineRight)
	if len(lines) != height {
		drawn += "\n" + ansi.EraseScreenBelow
	}
	_, err = io.WriteString(w.terminal, drawn)
	return err
}
