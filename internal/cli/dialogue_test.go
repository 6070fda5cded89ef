package cli

import (
	"bufio"
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
)

// dialogueOf returns a dialogue with an operator who types input, and its output.
func dialogueOf(input string) (*dialogue, *bytes.Buffer) {
	var out bytes.Buffer
	return &dialogue{bufio.NewReader(strings.NewReader(input)), &out}, &out
}

// TestLine: Enter chooses the default, invalid answers are explained and asked again, and the end
// of input is not the default.
func TestLine(t *testing.T) {
	notBad := func(s string) error {
		if s == "" || strings.HasPrefix(s, "bad") {
			return errors.New("unusable\nnext: another")
		}
		return nil
	}
	tests := []struct {
		name, typed, byDefault string
		want                   string
		err                    error
		out                    string
	}{
		{"an answer", "  team \n", "", "team", nil, "Name: "},
		{"Enter gives the default", "\n", "signups", "signups", nil, "Name [signups]: "},
		{"another answer than the default", "team\n", "signups", "team", nil, "Name [signups]: "},
		{
			"wrong answers", "\nbad\nteam\n", "", "team", nil,
			"Name:   unusable\n  next: another\nName:   unusable\n  next: another\nName: ",
		},
		{"a wrong default", "\nteam\n", "bad", "team", nil, "Name [bad]:   unusable\n  next: another\nName [bad]: "},
		{"the end of the input", "", "signups", "", errNoAnswer, "Name [signups]: \n"},
		{"the end within a line", "team", "", "", errNoAnswer, "Name: \n"},
		{"the end after a wrong answer", "bad\n", "", "", errNoAnswer, "Name:   unusable\n  next: another\nName: \n"},
		{"a default from a sheet", "\n", "a\x1b[31m", "a\x1b[31m", nil, `Name [a\x1b[31m]: `},
	}
	for _, tt := range tests {
		d, out := dialogueOf(tt.typed)
		got, err := d.line("Name", tt.byDefault, notBad)
		if got != tt.want || !errors.Is(err, tt.err) || out.String() != tt.out {
			t.Errorf("%s: got %q, %v, printed %q; want %q, %v, %q", tt.name, got, err, out.String(), tt.want, tt.err, tt.out)
		}
	}
}

// TestYes: Enter means yes; no answer does not, and any other is asked again.
func TestYes(t *testing.T) {
	tests := []struct {
		typed string
		want  bool
		err   error
		out   string
	}{
		{"\n", true, nil, "Write? [yes]: "},
		{"y\n", true, nil, "Write? [yes]: "},
		{"Yes\n", true, nil, "Write? [yes]: "},
		{"n\n", false, nil, "Write? [yes]: "},
		{"NO\n", false, nil, "Write? [yes]: "},
		{"yess\nno\n", false, nil, "Write? [yes]:   enter yes or no\nWrite? [yes]: "},
		{"", false, errNoAnswer, "Write? [yes]: \n"},
	}
	for _, tt := range tests {
		d, out := dialogueOf(tt.typed)
		got, err := d.yes("Write?")
		if got != tt.want || !errors.Is(err, tt.err) || out.String() != tt.out {
			t.Errorf("%q: got %v, %v, printed %q; want %v, %v, %q", tt.typed, got, err, out.String(), tt.want, tt.err, tt.out)
		}
	}
}

// TestLineReadsOneLine: consecutive questions share their input.
func TestLineReadsOneLine(t *testing.T) {
	d, _ := dialogueOf("one\ntwo\n")
	var got []string
	for range 2 {
		text, err := d.line("Name", "", func(string) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, text)
	}
	if want := []string{"one", "two"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestChoose: options can be chosen by number or name; an exact name takes precedence, because
// titles may be numbers.
func TestChoose(t *testing.T) {
	titles := []string{"Signups", "2", "signups", "Orders"}
	tests := []struct {
		name, typed string
		byDefault   int
		want        int
		err         error
		says        string
	}{
		{"a number", "4\n", -1, 3, nil, ""},
		{"a name", "Orders\n", -1, 3, nil, ""},
		{"a name in another case", "ORDERS\n", -1, 3, nil, ""},
		{"the exact name first", "signups\n", -1, 2, nil, ""},
		{"a name that is a number", "2\n", -1, 1, nil, ""},
		{"Enter gives the default", "\n", 0, 0, nil, "Number or name [1]: "},
		{"Enter without a default", "\n4\n", -1, 3, nil, "enter a name or a number from 1 to 4"},
		{"a number too high", "5\n1\n", -1, 0, nil, `"5" is not in the list; enter a name or a number from 1 to 4`},
		{"zero", "0\n1\n", -1, 0, nil, `"0" is not in the list`},
		{"a similar name", "Ordres\n4\n", -1, 3, nil, `"Ordres" is not in the list; did you mean "Orders"?`},
		{"the end of the input", "", 0, -1, errNoAnswer, ""},
	}
	for _, tt := range tests {
		d, out := dialogueOf(tt.typed)
		got, err := d.choose("Worksheet", titles, tt.byDefault)
		if got != tt.want || !errors.Is(err, tt.err) || !strings.Contains(out.String(), tt.says) {
			t.Errorf("%s: got %d, %v, printed %q; want %d, %v, %q", tt.name, got, err, out.String(), tt.want, tt.err, tt.says)
		}
		if want := "Worksheet:\n  1  Signups\n  2  2\n  3  signups\n  4  Orders\nNumber or name"; !strings.HasPrefix(out.String(), want) {
			t.Errorf("%s: printed %q, want %q first", tt.name, out.String(), want)
		}
	}
}

// TestChooseShowsTitlesSafely: titles come from sheets and are untrusted.
func TestChooseShowsTitlesSafely(t *testing.T) {
	d, out := dialogueOf("1\n")
	if _, err := d.choose("Worksheet", []string{"a\x1b]0;x\a", "b"}, -1); err != nil || strings.ContainsAny(out.String(), "\x1b\a") {
		t.Errorf("%v, printed %q", err, out.String())
	}
}
