package config

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// parse returns the root of the file's single document. It reports mistakes and then returns nil.
func (f *file) parse(text []byte) *yaml.Node {
	text, ok := f.check(text)
	if !ok {
		return nil
	}
	loader, err := yaml.NewLoader(bytes.NewReader(text))
	if err != nil {
		f.reportSyntax(err)
		return nil
	}
	var document, second yaml.Node
	switch err := loader.Load(&document); {
	case err != nil && !errors.Is(err, io.EOF):
		f.reportSyntax(err)
		return nil
	case err != nil || len(document.Content) == 0 || document.Content[0].ShortTag() == "!!null":
		f.reportAt(Pos{File: f.path}, "write its keys (rowtap help config), or remove the file", "is empty")
		return nil
	}
	switch err := loader.Load(&second); {
	case err == nil:
		f.reportAt(f.pos(second.Line, second.Column), "put each into its own file", "a second YAML document begins here; a file contains only one")
		return nil
	case !errors.Is(err, io.EOF):
		f.reportSyntax(err)
		return nil
	}
	root := document.Content[0]
	f.known = f.hasKnownKey(root)
	switch {
	case f.settings || f.known:
		return root
	case root.Kind != yaml.MappingNode:
		f.reportAt(f.pos(root.Line, root.Column), "", "the file must be a mapping (KEY: VALUE lines, indented), but is %s",
			map[bool]string{true: "a list", false: "text"}[root.Kind == yaml.SequenceNode])
	default:
		f.reportAt(Pos{File: f.path}, "the keys of a zap file are "+strings.Join(zapKeys.names(), ", ")+"; move other files elsewhere",
			"is not a zap file: it has none of its keys")
	}
	return nil
}

// hasKnownKey reports whether a document is a mapping with at least one key of its kind of file.
// Any other document may be a passcode or a private key, so nothing of it is read or shown.
func (f *file) hasKnownKey(root *yaml.Node) bool {
	if root.Kind != yaml.MappingNode {
		return false
	}
	keys := zapKeys.names()
	if f.settings {
		keys = settingsKeys.names()
	}
	for i := 0; i < len(root.Content); i += 2 {
		if slices.Contains(keys, root.Content[i].Value) && root.Content[i].Kind == yaml.ScalarNode {
			return true
		}
	}
	return false
}

// reportSyntax reports why a text is not YAML. It quotes nothing of the text, which may be a
// secret.
func (f *file) reportSyntax(err error) {
	loadErr, ok := errors.AsType[*yaml.LoadError](err)
	if !ok {
		f.reportAt(Pos{File: f.path}, "", "is not YAML")
		return
	}
	at := loadErr.Mark
	// The parser notices an unclosed bracket or quote lines below; the place where it was opened is
	// more useful.
	for _, late := range []string{"end of stream", "',' or ", "expected ':'"} {
		if strings.Contains(loadErr.Message, late) && loadErr.ContextMark.Line > 0 {
			at = loadErr.ContextMark
		}
	}
	// At the end of the file, point to the last line that is not blank.
	last := len(f.lines)
	for last > 1 && strings.TrimSpace(f.lines[last-1]) == "" {
		last--
	}
	if at.Line > last {
		at.Line, at.Column = last, utf8.RuneCountInString(strings.TrimRight(f.lines[last-1], " \t"))+1
	}
	message, suggestion := f.explain(loadErr.Message, at)
	f.reportAt(f.pos(at.Line, at.Column), suggestion, "%s", message)
}

// startsWithStar matches a line whose value begins with a *.
var startsWithStar = regexp.MustCompile(`(:|-) +\*`)

// explain translates a message of the YAML library, with a suggestion.
func (f *file) explain(message string, at yaml.Mark) (explanation, suggestion string) {
	line := ""
	if at.Line >= 1 && at.Line <= len(f.lines) {
		line = f.lines[at.Line-1]
	}
	indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
	behind := at.Column > len([]rune(indent))+1
	has := func(part string) bool { return strings.Contains(message, part) }
	switch {
	case strings.Contains(indent, "\t"):
		return "a tab indents this line", "use spaces"
	case strings.Contains(line, ": {{") || strings.Contains(line, "- {{"):
		return "unquoted braces are not text in YAML", `put the value in quotes, such as "{{Email}}"`
	case strings.Contains(line, "${") && (has("node content") || has("',' or ")):
		return "${…} inside { } or [ ] needs quotes", `for example "${NAME}"`
	case has("unknown anchor"):
		return "an alias (*) names an anchor (&) that the file does not have", "a text that begins with * needs quotes"
	case has("mapping values are not allowed"):
		return "a second ': ' in one line", "a text that holds ': ' needs quotes; a key begins in the same column as those above"
	case has("cannot start any token"):
		return "a text cannot begin with this character", "put it in quotes"
	case has("end of stream") && has("quoted") || has("unexpected end of stream"):
		return "a quotation mark is opened here and never closed", ""
	case has("',' or ']'"):
		return "a list in [ ] is not closed, or lacks a comma", ""
	case has("',' or '}'"):
		return "a mapping in { } is not closed, or lacks a comma", ""
	case has("could not find expected ':'"):
		return "a key without ':'", "write KEY: VALUE, the key in one line"
	case has("node content"):
		return "a value is missing here, or a closing bracket", ""
	case has("expected key") && behind:
		return "unexpected text after a value", "put the whole value in quotes"
	case has("expected key") || has("expected '-' indicator") || has("block"):
		return "the indentation matches no line above", "keys of one level begin in the same column"
	case has("escape"):
		return "an unknown escape in double quotes", `write \\ for a backslash, or use single quotes`
	case has("depth"):
		return "is nested too deeply", ""
	case startsWithStar.MatchString(line):
		return "an unquoted text that begins with * is a YAML alias", `put it in quotes, such as "*/2 * * * *"`
	case has("incompatible YAML"):
		return "unknown YAML version", "remove the %YAML line"
	}
	return "is not YAML", ""
}
