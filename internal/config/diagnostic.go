package config

import (
	"cmp"
	"fmt"
	"strings"
)

// Pos is a place in a file. Line and Column are 1-based, Column in characters; 0 means unknown.
type Pos struct {
	File   string
	Line   int
	Column int
}

// String returns file:line:column without the parts that are unknown.
func (p Pos) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.Column == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Compare compares positions by file, line and column.
func (p Pos) Compare(q Pos) int {
	return cmp.Or(cmp.Compare(p.File, q.File), cmp.Compare(p.Line, q.Line), cmp.Compare(p.Column, q.Column))
}

// Diagnostic is one mistake in a configuration.
type Diagnostic struct {
	Pos
	Message    string // what is wrong
	Suggestion string // what to do instead, such as: did you mean "production"?
	Source     string // the source line without secrets; "" if unknown
	Variable   string `json:"-"` // the environment variable that is not set, where that is the mistake
	Outside    bool   `json:"-"` // the YAML may be right: a variable is not set, or a secret file cannot be read
	Warning    bool   // it is allowed, but perhaps not meant: one of [Config.Warnings]
}

// String returns the mistake on one line, followed by the source line with a caret under it.
func (d Diagnostic) String() string {
	var b strings.Builder
	if p := d.Pos.String(); p != "" {
		b.WriteString(p + ": ")
	}
	b.WriteString(d.Message)
	if d.Suggestion != "" {
		b.WriteString("; " + d.Suggestion)
	}
	if d.Source != "" {
		fmt.Fprintf(&b, "\n    %s", d.Source)
		if d.Column > 0 {
			fmt.Fprintf(&b, "\n    %s^", strings.Repeat(" ", d.Column-1))
		}
	}
	return b.String()
}

// Text returns the mistake on one line, without the offending line of the file.
func (d Diagnostic) Text() string {
	d.Source = ""
	return strings.ReplaceAll(d.String(), "\n", " ")
}

// Diagnostics are the mistakes of a configuration, as an error.
type Diagnostics []Diagnostic

// Error returns all mistakes, each on its own lines.
func (ds Diagnostics) Error() string {
	lines := make([]string, len(ds))
	for i, d := range ds {
		lines[i] = d.String()
	}
	return strings.Join(lines, "\n")
}
