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
)

// interactive tells whether somebody can answer a question, or watch.
func interactive(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// confirm asks a question of yes or no.
func confirm(ctx context.Context, cmd *cobra.Command, question string) (bool, error) {
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
