package config

import (
	"cmp"
	"regexp"
	"strings"
	"unicode"
)

// maxSource is the longest line that is shown whole, in characters.
const maxSource = 160

// place is a 1-based line and column, in characters.
type place struct{ line, column int }

// span is a part of the file: from one place up to another, which is not in it.
type span struct{ from, to place }

// extent is a node's part of file.order.
type extent struct{ first, after int }

// comparePos orders places by file, line and column.
func comparePos(a, b Pos) int {
	return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
}

// hide keeps a node's text out of every line that is shown. YAML does not tell where a node ends, so that all up to the
// next node is hidden.
func (f *file) hide(n *node) {
	if n.extent.first < n.extent.after && !nameOnly.MatchString(n.raw) {
		f.hidden = append(f.hidden, f.span(n))
	}
}

// span returns a node's part of the file, up to the next node. It was written in the file.
func (f *file) span(n *node) span {
	to := place{len(f.lines) + 1, 1}
	if n.extent.after < len(f.order) {
		to = f.order[n.extent.after]
	}
	return span{f.order[n.extent.first], to}
}

// in tells whether a place is in a node.
func (f *file) in(p Pos, n *node) bool {
	if n.extent.first >= n.extent.after {
		return false
	}
	s, at := f.span(n), place{p.Line, p.Column}
	return !at.before(s.from) && at.before(s.to)
}

func (p place) before(q place) bool {
	return p.line < q.line || p.line == q.line && p.column < q.column
}

// source returns the line of a place as it may be shown, or "". Of what is too far to the right nothing is shown, nor of a file that
// may be of another kind: one that is no YAML, or without a known key. A link to a passcode may have got among the zap files.
func (f *file) source(p Pos) string {
	if !f.known || p.Line < 1 || p.Line > len(f.lines) || p.Column > maxSource {
		return ""
	}
	line := []rune(f.lines[p.Line-1])
	cut := len(line)
	for _, s := range f.hidden {
		switch {
		case p.Line < s.from.line || p.Line > s.to.line:
		case p.Line == s.from.line:
			cut = min(cut, s.from.column-1)
		case p.Line < s.to.line:
			return ""
		case strings.Trim(string(line[:min(s.to.column-1, len(line))]), " -") != "":
			return "" // a secret of several lines ends in this one
		}
	}
	shown := string(line[:cut])
	if cut < len(line) {
		if f.settings {
			shown += redacted
		} else {
			shown += "…"
		}
	}
	return printable(shown)
}

// printable returns a line fit for a terminal: a character of the file is one of the line, so that the caret under it is
// right.
func printable(line string) string {
	line = strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return '→'
		case !unicode.IsPrint(r):
			return unicode.ReplacementChar
		}
		return r
	}, strings.TrimRightFunc(line, unicode.IsSpace))
	if runes := []rune(line); len(runes) > maxSource {
		line = string(runes[:maxSource]) + "…"
	}
	return line
}

var (
	secretWord = regexp.MustCompile(`(?i)pass|secret|token|webhook|postgres`)
	plainKey   = regexp.MustCompile(`^[\pL_][\pL_ .-]*$`)
	// nameOnly is a ${…} that tells where a secret is and cannot hold it, as the default of ${NAME:-default} might.
	nameOnly = regexp.MustCompile(`^\$\{(file:)?[^:}]*\}$`)
)

// secretKey tells whether the value of a key may be a secret, even if the key is misspelt.
func secretKey(key string) bool {
	if strings.HasSuffix(key, "_file") {
		return false
	}
	return secretWord.MatchString(key) ||
		Nearest(key, []string{"passcode", "password", "secret", "token", "webhook", "postgres"}) != ""
}

// keyName returns a key as a message may quote it. In rowtap.yaml a key that does not look like one may be a secret with
// its own key before it: {passcode:SECRET} is a mapping with the key passcode:SECRET. It is then hidden.
func (f *file) keyName(n *node) string {
	oneWord := !strings.ContainsAny(n.text, " .-")
	if !f.settings || plainKey.MatchString(n.text) && (oneWord || !secretWord.MatchString(n.text)) {
		return n.text
	}
	f.hide(n)
	return "…"
}
