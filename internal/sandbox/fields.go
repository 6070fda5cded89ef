package sandbox

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// mask is a parsed fields parameter: the members to keep; nil keeps all below. "*" matches every
// member.
type mask map[string]mask

// schema lists the members of a response; nil allows any below.
type schema map[string]schema

// parseMask parses a fields parameter
// (https://developers.google.com/workspace/sheets/api/guides/field-masks): paths a.b or a/b, groups
// a(b,c), and *. It refuses paths that are not in the schema.
func parseMask(s string, of schema) (mask, error) {
	if s == "" {
		return nil, nil
	}
	p := maskParser{rest: s}
	m := mask{}
	err := p.list(m, 0)
	if err == nil && p.rest != "" {
		err = fmt.Errorf("unexpected %q", p.rest[:1])
	}
	if err != nil {
		return nil, badMask(s, "Error parsing 'fields' parameter: "+err.Error())
	}
	if path := m.unknown(of, ""); path != "" {
		return nil, badMask(path, "Error expanding 'fields' parameter. Cannot find matching fields for path '"+path+"'.")
	}
	return m, nil
}

func badMask(field, description string) *GoogleError {
	return invalidField(field, "Request contains an invalid argument.", description)
}

type maskParser struct{ rest string }

const maxMaskDepth = 32

// list parses paths into a mask, up to the end or a closing parenthesis.
func (p *maskParser) list(into mask, depth int) error {
	if depth > maxMaskDepth {
		return fmt.Errorf("nested deeper than %d", maxMaskDepth)
	}
	for {
		if err := p.path(into, depth); err != nil {
			return err
		}
		var more bool
		if p.rest, more = strings.CutPrefix(p.rest, ","); !more {
			return nil
		}
	}
}

// path parses one path, including a group at its end, into the mask.
func (p *maskParser) path(in mask, depth int) error {
	for {
		end := strings.IndexAny(p.rest, ".,/()")
		if end < 0 {
			end = len(p.rest)
		}
		name := strings.TrimSpace(p.rest[:end])
		p.rest = p.rest[end:]
		if name == "" || strings.ContainsAny(name, " \t\r\n") {
			return fmt.Errorf("a field name is missing or broken before %q", p.rest)
		}
		below, seen := in[name]
		switch {
		case strings.HasPrefix(p.rest, "(") || strings.HasPrefix(p.rest, ".") || strings.HasPrefix(p.rest, "/"):
			separator := p.rest[0]
			p.rest = p.rest[1:]
			if below == nil {
				below = mask{}
				if !seen { // a path that is kept completely stays so
					in[name] = below
				}
			}
			if separator != '(' {
				in = below
				continue
			}
			if err := p.list(below, depth+1); err != nil {
				return err
			}
			var closed bool
			if p.rest, closed = strings.CutPrefix(p.rest, ")"); !closed {
				return errors.New("a parenthesis is not closed")
			}
			return nil
		default:
			in[name] = nil
			return nil
		}
	}
}

// unknown returns the first path that is not in the schema, or "".
func (m mask) unknown(of schema, prefix string) string {
	if of == nil {
		return ""
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		below := m[name]
		if name == "*" {
			continue
		}
		inner, ok := of[name]
		if !ok {
			return prefix + name
		}
		if path := below.unknown(inner, prefix+name+"."); path != "" {
			return path
		}
	}
	return ""
}

// has reports whether the mask contains the path.
func (m mask) has(path ...string) bool {
	for _, name := range path {
		below, ok := m[name]
		if !ok {
			return false
		}
		m = below
	}
	return true
}

// apply returns the parts of a response that the mask keeps. A nil mask keeps all.
func (m mask) apply(o object) object {
	if len(m) == 0 {
		return o
	}
	kept := object{}
	for _, f := range o {
		below, ok := m[f.name]
		if !ok {
			if below, ok = m["*"]; !ok {
				continue
			}
		}
		switch v := f.value.(type) {
		case object:
			f.value = below.apply(v)
		case []object:
			list := make([]object, len(v))
			for i, item := range v {
				list[i] = below.apply(item)
			}
			f.value = list
		}
		kept = append(kept, f)
	}
	return kept
}
