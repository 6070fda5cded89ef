package config

import (
	"fmt"
	"slices"
	"strings"
)

// value is a value of a file, with what messages say of it.
type value struct {
	*node
	f    *file
	in   *section // that it is a key of; nil: the whole file, or an item of a list
	at   *node    // its key; the value itself if it has none
	path string   // the keys on the way to it, such as trigger.start; "" for the whole file
}

// wrong reports a mistake at the value.
func (v value) wrong(hint, format string, args ...any) {
	v.f.report(v.node, hint, "%s: %s", v.path, fmt.Sprintf(format, args...))
}

// pos returns where the value's text begins.
func (v value) pos() Pos { return v.f.pos(v.textAt.line, v.textAt.column) }

// keyPos returns where the value's key begins.
func (v value) keyPos() Pos { return v.f.pos(v.at.line, v.at.column) }

// wrongKind reports a value of the wrong kind. Its text stays hidden: with its key misplaced it may
// be a secret.
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

// wrongValue reports a scalar of the wrong type or value, or what is not a scalar.
func (v value) wrongValue(want string) {
	switch {
	case v.kind != scalar:
		v.wrongKind(want)
	case v.null():
		v.wrong("give it a value, or leave the key out", "is empty")
	default:
		hint := ""
		if v.textAt != (place{v.line, v.column}) {
			hint = "without quotes"
		}
		v.wrong(hint, "must be %s, not %q", want, v.shown())
	}
}

// scalar returns the text of a scalar; null and anything else but a scalar is reported.
func (v value) scalar() (string, bool) {
	switch {
	case v.kind != scalar:
		v.wrongKind("text")
		return "", false
	case v.null():
		v.wrong("give it a value, or leave the key out", "is empty")
		return "", false
	}
	return v.text, true
}

// filled returns the text of a scalar, trimmed; blank text is reported.
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
	list   []value // of its keys, in the order of the file
	absent []absentKey
	places map[string]Pos // of the column names in it
	void   bool           // it could not be read, and that was reported
}

// absentKey is a required key that is not there, and what to do about it.
type absentKey struct{ key, hint string }

// section opens a mapping. What is not a mapping is reported; null is an empty one.
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

// prefix returns the path of the section and what separates it from what comes next; "" for the
// whole file.
func (s *section) prefix(separator string) string {
	if s.path == "" {
		return ""
	}
	return s.path + separator
}

// key returns the value of a key. given is false where it is not there; the value then only has a
// path.
func (s *section) key(name string) (v value, given bool) {
	for _, v := range s.list {
		if v.at.text == name {
			return v, true
		}
	}
	return value{f: s.f, in: s, path: s.prefix(".") + name}, false
}

// missing notes that a key is not there.
func (s *section) missing(key, hint string) { s.absent = append(s.absent, absentKey{key, hint}) }

// done reports the keys that are not known, and those that are required and not there. Where one of
// them is a misspelling of the other, one report is enough.
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
