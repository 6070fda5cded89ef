package draft

import (
	"bytes"
	"cmp"
	"errors"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"github.com/rowtap/rowtap/internal/config"
)

// editing changes values in the text of a YAML file. Everything else keeps its layout.
type editing struct {
	path    string
	text    string // without a byte order mark
	newline string
	lines   []int // where each line begins, in bytes
	root    *yaml.Node
	edits   []edit
	wrong   config.Diagnostics
}

// edit replaces the bytes from one place up to another of the original text.
type edit struct {
	from, to int
	text     string
}

func newEditing(path string, file []byte) (*editing, error) {
	file = bytes.TrimPrefix(file, []byte("\ufeff"))
	var document yaml.Node
	if err := yaml.Unmarshal(file, &document); err != nil {
		return nil, err
	}
	if len(document.Content) == 0 {
		return nil, errors.New("the file is empty")
	}
	e := &editing{path: path, text: string(file), newline: "\n", lines: []int{0}, root: document.Content[0]}
	if strings.Contains(e.text, "\r\n") {
		e.newline = "\r\n"
	}
	for i, r := range e.text {
		if isBreak(r) && !strings.HasPrefix(e.text[i:], "\r\n") {
			e.lines = append(e.lines, i+utf8.RuneLen(r))
		}
	}
	return e, nil
}

// isBreak reports whether a character ends a line, as the YAML library counts lines.
func isBreak(r rune) bool { return strings.ContainsRune("\n\r\u0085\u2028\u2029", r) }

func (e *editing) replace(from, to int, text string) {
	e.edits = append(e.edits, edit{from, to, text})
}

// result returns the edited text.
func (e *editing) result() ([]byte, error) {
	if len(e.wrong) > 0 {
		slices.SortStableFunc(e.wrong, func(a, b config.Diagnostic) int { return cmp.Compare(a.Line, b.Line) })
		return nil, e.wrong
	}
	slices.SortStableFunc(e.edits, func(a, b edit) int { return cmp.Compare(a.from, b.from) })
	var out []byte
	done := 0
	for _, one := range e.edits {
		out = append(out, e.text[done:one.from]...)
		out = append(out, one.text...)
		done = one.to
	}
	return append(out, e.text[done:]...), nil
}

// resolved returns the node that an alias stands for, or the node itself.
func resolved(n *yaml.Node) *yaml.Node {
	if n != nil && n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// entry returns the key and the value of a mapping's own entry, without those that it merges; nil
// if it has none.
func entry(m *yaml.Node, key string) (k, v *yaml.Node) {
	if m = resolved(m); m == nil || m.Kind != yaml.MappingNode {
		return nil, nil
	}
	for i := 0; i+1 < len(m.Content); i += 2 {
		if resolved(m.Content[i]).Value == key {
			return m.Content[i], m.Content[i+1]
		}
	}
	return nil, nil
}

// set sets an entry of a mapping to a value, which remark explains in a comment if the line has
// none. A new entry follows the first of the entries in after that the mapping has.
func (e *editing) set(m *yaml.Node, key, value, remark string, after ...string) {
	m = resolved(m)
	if remark != "" {
		remark = " # " + remark
	}
	flow := m.Style&yaml.FlowStyle != 0
	k, v := entry(m, key)
	if k == nil {
		v = m.Content[len(m.Content)-1]
		for _, name := range slices.Backward(after) {
			if _, found := entry(m, name); found != nil {
				v = found
			}
		}
		switch at := e.end(v); {
		case flow:
			e.replace(at, at, ", "+key+": "+value)
		default:
			at = e.lineEnd(at)
			e.replace(at, at, e.newline+strings.Repeat(" ", m.Content[0].Column-1)+key+": "+value+remark)
		}
		return
	}
	if v.Kind == yaml.ScalarNode && v.Value == value {
		return
	}
	e.orphaned(key, v.Content...)
	from, to := e.start(v), e.end(v)
	if v.Anchor != "" {
		value = "&" + v.Anchor + " " + value
	}
	if !flow {
		rest := e.text[to:e.lineEnd(to)]
		gap := len(rest) - len(strings.TrimLeft(rest, " "))
		switch {
		case gap == len(rest), v.Kind == yaml.MappingNode: // the comment of {gid: N} names the worksheet
			value, to = value+remark, to+len(rest)
		case gap > 1: // the comment stays in its column
			value += strings.Repeat(" ", max(1, gap+utf8.RuneCountInString(e.text[from:to])-utf8.RuneCountInString(value)))
			to += gap
		}
	}
	e.replace(from, to, value)
}

// remove removes an entry of a mapping with its comments: those directly above it, and those below
// it that are indented.
func (e *editing) remove(m *yaml.Node, key string) {
	k, v := entry(m, key)
	if k == nil {
		return
	}
	e.orphaned(key, k, v)
	from, to := e.start(k), e.end(v)
	if m.Style&yaml.FlowStyle != 0 {
		if next := e.after(to, ""); e.text[next] == ',' {
			to = next + len(",")
		}
		e.replace(from, to, "")
		return
	}
	first, last := e.line(from), e.line(to)+1
	for ; first > 0 && strings.HasPrefix(e.lineText(first-1), "#"); first-- {
	}
	for ; last < len(e.lines) && strings.HasPrefix(strings.TrimLeft(e.lineText(last), " "), "#") && strings.HasPrefix(e.lineText(last), " "); last++ {
	}
	if last == len(e.lines) || e.lineText(last) == "" {
		for ; first > 0 && e.lineText(first-1) == ""; first-- {
		}
	}
	to = len(e.text)
	if last < len(e.lines) {
		to = e.lines[last]
	}
	e.replace(e.lines[first], to, "")
}

// line returns the 0-based line of a place.
func (e *editing) line(at int) int {
	i, found := slices.BinarySearch(e.lines, at)
	if !found {
		i--
	}
	return i
}

// lineText returns a 0-based line without its line break and the white space before it.
func (e *editing) lineText(i int) string {
	return strings.TrimRightFunc(e.text[e.lines[i]:e.lineEnd(e.lines[i])], unicode.IsSpace)
}

// lineEnd returns where the line of a place ends, before its line break.
func (e *editing) lineEnd(at int) int {
	if i := strings.IndexFunc(e.text[at:], isBreak); i >= 0 {
		return at + i
	}
	return len(e.text)
}

// start returns where a node begins, at its anchor or tag if it has one.
func (e *editing) start(n *yaml.Node) int {
	at := e.lines[n.Line-1]
	for range n.Column - 1 {
		_, size := utf8.DecodeRuneInString(e.text[at:])
		at += size
	}
	return at
}

var (
	doubleQuoted = regexp.MustCompile(`^"(?:[^"\\]|\\(?s:.))*"`)
	singleQuoted = regexp.MustCompile(`^'(?:[^']|'')*'`)
)

// end returns where a node ends.
func (e *editing) end(n *yaml.Node) int {
	at := e.start(n)
	if n.Kind == yaml.AliasNode {
		return at + len("*"+n.Value)
	}
	for at < len(e.text) && (e.text[at] == '&' || e.text[at] == '!') { // anchor and tag
		after := at + strings.IndexFunc(e.text[at:]+" ", unicode.IsSpace)
		if n.Value == "" && len(n.Content) == 0 && n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) == 0 {
			return after // nothing follows
		}
		at = e.after(after, "")
	}
	flow := n.Kind != yaml.ScalarNode && n.Style&yaml.FlowStyle != 0
	switch {
	case len(n.Content) > 0 && !flow:
		return e.end(n.Content[len(n.Content)-1])
	case len(n.Content) > 0:
		return e.after(e.end(n.Content[len(n.Content)-1]), ",:") + len("}")
	case flow:
		return e.after(at+len("{"), "") + len("}")
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return e.blockEnd(at)
	case n.Style&yaml.DoubleQuotedStyle != 0:
		return at + len(doubleQuoted.FindString(e.text[at:]))
	case n.Style&yaml.SingleQuotedStyle != 0:
		return at + len(singleQuoted.FindString(e.text[at:]))
	}
	for _, r := range n.Value { // where the value continues on the next line, it has a single space
		if !unicode.IsSpace(r) {
			at += strings.IndexRune(e.text[at:], r) + utf8.RuneLen(r)
		}
	}
	return at
}

// blockEnd returns where the text after a | or > ends.
func (e *editing) blockEnd(at int) int {
	last, indent := e.line(at), 0
	for i := last + 1; i < len(e.lines); i++ {
		text := e.lineText(i)
		spaces := len(text) - len(strings.TrimLeft(text, " "))
		switch {
		case text == "":
			continue
		case indent == 0:
			indent = spaces
		}
		if spaces < indent || spaces == 0 {
			break
		}
		last = i
	}
	return e.lineEnd(e.lines[last])
}

// after returns the place after white space, comments and the characters in others.
func (e *editing) after(at int, others string) int {
	for at < len(e.text) {
		r, size := utf8.DecodeRuneInString(e.text[at:])
		switch {
		case r == '#':
			at = e.lineEnd(at)
		case unicode.IsSpace(r) || strings.ContainsRune(others, r):
			at += size
		default:
			return at
		}
	}
	return at
}
