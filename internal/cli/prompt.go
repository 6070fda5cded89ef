package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// interactive reports whether stream is a terminal: somebody can answer a question, or watch.
func interactive(stream any) bool {
	f := fileOf(stream)
	return f != nil && term.IsTerminal(int(f.Fd()))
}

// confirm asks a yes-or-no question. Only y and yes, in any case, mean yes; the end of the input
// means no. It returns [errInterrupted] if ctx ends first.
func confirm(ctx context.Context, cmd *cobra.Command, question string) (bool, error) {
	fmt.Fprint(cmd.ErrOrStderr(), question+" [y/N] ")
	line, err := readLine(ctx, bufio.NewReader(cmd.InOrStdin()))
	if err != nil {
		fmt.Fprintln(cmd.ErrOrStderr()) // nobody pressed Enter
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes":
		return true, nil
	}
	return false, nil
}

// errInterrupted is the error of a question that Ctrl-C or SIGTERM ended.
var errInterrupted = &exitError{exitInterrupted, errors.New("interrupted; nothing was done")}

// readLine reads a line, or returns [errInterrupted] when ctx ends: a command that catches signals
// must not wait for Enter after Ctrl-C. The pending read then ends with the program, because
// nothing else can end a read from a terminal.
func readLine(ctx context.Context, in *bufio.Reader) (string, error) {
	type result struct {
		line string
		err  error
	}
	read := make(chan result, 1)
	go func() {
		line, err := in.ReadString('\n')
		read <- result{line, err}
	}()
	select {
	case <-ctx.Done():
		return "", errInterrupted
	case r := <-read:
		return r.line, r.err
	}
}

// interruptible returns the command's context, which ends at Ctrl-C or SIGTERM.
func interruptible(cmd *cobra.Command) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(cmd.Context(), syscall.SIGTERM, os.Interrupt)
}
