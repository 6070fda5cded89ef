package draft

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/rowtap/rowtap/internal/config"
)

// plain matches texts that need no quotes in YAML, also in keys, [ ] and { }, except for the words
// in notText.
var plain = regexp.MustCompile(`^[\pL][\pL\pN_./-]*( [\pL\pN_./()-]+)*$`)

// notText has the lower-case words that some version of YAML reads as boolean, null or number.
var notText = map[string]bool{
	"y": true, "yes": true, "n": true, "no": true, "true": true, "false": true, "on": true, "off": true, "null": true, "nan": true, "inf": true,
}

// text formats a key, or an item of a list.
func text(s string) string {
	if plain.MatchString(s) && !notText[strings.ToLower(s)] {
		return s
	}
	return quoted(s)
}

// quoted formats a text in double quotes, or in single quotes if it contains double quotes. Go's
// escapes of unprintable characters are valid in YAML.
func quoted(s string) string {
	q := strconv.Quote(s)
	if strings.Contains(s, `"`) && !strings.ContainsAny(s, `'\`) && strings.Count(q, `\`) == strings.Count(s, `"`) {
		return "'" + s + "'"
	}
	return q
}

// value formats the value of a key. It escapes ${, which would be a variable.
func value(s string) string {
	if strings.Contains(s, "$$") || strings.Contains(s, "${") {
		s = strings.ReplaceAll(s, "$", "$$")
	}
	return quoted(s)
}

// list formats column names as a list.
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

// label returns a column name or title for comments and messages.
func label(name string) string {
	const longest = 60
	name = cut(name, longest)
	if plain.MatchString(name) {
		return name
	}
	return strconv.Quote(name)
}

// formatsText formats date formats: one, or a list.
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

// line formats a property.
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
