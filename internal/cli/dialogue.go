package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rowtap/rowtap/internal/config"
)

// dialogue asks the questions of rowtap new on a terminal. It repeats a question until the answer is valid.
type dialogue struct {
	in  *bufio.Reader
	out io.Writer
}

// newDialogue returns nil if stdin is not a terminal.
func newDialogue(cmd *cobra.Command) *dialogue {
	if !interactive(cmd.InOrStdin()) {
		return nil
	}
	return &dialogue{bufio.NewReader(cmd.InOrStdin()), cmd.ErrOrStderr()}
}

var errNoAnswer = errors.New("no answer; nothing was done")

// line asks for a text until check accepts it. Enter gives byDefault, which is shown in brackets;
// if it is "", check also gets empty answers. The end of the input is [errNoAnswer].
func (d *dialogue) line(question, byDefault string, check func(string) error) (string, error) {
	for {
		fmt.Fprint(d.out, question)
		if byDefault != "" {
			fmt.Fprintf(d.out, " [%s]", printable(byDefault))
		}
		fmt.Fprint(d.out, ": ")
		text, err := d.in.ReadString('\n')
		if errors.Is(err, io.EOF) {
			fmt.Fprintln(d.out)
			err = errNoAnswer
		}
		if err != nil {
			return "", fmt.Errorf("%w\nnext: rowtap new --help, for flags that answer the questions", err)
		}
		if text = strings.TrimSpace(text); text == "" {
			text = byDefault
		}
		err = check(text)
		if err == nil {
			return text, nil
		}
		fmt.Fprintln(d.out, indented(err.Error(), "  "))
	}
}

// yes asks a question that Enter answers with yes.
func (d *dialogue) yes(question string) (yes bool, err error) {
	_, err = d.line(question, "yes", func(text string) error {
		switch strings.ToLower(text) {
		case "y", "yes":
			yes = true
		case "n", "no":
			yes = false
		default:
			return errors.New("enter yes or no")
		}
		return nil
	})
	return yes, err
}

// choose asks for one of things, by number or name, and returns its index. byDefault is the index
// that Enter gives; -1: none.
func (d *dialogue) choose(question string, things []string, byDefault int) (int, error) {
	fmt.Fprintln(d.out, question+":")
	width := len(strconv.Itoa(len(things)))
	for i, thing := range things {
		fmt.Fprintf(d.out, "  %*d  %s\n", width, i+1, printable(thing))
	}
	number := ""
	if byDefault >= 0 {
		number = strconv.Itoa(byDefault + 1)
	}
	chosen := -1
	_, err := d.line("Number or name", number, func(text string) (err error) {
		chosen, err = oneOf(text, things)
		return err
	})
	return chosen, err
}

// oneOf returns the index of the thing that an answer names, by exact name, number from 1, or name
// in any case, in this order.
func oneOf(text string, things []string) (int, error) {
	if i := slices.Index(things, text); i >= 0 {
		return i, nil
	}
	if n, err := strconv.Atoi(text); err == nil && n >= 1 && n <= len(things) {
		return n - 1, nil
	}
	if i := slices.IndexFunc(things, func(thing string) bool { return strings.EqualFold(thing, text) }); i >= 0 {
		return i, nil
	}
	if text == "" {
		return 0, fmt.Errorf("enter a name or a number from 1 to %d", len(things))
	}
	if near := config.Nearest(text, things); near != "" {
		return 0, fmt.Errorf("%q is not in the list; did you mean %q?", text, near)
	}
	return 0, fmt.Errorf("%q is not in the list; enter a name or a number from 1 to %d", text, len(things))
}
