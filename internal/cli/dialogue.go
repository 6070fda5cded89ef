package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rowtap/rowtap/internal/config"
)

// dialogue asks questions on a terminal, one after the other. A wrong answer is said to be one, and the question asked again.
type dialogue struct {
	in  *bufio.Reader
	out io.Writer
}

// newDialogue returns nil where nobody can answer.
func newDialogue(cmd *cobra.Command) *dialogue {
	if !interactive(cmd.InOrStdin()) {
		return nil
	}
	return &dialogue{bufio.NewReader(cmd.InOrStdin()), cmd.ErrOrStderr()}
}

var errNoAnswer = errors.New("no answer came, and nothing was done")

// line asks for a text. Enter takes the default, which is shown in brackets; "" means that there is none, and check is asked about the
// empty answer too.
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
			return "", errNoAnswer
		}
		if err != nil {
			return "", err
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

// choose asks for one of some things, by its number or its name, and returns its index. byDefault is -1 where there is none.
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

// oneOf returns which of some things an answer means: its number from 1, or its name.
func oneOf(text string, things []string) (int, error) {
	for i, thing := range things {
		if thing == text {
			return i, nil
		}
	}
	if n, err := strconv.Atoi(text); err == nil && n >= 1 && n <= len(things) {
		return n - 1, nil
	}
	for i, thing := range things {
		if strings.EqualFold(thing, text) {
			return i, nil
		}
	}
	if text == "" {
		return 0, fmt.Errorf("write a number, 1 to %d", len(things))
	}
	if near := config.Nearest(text, things); near != "" {
		return 0, fmt.Errorf("%q is none of them; did you mean %q?", text, near)
	}
	return 0, fmt.Errorf("%q is none of them; write a number, 1 to %d", text, len(things))
}
