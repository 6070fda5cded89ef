package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/rowtap/rowtap/internal/engine"
)

// interactive tells whether somebody can answer a question, or watch.
func interactive(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// ask says what would be touched and what CleverTap will make of it, and returns whether to go on.
func ask(ctx context.Context, c *client, cmd *cobra.Command, action engine.Action, sel engine.Selection) (bool, error) {
	var would engine.Done
	sel.DryRun = true
	if err := c.post(ctx, "/api/v1/deliveries/"+string(action), sel, &would); err != nil {
		return false, err
	}
	if would.Count == 0 && would.Stale == 0 {
		fmt.Fprintln(cmd.ErrOrStderr(), "nothing to "+string(action))
		sayPassedOver(cmd, sel, would)
		return false, nil
	}
	if said := warning(sel.Again, would); said != "" {
		fmt.Fprintln(cmd.ErrOrStderr(), said)
	}
	if would.Count == 0 {
		sayStale(cmd, would)
		return false, nil
	}
	sayEdited(cmd, sel, would)
	return sure(ctx, cmd, fmt.Sprintf("%s %s?", action, counted(would.Count, "delivery")))
}

// sure asks a question of yes or no.
func sure(ctx context.Context, cmd *cobra.Command, question string) (bool, error) {
	fmt.Fprint(cmd.ErrOrStderr(), question+" [y/N] ")
	line, err := readLine(ctx, bufio.NewReader(cmd.InOrStdin()))
	if ctx.Err() != nil {
		fmt.Fprintln(cmd.ErrOrStderr())
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	return strings.HasPrefix(strings.ToLower(strings.TrimSpace(line)), "y"), nil
}

// errInterrupted is that of a question that Ctrl-C or SIGTERM has ended.
var errInterrupted = &exitError{exitInterrupted, errors.New("interrupted, and nothing was done")}

// readLine reads an answer, until ctx ends: a command that catches signals must not wait for Enter after Ctrl-C. The read that is left
// then ends with the program, as nothing else can end one of a terminal.
func readLine(ctx context.Context, in *bufio.Reader) (string, error) {
	type answer struct {
		line string
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		line, err := in.ReadString('\n')
		answers <- answer{line, err}
	}()
	select {
	case <-ctx.Done():
		return "", errInterrupted
	case a := <-answers:
		return a.line, a.err
	}
}

// What CleverTap makes of records that come late (https://developer.clevertap.com/docs/events-object, on live campaigns;
// https://developer.clevertap.com/docs/upload-user-profiles-api: an upload sets the properties that it has).
const (
	lateEvents    = "Events older than two hours trigger no live campaign"
	olderProfiles = "A profile row overwrites what its user has now, also newer values from elsewhere."
)

// warning says what CleverTap will make of deliveries that come late.
func warning(again bool, done engine.Done) string {
	would := done.Would
	if would == nil || done.Action == engine.Discard {
		return ""
	}
	var said []string
	if would.Events > 0 {
		said = append(said, fmt.Sprintf("%s: of %s, %d came longer ago.", lateEvents, counted(would.Events, "event"), would.OldEvents))
	}
	if would.Repeated > 0 {
		said = append(said, "It counts an event that comes again twice.")
	}
	switch {
	case would.Profiles == 0 && done.Stale == 0:
	case again:
		said = append(said, olderProfiles)
	default:
		said = append(said, olderProfiles+" Those whose user a newer row has updated since are passed over.")
	}
	return strings.Join(said, "\n")
}
