package draft

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/rowtap/rowtap/internal/config"
)

// plain matches texts that YAML reads as themselves without quotes, in keys and in [ ] and { } too; words that it reads as something
// else are in notText.
var plain = regexp.MustCompile(`^[\pL][\pL\pN_./-]*( [\pL\pN_./()-]+)*$`)

// notText has, in lower case, the words that YAML, or an older YAML, reads as truth, nothing or a number.
var notText = map[string]bool{
	"y": true, "yes": true, "n": true, "no": true, "true": true, "false": true, "on": true, "off": true, "null": true, "nan": true, "inf": true,
}

// text writes a text as a key, or as an item of a list.
func text(s string) string {
	if plain.MatchString(s) && !notText[strings.ToLower(s)] {
		return s
	}
	return quoted(s)
}

// quoted writes a text in quotes: single ones where it holds double ones itself, so that it reads well. Go's escapes of what cannot be
// printed are YAML's too.
func quoted(s string) string {
	q := strconv.Quote(s)
	if strings.Contains(s, `"`) && !strings.ContainsAny(s, `'\`) && strings.Count(q, `\`) == strings.Count(s, `"`) {
		return "'" + s + "'"
	}
	return q
}

// value writes a text as the value of a key: a ${ in it is no variable.
func value(s string) string {
	if strings.Contains(s, "$$") || strings.Contains(s, "${") {
		s = strings.ReplaceAll(s, "$", "$$")
	}
	return quoted(s)
}

// list writes column names as a list.
func list(names []string) string {
	items := make([]string, len(names))
	for i, name := range names {
		items[i] = value(name)
		if t := text(name); t == name {
			items[i] = t
		}
	}
	return "[" + strings.Join(items, ", ") + "]"
}

// label is a column's name, or a title, as comments and messages have it.
func label(name string) string {
	const longest = 60
	name = cut(name, longest)
	if plain.MatchString(name) {
		return name
	}
	return strconv.Quote(name)
}

// formatsText writes the formats of dates: one, or a list.
func formatsText(formats []string) string {
	texts := make([]string, len(formats))
	for i, f := range formats {
		if texts[i] = f; strings.Contains(f, ",") {
			texts[i] = quoted(f)
		}
	}
	if len(texts) > 1 {
		return "[" + strings.Join(texts, ", ") + "]"
	}
	return strings.Join(texts, "")
}

// line writes a property.
func (p Property) line() string {
	v := value(p.Value.Text)
	var options []string
	add := func(key, v string) {
		if v != "" {
			options = append(options, key+": "+v)
		}
	}
	add("type", string(p.Type))
	add("country", p.Country)
	add("format", formatsText(p.Formats))
	if p.Type == config.List && p.Separator != "" {
		add("separator", quoted(p.Separator))
	}
	if len(options) > 0 {
		v = "{value: " + v + ", " + strings.Join(options, ", ") + "}"
	}
	return text(p.Name) + ": " + v
}
