package config

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

const (
	maxDepth = 64 // maximum nesting of values
	// maxNodes is the maximum number of values in a file with aliases resolved: a small file can
	// have billions.
	maxNodes = 50_000
)

// nodeKind is the kind of a node.
type nodeKind uint8

const (
	broken nodeKind = iota // already reported; readers ignore it
	scalar
	sequence
	mapping
)

// node is a value of a YAML file with aliases resolved, merge keys merged and ${…} expanded.
type node struct {
	kind         nodeKind
	line, column int
	extent       extent

	// Of scalars:
	text     string // the value
	raw      string // the value before ${…} was expanded, safe to show
	tag      string // !!str, !!int, !!float, !!bool, !!null or !!timestamp
	expanded bool   // it contained ${…}
	textAt   place  // start of the text, after an opening quote

	items []*node // of sequences
	pairs []pair  // of mappings; keys are unique
}

// pair is a key, always a scalar, and its value.
type pair struct{ key, value *node }

// shown returns the text of a scalar for use in messages.
func (n *node) shown() string {
	if n.expanded {
		return n.raw
	}
	return n.text
}

// null reports whether the value is empty.
func (n *node) null() bool { return n.kind == scalar && n.tag == "!!null" }

// builder converts nodes of the YAML library.
type builder struct {
	*file
	built   int
	tooMany bool // a limit was exceeded; the tree is incomplete
	extents map[*yaml.Node]extent
	// runes are the characters of line lastLine. Columns count characters, and one line can hold
	// the whole file.
	runes    []rune
	lastLine int
}

// tree returns the file's tree; nil if root is, or after reporting that it is too large or too deep.
func (f *file) tree(root *yaml.Node) *node {
	if root == nil {
		return nil
	}
	b := &builder{file: f, extents: make(map[*yaml.Node]extent)}
	b.locate(root)
	n := b.build(root, 0)
	if b.tooMany {
		return nil // an incomplete tree would cause false reports
	}
	return n
}

// locate records the places of all nodes in file order.
func (b *builder) locate(n *yaml.Node) {
	first := len(b.order)
	b.order = append(b.order, place{n.Line, n.Column})
	for _, c := range n.Content {
		b.locate(c)
	}
	b.extents[n] = extent{first, len(b.order)}
}

// build converts a node.
func (b *builder) build(y *yaml.Node, depth int) *node {
	n := &node{line: y.Line, column: y.Column, extent: b.extents[y]}
	if b.tooMany {
		return n
	}
	b.built++
	switch {
	case b.built > maxNodes:
		b.tooMany = true
		b.report(n, "write the values out", "contains more than %d values, counting aliases", maxNodes)
		return n
	case depth > maxDepth:
		b.tooMany = true
		b.report(n, "", "is nested more than %d deep", maxDepth)
		return n
	}
	switch y.Kind {
	case yaml.AliasNode:
		return b.build(y.Alias, depth+1)
	case yaml.ScalarNode:
		b.scalar(n, y)
	case yaml.SequenceNode:
		n.kind = sequence
		for _, c := range y.Content {
			n.items = append(n.items, b.build(c, depth+1))
		}
	case yaml.MappingNode:
		n.kind = mapping
		b.mapping(n, y, depth)
	case yaml.DocumentNode, yaml.StreamNode: // only above the root
	}
	return n
}

// scalar sets the fields of a scalar.
func (b *builder) scalar(n *node, y *yaml.Node) {
	n.raw, n.text, n.tag = y.Value, y.Value, y.ShortTag()
	n.textAt = b.textPlace(y)
	if !slices.Contains([]string{"!!str", "!!int", "!!float", "!!bool", "!!null", "!!timestamp"}, n.tag) {
		b.report(n, "remove the tag; a text that begins with ! needs quotes", "has an unknown YAML tag")
		return
	}
	text, expanded, errs := b.expand.expand(y.Value)
	for _, e := range errs {
		b.reportAt(b.referencePos(n, y.Value[e.offset:]), e.suggestion, "%s", e.message)
		last := &b.found[len(b.found)-1]
		last.Variable, last.Outside = e.variable, e.outside
	}
	if len(errs) > 0 {
		return
	}
	n.kind, n.text, n.expanded = scalar, text, expanded
	if expanded && y.Style&^yaml.FlowStyle == 0 {
		n.tag = plainTag(text)
	}
}

var (
	wholeNumber   = regexp.MustCompile(`^[-+]?[0-9]+$`)
	decimalNumber = regexp.MustCompile(`^[-+]?([0-9]+\.[0-9]*|\.?[0-9]+)([eE][-+]?[0-9]+)?$`)
)

// plainTag returns the tag of a text that came from an unquoted ${…}: it may be a number or a
// boolean, but never YAML syntax.
func plainTag(text string) string {
	switch {
	case wholeNumber.MatchString(text):
		return "!!int"
	case decimalNumber.MatchString(text):
		return "!!float"
	case text == "true" || text == "false":
		return "!!bool"
	}
	return "!!str"
}

// textPlace returns the start of a scalar's text: after its anchor, tag and opening quote, or on
// the line below a block indicator.
func (b *builder) textPlace(y *yaml.Node) place {
	at := place{y.Line, y.Column}
	rest := ""
	if y.Anchor != "" || y.Style&yaml.TaggedStyle != 0 {
		rest = b.after(at)
	}
	for strings.HasPrefix(rest, "&") || strings.HasPrefix(rest, "!") {
		_, next, _ := strings.Cut(rest, " ")
		next = strings.TrimLeft(next, " ")
		at.column += utf8.RuneCountInString(rest) - utf8.RuneCountInString(next)
		rest = next
	}
	switch {
	case y.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		for line := at.line + 1; line <= len(b.lines); line++ {
			text := b.lines[line-1]
			if indent := len(text) - len(strings.TrimLeft(text, " ")); indent < len(text) {
				return place{line, indent + 1}
			}
		}
	case y.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0:
		at.column++
	}
	return at
}

// maxAfter is the maximum number of characters that [builder.after] returns.
const maxAfter = 512

// after returns the rest of a line from a place on, at most maxAfter characters.
func (b *builder) after(p place) string {
	if p.line < 1 || p.line > len(b.lines) {
		return ""
	}
	if p.line != b.lastLine {
		b.runes, b.lastLine = []rune(b.lines[p.line-1]), p.line
	}
	from := min(max(p.column-1, 0), len(b.runes))
	return string(b.runes[from:min(from+maxAfter, len(b.runes))])
}

// referencePos returns the position in the scalar n of the ${…} that text begins with.
func (b *builder) referencePos(n *node, text string) Pos {
	if i := strings.Index(text, "}"); i >= 0 {
		text = text[:i+1]
	}
	at := n.textAt
	for line := at.line; line <= len(b.lines) && line <= at.line+strings.Count(n.raw, "\n")+1; line++ {
		column := 1
		if line == at.line {
			column = at.column
		}
		if before, _, found := strings.Cut(b.after(place{line, column}), text); found {
			return b.pos(line, column+utf8.RuneCountInString(before))
		}
	}
	return b.pos(at.line, at.column)
}

// mapping sets the pairs of a mapping. Its own keys take precedence over merged ones.
func (b *builder) mapping(n *node, y *yaml.Node, depth int) {
	lines := make(map[string]int, len(y.Content)/2) // by key
	var merged []*yaml.Node
	for i := 0; i+1 < len(y.Content); i += 2 {
		key, value := y.Content[i], y.Content[i+1]
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		if key.ShortTag() == "!!merge" {
			merged = append(merged, value)
			continue
		}
		k := &node{kind: scalar, line: key.Line, column: key.Column, extent: b.extents[y.Content[i]], text: key.Value, raw: key.Value, tag: key.ShortTag()}
		if key.Kind != yaml.ScalarNode {
			n.kind = broken
			if b.settings {
				b.hide(n)
			}
			b.report(n, `a value with {{…}} needs quotes, such as "{{Email}}"`, "unquoted {{ }} is a nested mapping in YAML")
			return
		}
		v := b.build(value, depth+1)
		if b.settings && secretKey(k.text) {
			b.hide(v)
		}
		if first, again := lines[k.text]; again {
			b.report(k, "remove one of them", "%s: is given twice, here and in line %d", b.keyName(k), first)
			continue
		}
		lines[k.text] = k.line
		n.pairs = append(n.pairs, pair{k, v})
	}
	for _, value := range merged {
		b.merge(n, lines, b.build(value, depth+1))
	}
}

// merge adds the pairs of a merge key's value (https://yaml.org/type/merge.html) whose keys are not
// in lines.
func (b *builder) merge(n *node, lines map[string]int, value *node) {
	sources := []*node{value}
	if value.kind == sequence {
		sources = value.items
	}
	for _, source := range sources {
		switch source.kind {
		case broken:
		case mapping:
			for _, p := range source.pairs {
				if _, have := lines[p.key.text]; !have {
					lines[p.key.text] = p.key.line
					n.pairs = append(n.pairs, p)
				}
			}
		case scalar, sequence:
			b.hide(source)
			b.report(source, "", "<< can merge only mappings")
		}
	}
}
