package draft

import (
	"bytes"
	"cmp"
	_ "embed" // of the template
	"fmt"
	"slices"
	"strings"
	"sync"
	"text/template"
	"unicode/utf8"

	"github.com/rowtap/rowtap/internal/config"
)

// File is a zap file to be written.
type File struct {
	Name             string
	Schedule         string
	Start            string // now, beginning or a sheet row
	GoogleAccount    string
	Spreadsheet      string // URL or ID
	SpreadsheetTitle string
	Worksheet        string // its title
	GID              int64
	ByGID            bool // refer to the worksheet by gid
	HeaderRow        int
	CleverTapAccount string
	EventName        string // "" for a profile
	Suggestion
}

// mostLines is the maximum number of columns listed in a file.
const mostLines = 500

//go:embed zap.yaml.tmpl
var fileText string

// fileTemplate writes a [File]. The descriptions of keys come from the configuration's
// declarations.
var fileTemplate = sync.OnceValue(func() *template.Template {
	keys := map[string]config.Key{}
	for _, k := range config.Keys("zap") {
		keys[k.Path] = k
	}
	return template.Must(template.New("zap").Funcs(template.FuncMap{
		"schema":  func() string { return config.SchemaURL("zap") },
		"about":   func(path string) (string, error) { return about(keys[path]), declared(keys, path) },
		"example": func(path string) (string, error) { return keys[path].Example, declared(keys, path) },
		"text":    text, "quoted": quoted, "value": value, "plainOrQuoted": plainOrQuoted, "label": label, "filter": filterValue,
		"list": list, "settle": func() string { return Settle },
	}).Parse(fileText))
})

// declared returns an error if a key is not declared.
func declared(keys map[string]config.Key, path string) error {
	if _, ok := keys[path]; !ok {
		return fmt.Errorf("a zap file has no key %s", path)
	}
	return nil
}

// YAML returns the commented file, which passes rowtap check.
func (f File) YAML() []byte {
	var b bytes.Buffer
	if err := fileTemplate().Execute(&b, f); err != nil {
		panic(err) // writing to memory does not fail, and tests cover the template
	}
	return b.Bytes()
}

// about returns the description of a key as a comment with the key's indentation.
func about(k config.Key) string {
	text := k.About
	if k.Absent != "" {
		text += " Default: " + k.Absent + "."
	}
	indent := "#"
	if strings.Contains(k.Path, ".") {
		indent = "  #"
	}
	var b strings.Builder
	width := wide
	for word := range strings.FieldsSeq(text) {
		if width += 1 + utf8.RuneCountInString(word); width > wide {
			if b.Len() > 0 {
				b.WriteByte('\n')
			}
			b.WriteString(indent)
			width = len(indent) + 1 + utf8.RuneCountInString(word)
		}
		b.WriteString(" " + word)
	}
	return b.String()
}

// wide is the width of comments in characters.
const wide = 100

// IdentityColumns returns a list of the identity's column.
func (f File) IdentityColumns() []string { return []string{f.IdentityColumn} }

// Dates reports whether a property is a date in text.
func (f File) Dates() bool {
	return slices.ContainsFunc(f.Properties, func(p Property) bool { return p.Type == config.Date })
}

// Lines returns the lines of the properties. Those in doubt are comments.
func (f File) Lines() []string {
	if len(f.Properties) == 0 {
		return nil
	}
	lines := []string{"properties:"}
	for i, p := range f.Properties {
		if i == mostLines {
			return append(lines, fmt.Sprintf("  # ... and %d more columns.", len(f.Properties)-i))
		}
		sign := ""
		if p.Doubt != "" {
			sign = "# "
		}
		if why := cmp.Or(p.Doubt, p.Note); why != "" {
			lines = append(lines, fmt.Sprintf("  # Column %s: %s.", label(p.Column), why))
		}
		if p.Value.Text != "" {
			lines = append(lines, "  "+sign+p.line())
		}
	}
	return lines
}

// filterValue formats a filter, without quotes where YAML allows it.
func filterValue(filter string) string {
	if strings.Contains(filter, ": ") || strings.Contains(filter, " #") || strings.Contains(filter, "$") {
		return value(filter)
	}
	return filter
}

// plainOrQuoted formats the value of a key, without quotes where possible.
func plainOrQuoted(s string) string {
	if t := text(s); t == s || strings.HasPrefix(s, "https://") {
		return s
	}
	return value(s)
}
