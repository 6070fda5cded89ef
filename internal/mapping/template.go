package mapping

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/row"
)

// template is a compiled [config.Template].
type template struct {
	pos     config.Pos
	literal any // a value in the zap file that is not text: bool, int64 or float64
	parts   []part
	broken  bool // a mistake in it was reported
}

// part is literal text, or the text in braces: a column name or an expression. If it may be either,
// the header decides.
type part struct {
	text       string // literal text; "" for braces
	pos        config.Pos
	name       string   // tidy, the column it may be; "" if it cannot be one
	program    *program // the expression it may be; nil if it is none
	problem    string   // why it is not an expression; "" if it is one, and for plain names
	braced     string   // the column it may be, if its name ends in a brace; otherwise ""
	likelyName bool     // a name rather than an expression, if it may be both
}

// isText reports whether the template is text without braces.
func (t template) isText() bool {
	return !t.broken && !slices.ContainsFunc(t.parts, func(p part) bool { return p.text == "" })
}

// constant reports whether every row gives the same value.
func (t template) constant() bool {
	if t.broken {
		return false
	}
	for _, p := range t.parts {
		if p.name != "" || p.program != nil && len(p.program.columns) > 0 {
			return false
		}
	}
	return true
}

// appendColumns appends the columns that the template most likely uses.
func (t template) appendColumns(names []string) []string {
	for _, p := range t.parts {
		switch {
		case p.name != "" && (p.program == nil || p.likelyName):
			names = append(names, p.name)
		case p.program != nil:
			names = p.program.appendColumns(names)
		}
	}
	return names
}

func (c *compilation) template(source config.Template) template {
	t := template{pos: source.Pos, literal: source.Literal}
	if t.literal != nil {
		return t
	}
	known := len(c.mistakes)
	text := source.Text
	for start := 0; start < len(text); {
		open := strings.Index(text[start:], "{{")
		if open < 0 {
			t.parts = append(t.parts, part{text: text[start:]})
			break
		}
		if open > 0 {
			t.parts = append(t.parts, part{text: text[start : start+open]})
		}
		inside := start + open + len("{{")
		length, ok := bracesEnd(text[inside:])
		if !ok {
			c.mistake(within(source, inside-len("{{")), "{{ is not closed", `close it with }}, or write literal braces as {{ "{{" }}`)
			break
		}
		t.parts = append(t.parts, c.braces(source, inside, text[inside:inside+length]))
		start = inside + length + len("}}")
	}
	t.broken = len(c.mistakes) > known
	return t
}

// maxEnds limits how many }} are tried as the end of a {{.
const maxEnds = 16

// bracesEnd returns the length of the text before the }} that closes the braces. Expressions may
// contain }} in string literals and nested maps, and column names may contain single quotes. The
// first }} therefore closes the braces, unless it is inside a string or a map of a text that parses
// as an expression up to a later }}.
func bracesEnd(s string) (length int, ok bool) {
	first := strings.Index(s, "}}")
	if first < 0 {
		return 0, false
	}
	end := first
	for range maxEnds {
		if parses(s[:end]) {
			return end, true
		}
		if !unfinished(s[:end]) {
			return first, true
		}
		next := strings.Index(s[end+1:], "}}")
		if next < 0 {
			return first, true
		}
		end += 1 + next
	}
	return first, true
}

// unfinished reports whether s ends inside a string literal or a map of an expression.
func unfinished(s string) bool {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch quote := s[i]; quote {
		case '{':
			depth++
		case '}':
			depth--
		case '"', '\'', '`':
			for i++; i < len(s) && s[i] != quote; i++ {
				if s[i] == '\\' && quote != '`' {
					i++
				}
			}
			if i >= len(s) {
				return true
			}
		}
	}
	return depth > 0
}

// braces compiles the text in braces, which starts at a byte offset of the template.
func (c *compilation) braces(source config.Template, offset int, text string) part {
	at := func(runes int) config.Pos { return within(source, offset+runesLength(text, runes)) }
	p := part{pos: at(leadingSpace(text)), name: row.TidyName(text)}
	if p.name == "" {
		c.mistake(p.pos, "there is nothing between {{ and }}", "write a column name or an expression between them")
		return p
	}
	x, why := compileExpression(text, at)
	switch {
	case why != nil && plainlyExpression(text):
		hint := why.hint
		switch {
		case hint != "" || parses(text):
		case strings.Contains(text, "row["):
			hint = `write a column as row["Column name"]`
		default:
			hint = "correct it; " + nameHint(p.name)
		}
		c.mistake(at(why.offset), "expression: "+why.message, hint)
	case why != nil:
		p.problem = why.message
		if rest := source.Text[offset+len(text):]; unfinished(text) && strings.HasPrefix(rest, "}}}") {
			p.braced = row.TidyName(text + "}")
		}
		if brokenExpression(text) {
			hint := cmp.Or(why.hint, "correct it")
			c.warning(at(why.offset), fmt.Sprintf("%q is not an expression, and unlikely to be a column name: %s", p.name, why.message), hint+"; "+nameHint(p.name))
		}
	case x.column != "": // row["Name"] alone is that column and keeps its type
		p.name = x.column
	case x.plain: // a name alone, even of a missing column, or numbers: {{2024-25}}
	case len(x.columns) == 0: // no column has a name such as 'text'
		p.name, p.program = "", x
	default:
		p.program, p.likelyName = x, !strings.ContainsAny(p.name, " '\"?:,()[]<>=&|+*")
	}
	if p.program != nil {
		c.noteAll(p.program, "expression: ", at)
	}
	return p
}

// nameHint says how to write a column whose name looks like an expression, or like the end of one.
func nameHint(name string) string { return "write a column of that name as " + byName(name) }

// byName returns the expression for a column of any name.
func byName(name string) string { return "row[" + strconv.Quote(name) + "]" }

// inExpression returns a column as expressions write it: its name if that is a variable, otherwise
// row["Name"].
func inExpression(name string) string {
	if p, why := compileExpression(name, noPlace); why == nil && p.plain && len(p.columns) == 1 && p.columns[0].name == name {
		return name
	}
	return byName(name)
}

func leadingSpace(s string) (runes int) {
	return utf8.RuneCountInString(s) - utf8.RuneCountInString(strings.TrimLeft(s, " \t\r\n"))
}

// plainlyExpression reports whether a text cannot be a column name, so that mistakes in it can be
// reported without a header.
func plainlyExpression(text string) bool {
	signs := []string{"==", "!=", "&&", "||", "row["}
	return slices.ContainsFunc(signs, func(sign string) bool { return strings.Contains(text, sign) })
}

// within returns the position of a byte offset in the text of a template. For text over several
// YAML lines, only the first line is known.
func within(source config.Template, offset int) config.Pos {
	pos := source.Pos
	before := source.Text[:min(offset, len(source.Text))]
	switch {
	case pos.Column == 0:
	case strings.ContainsRune(before, '\n'):
		pos.Column = 0
	default:
		pos.Column += utf8.RuneCountInString(before)
	}
	return pos
}

// runesLength returns the length in bytes of the first n runes of s.
func runesLength(s string, n int) int {
	for i := range s {
		if n == 0 {
			return i
		}
		n--
	}
	return len(s)
}
