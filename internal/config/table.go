package config

import (
	"reflect"
	"slices"
	"strings"
)

// table declares the keys of a section that is read into a T, each once. The reader with its
// suggestions, the JSON Schema, check --print, [Keys] and the comments of rowtap new use it.
type table[T any] struct {
	keys   []key[T] // in reading, printing and listing order
	groups []group
	// check checks rules that involve several keys, and sets the remaining fields of a T. It is
	// called last.
	check func(s *section, to *T)
	// also returns schemas for the rules of check, as far as JSON Schema can express them.
	also func() []schema
}

// key is a declared key.
type key[T any] struct {
	Key
	shape
	read  func(v value, to *T)
	print func(from *T, always bool) any // nil omits the key
}

// Key describes a declared key for users.
type Key struct {
	// Path is the key's name after the keys that lead to it: state.history. NAME stands for any
	// name, [] for each item of a list.
	Path    string
	Kind    string // such as "duration", or the allowed values in backticks
	About   string // description
	Example string // example value in YAML; "" for sections
	Default string // default value in YAML; "" if there is none
	Absent  string // default in words, with values in backticks; "" for none, or see Must
	Must    string // hint if the key is missing; "" if it is optional
	With    string // key without which this one has no effect, or "KEY: VALUE"

	local bool // may differ between machines that share their state
}

// group is a set of keys of which one is required, and only one is allowed unless several is true.
type group struct {
	keys    []string
	several bool
	must    string // hint if none is given
}

// field declares a key. at returns the field of a T that holds its value.
func field[T, V any](name string, k kind[V], at func(*T) *V, about string, more Key) key[T] {
	more.Path, more.Kind, more.About = name, k.name, about
	if k.choices != nil {
		more.Kind = "`" + strings.Join(k.choices, "`, `") + "`"
	}
	return key[T]{
		Key: more, shape: k.shape,
		read: func(v value, to *T) { k.read(v, at(to)) },
		print: func(from *T, always bool) any {
			v := at(from)
			switch {
			case !always && reflect.ValueOf(v).Elem().IsZero():
				return nil
			case k.print != nil:
				return k.print(*v)
			}
			return *v
		},
	}
}

// whole is the at of keys that set several fields.
func whole[T any](t *T) *T { return t }

// names returns the names of the keys.
func (t *table[T]) names() []string {
	names := make([]string, len(t.keys))
	for i, k := range t.keys {
		names[i] = k.Path
	}
	return names
}

// read reads a section. It reports mistakes; keys with mistakes keep their defaults.
func (t *table[T]) read(v value, to *T) {
	s := v.section()
	for _, k := range t.keys {
		in, given := s.key(k.Path)
		if k.Default != "" {
			k.read(value{node: &node{kind: scalar, text: k.Default, tag: plainTag(k.Default)}, f: s.f, in: s}, to)
		}
		switch {
		case given && in.kind != broken && t.allows(s, k, in):
			k.read(in, to)
		case !given && k.Must != "":
			s.missing(k.Path, k.Must)
		case !given && k.section: // to set its defaults
			k.read(value{node: &node{kind: mapping}, f: s.f, at: s.at, path: in.path}, to)
		}
	}
	for _, g := range t.groups {
		g.check(s)
	}
	if t.check != nil {
		t.check(s, to)
	}
	s.done(t.names())
}

// allows reports whether the key that k depends on is set, and reports a mistake if it is not,
// unless that key has a mistake itself.
func (t *table[T]) allows(s *section, k key[T], in value) bool {
	name, want, _ := strings.Cut(k.With, ": ")
	if name == "" {
		return true
	}
	other, given := s.key(name)
	text := ""
	if given {
		text = strings.TrimSpace(other.text)
	}
	if given && (want == "" || want == text) {
		return true
	}
	if !given || slices.Contains(t.keys[slices.Index(t.names(), name)].choices, text) {
		s.f.report(in.at, "set "+k.With+", or remove "+k.Path, "%s: has no effect without %s", in.path, k.With)
	}
	return false
}

// check reports a group without a key, or with more than one.
func (g group) check(s *section) {
	first := ""
	for _, name := range g.keys {
		switch in, given := s.key(name); {
		case !given:
		case first == "":
			first = name
		case !g.several:
			s.f.report(in.at, "keep one of them", "%s%s and %s are both given", s.prefix(": "), first, name)
		}
	}
	if first == "" {
		s.missing(g.keys[0], g.must)
	}
}

// print returns a section for check --print.
func (t *table[T]) print(from *T) document {
	var d document
	for _, k := range t.keys {
		if v := k.print(from, k.Must != "" || k.Default != ""); v != nil {
			d = append(d, keyed{k.Path, v, k.local})
		}
	}
	return d
}

// Keys returns the keys of rowtap.yaml ("rowtap") or of a zap file ("zap"): each section is
// followed by the keys in it.
func Keys(kind string) []Key {
	if kind == "rowtap" {
		return settingsKeys.list("")
	}
	return zapKeys.list("")
}

// list returns the keys of a section, each followed by the keys in it, with a prefix before their
// paths.
func (t *table[T]) list(path string) []Key {
	var all []Key
	for _, k := range t.keys {
		k.Path = path + k.Path
		all = append(all, k.Key)
		if k.inner != nil {
			all = append(all, k.inner(k.Path)...)
		}
	}
	return all
}

// inside returns a function that lists the keys of a section below the path of its key.
func (t *table[T]) inside(separator string) func(path string) []Key {
	return func(path string) []Key { return t.list(path + separator) }
}

// schema returns the JSON Schema of a section.
func (t *table[T]) schema() schema {
	properties, dependencies := map[string]schema{}, map[string]schema{}
	var required []string
	var all []schema
	for _, k := range t.keys {
		p := k.schema()
		p["description"] = k.About
		if k.Absent != "" {
			p["description"] = k.About + " Default: " + k.Absent + "."
		}
		if k.Default != "" {
			p["default"] = literal(k.Default)
		}
		properties[k.Path] = p
		if k.Must != "" {
			required = append(required, k.Path)
		}
		if name, want, _ := strings.Cut(k.With, ": "); want != "" {
			dependencies[k.Path] = schema{"required": []string{name}, "properties": map[string]schema{name: choiceSchema(want)}}
		} else if name != "" {
			dependencies[k.Path] = schema{"required": []string{name}}
		}
	}
	for _, g := range t.groups {
		one := make([]schema, len(g.keys))
		for i, name := range g.keys {
			one[i] = schema{"required": []string{name}}
		}
		all = append(all, schema{map[bool]string{false: "oneOf", true: "anyOf"}[g.several]: one})
	}
	if t.also != nil {
		all = append(all, t.also()...)
	}
	s := schema{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) == 0 && len(all) == 0 {
		s["type"] = []string{"object", "null"}
	}
	for name, part := range map[string]any{"required": required, "dependencies": dependencies, "allOf": all} {
		if reflect.ValueOf(part).Len() > 0 {
			s[name] = part
		}
	}
	return s
}
