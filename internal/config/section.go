package config

import (
	"fmt"
	"slices"
	"strings"
)

// value is a value of a file, with its context for messages.
type value struct {
	*node
	f    *file
	in   *section // its section; nil for the whole file and items of lists
	at   *node    // its key, or the value itself if it has none
	path string   // the keys that lead to it, such as trigger.start; "" for the whole file
}

// wrong reports a mistake at the value.
func (v value) wrong(hint, format string, args ...any) {
	v.f.report(v.node, hint, "%s: %s", v.path, fmt.Sprintf(format, args...))
}

// pos returns the position of the value's text.
func (v value) pos() Pos { return v.f.pos(v.textAt.line, v.textAt.column) }

// keyPos returns the position of the value's key.
func (v value) keyPos() Pos { return v.f.pos(v.at.line, v.at.column) }

// wrongKind reports a value of the wrong kind. It hides the value's text, which may be a secret
// under the wrong key.
func (v value) wrongKind(want string) {
	if v.kind == broken {
		return
	}
	v.f.hide(v.node)
	have := map[nodeKind]string{scalar: "text", sequence: "a list", mapping: "a mapping"}[v.kind]
	if v.null() {
		have = "empty"
	}
	subject := v.path + ": must be "
	if v.path == "" {
		subject = "the file must be "
	}
	v.f.report(v.node, "", "%s%s, but is %s", subject, want, have)
}

// wrongValue reports a value that is not a scalar, or a scalar of the wrong type or value.
func (v value) wrongValue(want string) {
	switch {
	case v.kind != scalar:
		v.wrongKind(want)
	case v.null():
		v.wrong("give it a value, or remove the key", "is empty")
	default:
		hint := ""
		if v.textAt != (place{v.line, v.column}) {
			hint = "remove the quotes"
		}
		v.wrong(hint, "must be %s, not %q", want, v.shown())
	}
}

// scalar returns the text of a scalar. It reports null and other kinds.
func (v value) scalar() (string, bool) {
	switch {
	case v.kind != scalar:
		v.wrongKind("text")
		return "", false
	case v.null():
		v.wrong("give it a value, or remove the key", "is empty")
		return "", false
	}
	return v.text, true
}

// filled returns the trimmed text of a scalar. It reports blank text.
func (v value) filled() (string, bool) {
	text, ok := v.scalar()
	if !ok {
		return "", false
	}
	if text = strings.TrimSpace(text); text == "" {
		v.wrong("give it a value", "is empty")
		return "", false
	}
	return text, true
}

// section is a mapping being read.
type section struct {
	value
	list   []value // the values of its keys, in file order
	absent []absentKey
	places map[string]Pos // positions of the column names in it
	void   bool           // it could not be read; already reported
}

// absentKey is a required key that is missing, with a hint.
type absentKey struct{ key, hint string }

// section returns a mapping as a section. Null is an empty one; other kinds are reported.
func (v value) section() *section {
	s := &section{value: v, places: make(map[string]Pos)}
	switch {
	case v.kind == broken:
		s.void = true
	case v.kind != mapping && !v.null():
		v.wrongKind("a mapping (KEY: VALUE lines, indented)")
		s.void = true
	}
	for _, p := range v.pairs {
		s.list = append(s.list, value{node: p.value, f: s.f, in: s, at: p.key, path: s.prefix(".") + p.key.text})
	}
	return s
}

// prefix returns the section's path followed by a separator, or "" for the whole file.
func (s *section) prefix(separator string) string {
	if s.path == "" {
		return ""
	}
	return s.path + separator
}

// key returns the value of a key. If the key is missing, given is false and the value has only a
// path.
func (s *section) key(name string) (v value, given bool) {
	for _, v := range s.list {
		if v.at.text == name {
			return v, true
		}
	}
	return value{f: s.f, in: s, path: s.prefix(".") + name}, false
}

// missing records that a required key is missing.
func (s *section) missing(key, hint string) { s.absent = append(s.absent, absentKey{key, hint}) }

// done reports unknown and missing keys. If a missing key resembles an unknown one, only the
// unknown key is reported, with the missing one as a suggestion.
func (s *section) done(known []string) {
	if s.void {
		return
	}
	var unknown []string
	for _, v := range s.list {
		name := v.at.text
		if slices.Contains(known, name) {
			continue
		}
		unknown = append(unknown, name)
		s.f.hide(v.node)
		hint := didYouMean(name, known)
		if strings.HasPrefix(hint, "one of") {
			hint = "known keys: " + strings.Join(known, ", ")
		}
		s.f.report(v.at, hint, "%s%s: is not a known key", s.prefix("."), s.f.keyName(v.at))
	}
	for _, a := range s.absent {
		if Nearest(a.key, unknown) == "" {
			s.f.report(s.at, a.hint, "%s%s: is missing", s.prefix("."), a.key)
		}
	}
}
