package config

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rowtap/rowtap/internal/row"
)

// kind is a kind of value: how it is read, described in a schema, and printed.
type kind[V any] struct {
	shape
	// read reads a value that is present. It reports mistakes and then leaves to unchanged.
	read func(v value, to *V)
	// print returns what check --print shows; nil omits the key. Without print, the value itself is
	// shown.
	print func(v V) any
}

// shape is the part of a kind that does not depend on the type of its values.
type shape struct {
	name    string   // as shown to users
	choices []string // the allowed words; nil if it is not a choice
	section bool     // a section whose defaults apply even without it
	schema  func() schema
	inner   func(path string) []Key // its keys; nil if it has none
}

// custom returns a kind that is not a choice.
func custom[V any](name string, s func() schema, read func(v value, to *V), print func(v V) any) kind[V] {
	return kind[V]{shape: shape{name: name, schema: s}, read: read, print: print}
}

// containing returns the kind with the keys in it.
func (k kind[V]) containing(inner func(path string) []Key) kind[V] {
	k.inner = inner
	return k
}

// exact returns a kind of text. parse returns the value, or a problem and a hint. A %q in the
// problem is replaced by the text as the file has it.
func exact[V any](name string, s func() schema, parse func(v value, text string) (parsed V, problem, hint string)) kind[V] {
	return custom(name, s, func(v value, to *V) {
		text, ok := v.scalar()
		if !ok {
			return
		}
		parsed, problem, hint := parse(v, text)
		if problem != "" {
			v.wrong(hint, "%s", strings.Replace(problem, "%q", strconv.Quote(v.shown()), 1))
			return
		}
		*to = parsed
	}, nil)
}

// parsed returns a kind of text that must not be blank. Surrounding white space is ignored.
func parsed[V any](name string, s func() schema, parse func(v value, text string) (parsed V, problem, hint string)) kind[V] {
	return exact(name, s, func(v value, text string) (parsed V, problem, hint string) {
		if text = strings.TrimSpace(text); text == "" {
			return parsed, "is empty", "give it a value"
		}
		return parse(v, text)
	})
}

var (
	// textKind is any text that is not blank.
	textKind = parsed("text", filledScalar, func(_ value, text string) (string, string, string) { return text, "", "" })

	// pathKind is a path, made absolute.
	pathKind = parsed("path", filledScalar, func(v value, text string) (string, string, string) {
		return resolvePath(v.f.expand.dir, text), "", ""
	})

	// nameKind is the name of a zap or a lease.
	nameKind = parsed("name", nameSchema, func(_ value, text string) (string, string, string) {
		if !accountName.MatchString(text) {
			return "", "%q is not a valid name", nameRule
		}
		return text, "", ""
	})
)

func nameSchema() schema {
	s := shaped(`^\s*`+strings.Trim(accountName.String(), "^$")+`\s*$`, scalars...)()
	s["minimum"] = 0 // a name has no sign
	return s
}

// choice returns a kind with a fixed set of words.
func choice[T ~string](allowed ...T) kind[T] {
	words := make([]string, len(allowed))
	for i, a := range allowed {
		words[i] = string(a)
	}
	k := exact("", func() schema { return choiceSchema(words...) }, func(_ value, text string) (T, string, string) {
		trimmed := strings.TrimSpace(text)
		switch {
		case slices.Contains(words, text): // first, because a choice may be a blank
			return T(text), "", ""
		case slices.Contains(words, trimmed):
			return T(trimmed), "", ""
		case trimmed == "":
			return "", "is empty", "give it a value"
		}
		return "", "%q is not known", didYouMean(trimmed, words)
	})
	k.choices = words
	return k
}

// word returns a choice with a single word, which is checked but not stored.
func word[T any](only string) kind[T] {
	k := choice(only)
	return kind[T]{shape: k.shape, read: func(v value, _ *T) { k.read(v, new(string)) }, print: func(T) any { return only }}
}

// booleanKind is true or false, or yes, no, on or off without quotes.
var booleanKind = custom("true or false", func() schema {
	return schema{"anyOf": []schema{{"type": "boolean"}, shaped(`^([Yy][Ee][Ss]|[Nn][Oo]|[Oo][Nn]|[Oo][Ff][Ff])$`, "string")()}}
}, func(v value, to *bool) {
	word := ""
	if v.kind == scalar && (v.tag == "!!bool" || v.expanded || v.textAt == (place{v.line, v.column})) {
		word = strings.ToLower(v.text)
	}
	switch word {
	case "true", "yes", "on":
		*to = true
	case "false", "no", "off":
		*to = false
	default:
		v.wrongValue("true or false")
	}
}, nil)

// integer returns a kind of whole numbers from lo to hi.
func integer[N int | int64](lo, hi N) kind[N] {
	name := fmt.Sprintf("whole number, %d to %d", lo, hi)
	if hi == math.MaxInt32 {
		name = fmt.Sprintf("whole number, %d or more", lo)
	}
	return custom(name, func() schema {
		return schema{"anyOf": []schema{{"type": "integer", "minimum": lo, "maximum": hi}, {"type": "string", "pattern": variablePattern}}}
	}, func(v value, to *N) {
		n, ok := v.whole()
		if !ok || n < int64(lo) || n > int64(hi) {
			v.wrongValue("a " + name)
			return
		}
		*to = N(n)
	}, nil)
}

// whole returns the whole number of a scalar in plain decimals without quotes. Quotes are allowed
// around ${…}, which needs them inside { } and [ ].
func (n *node) whole() (int64, bool) {
	if n.kind != scalar || n.tag != "!!int" && !n.expanded || !wholeNumber.MatchString(n.text) {
		return 0, false
	}
	v, err := strconv.ParseInt(n.text, 10, 64)
	return v, err == nil
}

// duration returns a kind of durations of at least least.
func duration(least time.Duration) kind[time.Duration] {
	k := parsed("duration", func() schema {
		return schema{"anyOf": []schema{{"const": 0}, shaped(durationPattern, "string")()}}
	}, func(_ value, text string) (time.Duration, string, string) {
		d, problem := parseDuration(text)
		switch {
		case problem != "":
			return 0, problem, "for example 30s, 5m, 12h or 30d"
		case d < least:
			return 0, fmt.Sprintf("must be %s or longer", least), ""
		}
		return d, "", ""
	})
	k.print = func(d time.Duration) any { return effectiveDuration(d) }
	return k
}

// durationPattern matches what parseDuration accepts, apart from its bounds.
const durationPattern = `^\s*\+?(\d+d|(\d+d)?(((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))+|0))\s*$`

// maxDays is 100 years.
const maxDays = 36500

// ParseDuration returns a duration that is written as in the configuration, such as 90s, 36h or 30d.
func ParseDuration(text string) (time.Duration, error) {
	d, problem := parseDuration(strings.TrimSpace(text))
	if problem != "" {
		return 0, fmt.Errorf("%q %s", text, problem)
	}
	return d, nil
}

// parseDuration returns Go's durations and those with days before them, such as 30d or 1d12h.
func parseDuration(text string) (d time.Duration, problem string) {
	rest := text
	if days, after, ok := strings.Cut(text, "d"); ok {
		n, err := strconv.Atoi(days)
		if err != nil || n < 0 {
			return 0, "is not a duration"
		}
		if n > maxDays {
			return 0, "is longer than 100 years"
		}
		d, rest = time.Duration(n)*24*time.Hour, after
		if rest == "" {
			return d, ""
		}
	}
	more, err := time.ParseDuration(rest)
	switch _, numeric := strconv.Atoi(rest); {
	case err != nil && numeric == nil:
		return 0, "has no unit"
	case err != nil:
		return 0, "is not a duration"
	case more < 0:
		return 0, "must not be negative"
	case more > maxDays*24*time.Hour-d:
		return 0, "is longer than 100 years"
	}
	return d + more, ""
}

// secret returns a kind of text that is checked and never shown.
func secret(name string, s func() schema, check func(text string) (problem, hint string)) kind[Secret] {
	k := parsed(name, s, func(_ value, text string) (Secret, string, string) {
		problem, hint := check(text)
		return NewSecret(text), problem, hint
	})
	k.print = func(Secret) any { return redacted }
	return k
}

// template returns a scalar as text with {{…}}, or as a literal number or boolean. It reports
// mistakes and then returns nil.
func (v value) template() *Template {
	if _, ok := v.filled(); !ok {
		return nil
	}
	literal, problem := v.literal()
	if problem != "" {
		v.wrong("quote it to make it text", "%s", problem)
		return nil
	}
	return &Template{Text: v.text, Pos: v.pos(), Literal: literal}
}

// templateKind returns a kind of templates written as scalars of some types.
func templateKind(types ...string) kind[*Template] {
	return custom("template", shaped(filled, types...), func(v value, to **Template) { *to = v.template() }, (*Template).effective)
}

// listing describes a list.
type listing struct {
	name     string // name of the kind
	want     string // expected value, in messages
	single   bool   // a single item is allowed in place of a list
	distinct bool   // items must be unique
	least    int
	most     int // 0 for no limit
}

// list returns the items of a list. It reports mistakes and then returns nil.
func (v value) list(o listing) []value {
	switch n := len(v.items); {
	case v.kind != sequence:
		v.wrongKind(o.want)
		return nil
	case n < o.least:
		v.wrong("expected "+o.want, "is empty")
		return nil
	case o.most > 0 && n > o.most:
		v.wrong("", "%d given, at most %d allowed", n, o.most)
		return nil
	}
	items := make([]value, len(v.items))
	for i, n := range v.items {
		items[i] = value{node: n, f: v.f, in: v.in, at: n, path: fmt.Sprintf("%s[%d]", v.path, i+1)}
	}
	return items
}

func (o listing) schema(item schema) schema {
	s := schema{"type": "array", "items": item}
	if o.least > 0 {
		s["minItems"] = o.least
	}
	if o.most > 0 {
		s["maxItems"] = o.most
	}
	if o.distinct {
		s["uniqueItems"] = true
	}
	if o.single {
		return schema{"anyOf": []schema{item, s}}
	}
	return s
}

// columnsKind is a column name or a list of them, tidied. It adds their positions to the section.
var columnsKind = listOf(parsed("", filledScalar, func(_ value, text string) (string, string, string) {
	name := row.TidyName(text)
	if name == "" {
		return "", "is empty", "give it a value"
	}
	return name, "", ""
}), listing{name: "column, or a list of them", want: "a column name or a list of them", single: true, distinct: true})

// listOf returns a kind of lists of texts.
func listOf[T ~string](item kind[T], o listing) kind[[]T] {
	return custom(o.name, func() schema { return o.schema(item.schema()) }, func(v value, to *[]T) {
		items := []value{v}
		switch {
		case o.single && (v.kind == mapping || v.null()):
			v.wrongValue(o.want)
			return
		case !o.single || v.kind == sequence:
			if items = v.list(o); items == nil {
				return
			}
		}
		*to = make([]T, 0, len(items))
		for _, one := range items {
			one.path = v.path
			var text T
			switch item.read(one, &text); {
			case text == "": // already reported
			case o.distinct && slices.Contains(*to, text):
				one.wrong("remove one of them", "%q is listed twice", one.shown())
			default:
				*to = append(*to, text)
				v.in.places[string(text)] = one.pos()
			}
		}
	}, nil)
}

// within returns a kind of sections with the keys of t.
func within[T any](t *table[T]) kind[T] {
	k := custom("section", t.schema, t.read, func(v T) any { return t.print(&v).orNothing() })
	k.section, k.inner = true, t.inside(".")
	return k
}

// sections returns a kind of lists of sections with the keys of t. item returns the schema of one.
func sections[T any](t *table[T], o listing, item func() schema, print func([]T) any) kind[[]T] {
	return custom("list of sections", func() schema { return o.schema(item()) }, func(v value, to *[]T) {
		for _, one := range v.list(o) {
			var section T
			t.read(one, &section)
			*to = append(*to, section)
		}
	}, print)
}

// named returns a kind of sections whose keys are names, each with a section of the keys of t.
func named[T any](t *table[T]) kind[map[string]*T] {
	return custom("section for each NAME", func() schema {
		return schema{
			"type": []string{"object", "null"}, "propertyNames": schema{"pattern": accountName.String()}, "additionalProperties": t.schema(),
		}
	}, func(v value, to *map[string]*T) {
		s := v.section()
		if s.void { // the names are unknown, so zaps are not checked against them
			*to = nil
		}
		for _, one := range s.list {
			if !accountName.MatchString(one.at.text) {
				s.f.report(one.at, nameRule, "%s%s: is not a valid name", s.prefix("."), s.f.keyName(one.at))
				s.f.hide(one.node)
				continue
			}
			account := new(T)
			t.read(one, account)
			(*to)[one.at.text] = account
		}
	}, func(all map[string]*T) any {
		var d document
		for _, name := range sortedKeys(all) {
			d = append(d, keyed{key: name, value: t.print(all[name])})
		}
		return d.orNothing()
	}).containing(t.inside(".NAME."))
}

// account returns a kind of references to an account in a section of rowtap.yaml.
func account[A any](section string, of func(*Config) map[string]*A, nameOf func(*A) string) kind[*A] {
	k := parsed("name of "+section, filledScalar, func(v value, text string) (*A, string, string) {
		accounts := of(v.f.config)
		names := sortedKeys(accounts)
		switch a := accounts[text]; {
		case a != nil || accounts == nil: // the accounts are unknown if nil
			return a, "", ""
		case len(names) == 0:
			return nil, "%q is not in " + section, "rowtap.yaml has no " + section
		}
		return nil, "%q is not in " + section, didYouMean(text, names)
	})
	k.print = func(a *A) any { return nameOf(a) }
	return k
}
