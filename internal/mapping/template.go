package mapping

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/row"
)

// template is a compiled [config.Template].
type template struct {
	pos     config.Pos
	literal any // a value of the zap file that is not text: bool, int64 or float64
	parts   []part
	broken  bool // a mistake in it is reported already
}

// part is a piece of a template: literal text, or what stood in braces. That may be a column's name, an expression, or
// either, until a header decides.
type part struct {
	text       string // literal text; "" for what stood in braces
	pos        config.Pos
	name       string   // the column's name that it may be, tidy; "" if it is none
	program    *program // the expression that it may be; nil if it is none
	problem    string   // why it is no expression; "" where it is one, and for plain names
	whole      string   // the name that it may be, where that ends in a brace; "" where it does not
	likelyName bool     // where it may be either, it is more likely the name
}

// constant tells whether every row gives the same value.
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

// template compiles a template.
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
			c.mistake(within(source, inside-len("{{")), "{{ is not closed", `write }} after it; for two braces themselves write {{ "{{" }}`)
			break
		}
		t.parts = append(t.parts, c.braces(source, inside, text[inside:inside+length]))
		start = inside + length + len("}}")
	}
	t.broken = len(c.mistakes) > known
	return t
}

// maxEnds bounds how many }} are tried as the end of one {{.
const maxEnds = 16

// bracesEnd returns the length of the text before the }} that closes braces. Expressions may hold }} themselves, in string
// literals and nested maps, and names of columns may hold single quotes: so the first }} ends them unless it is inside a
// string or a map of what parses as an expression when it is taken up to a later one.
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

// unfinished tells whether s ends inside a string literal or a map of an expression.
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

// braces compiles the text that stands between {{ and }} at the byte offset of the template.
func (c *compilation) braces(source config.Template, offset int, text string) part {
	at := func(runes int) config.Pos { return within(source, offset+runesLength(text, runes)) }
	p := part{pos: at(leadingSpace(text)), name: row.TidyName(text)}
	if p.name == "" {
		c.mistake(p.pos, "there is nothing between {{ and }}", "write a column's name or an expression there")
		return p
	}
	x, why := compileExpression(text, at)
	switch {
	case why != nil && plainlyExpression(text):
		hint := why.hint
		switch {
		case hint != "" || parses(text):
		case strings.Contains(text, "row["):
			hint = `a column is written row["Column name"]`
		default:
			hint = "correct it; " + calledSo(p.name)
		}
		c.mistake(at(why.offset), "expression: "+why.message, hint)
	case why != nil:
		p.problem = why.message
		if rest := source.Text[offset+len(text):]; unfinished(text) && strings.HasPrefix(rest, "}}}") {
			p.whole = row.TidyName(text + "}")
		}
		if brokenExpression(text) {
			hint := cmp.Or(why.hint, "correct it")
			c.warning(at(why.offset), fmt.Sprintf("%q is no expression, and hardly a column's name: %s", p.name, why.message), hint+"; "+calledSo(p.name))
		}
	case x.column != "": // row["Name"] alone is that column, its type too
		p.name = x.column
	case x.plain: // a name alone is a column, whether or not the sheet has it; so are numbers: {{2024-25}}
	case len(x.columns) == 0: // no column is called 'text'
		p.name, p.program = "", x
	default:
		p.program, p.likelyName = x, !strings.ContainsAny(p.name, " '\"?:,()[]<>=&|+*")
	}
	if p.program != nil {
		c.noteAll(p.program, "expression: ", at)
	}
	return p
}

// calledSo says how a column is written whose name looks like an expression, or like the end of one.
func calledSo(name string) string { return "a column that is really called so is " + byName(name) }

// byName writes a column in an expression by its name, whatever that is.
func byName(name string) string { return "row[" + strconv.Quote(name) + "]" }

func leadingSpace(s string) (runes int) {
	return utf8.RuneCountInString(s) - utf8.RuneCountInString(strings.TrimLeft(s, " \t\r\n"))
}

// plainlyExpression tells of a text that is no column's name, so that a mistake in it can be told without a header.
func plainlyExpression(text string) bool {
	for _, sign := range []string{"==", "!=", "&&", "||", "row["} {
		if strings.Contains(text, sign) {
			return true
		}
	}
	return false
}

// within returns the place of the byte offset in a template's text. Where YAML wrote the text over several lines, only
// the line is known on which it begins.
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
