package config

import (
	"regexp"
	"strings"
	"unicode"
)

// maxSource is the maximum length of a source line in messages, in characters.
const maxSource = 160

// place is a 1-based line and column; columns count characters.
type place struct{ line, column int }

// span is a part of the file from one place up to, but not including, another.
type span struct{ from, to place }

// extent is a node's range in file.order.
type extent struct{ first, after int }

// hide keeps a node's text out of source lines. YAML does not give the end of a node, so everything
// up to the next node is hidden.
func (f *file) hide(n *node) {
	if n.extent.first < n.extent.after && !nameOnly.MatchString(n.raw) {
		f.hidden = append(f.hidden, f.span(n))
	}
}

// span returns a node's part of the file, up to the next node. The node must have an extent.
func (f *file) span(n *node) span {
	to := place{len(f.lines) + 1, 1}
	if n.extent.after < len(f.order) {
		to = f.order[n.extent.after]
	}
	return span{f.order[n.extent.first], to}
}

// in reports whether a position is inside a node; it is in none that is nil.
func (f *file) in(p Pos, n *node) bool {
	return n != nil && n.extent.first < n.extent.after && f.span(n).has(place{p.Line, p.Column})
}

// has reports whether a place is in the span.
func (s span) has(p place) bool { return !p.before(s.from) && p.before(s.to) }

func (p place) before(q place) bool {
	return p.line < q.line || p.line == q.line && p.column < q.column
}

// source returns the source line of a position without secrets, or "". It returns "" if the
// position is too far to the right, and for every position in a file that is not YAML or has no
// known key: it may be something else, such as a link to a passcode in zaps/.
func (f *file) source(p Pos) string {
	if !f.known || p.Line < 1 || p.Line > len(f.lines) || p.Column > maxSource {
		return ""
	}
	line, cut := f.visible(p.Line)
	if cut < 0 {
		return ""
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

// visible returns a line and how many of its characters are before its first hidden part; -1 if
// nothing of it may be shown, because it is within a hidden part or has the end of one.
func (f *file) visible(number int) (line []rune, cut int) {
	line = []rune(f.lines[number-1])
	cut = len(line)
	for _, s := range f.hidden {
		switch {
		case number < s.from.line || number > s.to.line:
		case number == s.from.line:
			cut = min(cut, s.from.column-1)
		case number < s.to.line, strings.Trim(string(line[:min(s.to.column-1, len(line))]), " -") != "":
			return line, -1
		}
	}
	return line, cut
}

// printable makes a line safe for a terminal. Characters are replaced one for one, so the caret
// below the line stays in place.
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
	// nameOnly matches a ${…} that only refers to a secret, unlike ${NAME:-default}, whose default
	// may be one.
	nameOnly = regexp.MustCompile(`^\$\{(file:)?[^:}]*\}$`)
)

// secretKey reports whether the value of a key may be a secret, even if the key is misspelled.
func secretKey(key string) bool {
	if strings.HasSuffix(key, "_file") {
		return false
	}
	return secretWord.MatchString(key) ||
		Nearest(key, []string{"passcode", "password", "secret", "token", "webhook", "postgres"}) != ""
}

// keyName returns a key for use in messages. In rowtap.yaml, a key that does not look like one may
// contain a secret: {passcode:SECRET} is a mapping with the key passcode:SECRET. Such a key is
// hidden.
func (f *file) keyName(n *node) string {
	oneWord := !strings.ContainsAny(n.text, " .-")
	if !f.settings || plainKey.MatchString(n.text) && (oneWord || !secretWord.MatchString(n.text)) {
		return n.text
	}
	f.hide(n)
	return "…"
}
