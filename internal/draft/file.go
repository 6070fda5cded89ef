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

// File is a zap file that is to be written.
type File struct {
	Name             string
	Schedule         string
	Start            string // now, beginning or a sheet row
	GoogleAccount    string
	Spreadsheet      string // its address or id
	SpreadsheetTitle string
	Worksheet        string // its title
	GID              int64
	ByGID            bool // the file is to name the worksheet by its gid
	HeaderRow        int
	CleverTapAccount string
	EventName        string // "": a profile
	Suggestion
}

// mostLines bounds how many columns a file has a line for: nobody reads more.
const mostLines = 500

//go:embed zap.yaml.tmpl
var fileText string

// fileTemplate writes a [File]. What it says of a key is what the configuration declares of it.
var fileTemplate = sync.OnceValue(func() *template.Template {
	keys := map[string]config.Key{}
	for _, k := range config.Keys("zap") {
		keys[k.Path] = k
	}
	return template.Must(template.New("zap").Funcs(template.FuncMap{
		"schema":  func() string { return config.SchemaURL("zap") },
		"about":   func(path string) (string, error) { return about(keys[path]), declared(keys, path) },
		"example": func(path string) (string, error) { return keys[path].Example, declared(keys, path) },
		"blank":   func(s string) bool { return strings.TrimSpace(s) == "" },
		"text":    text, "quoted": quoted, "value": value, "plainOrQuoted": plainOrQuoted, "label": label, "filter": filterValue,
		"list": list,
	}).Parse(fileText))
})

// declared says that a key is not declared.
func declared(keys map[string]config.Key, path string) error {
	if _, ok := keys[path]; !ok {
		return fmt.Errorf("a zap file has no key %s", path)
	}
	return nil
}

// YAML returns the file: commented, and good for rowtap check.
func (f File) YAML() []byte {
	var b bytes.Buffer
	if err := fileTemplate().Execute(&b, f); err != nil {
		panic(err) // it writes to memory, and a File has all that it asks for
	}
	return b.Bytes()
}

// about returns a comment on a key, indented as the key is.
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

// wide is how many columns a comment fills.
const wide = 100

// IdentityColumns returns the column of the identity, as a list.
func (f File) IdentityColumns() []string { return []string{f.IdentityColumn} }

// Dates tells whether a property is a date in text.
func (f File) Dates() bool {
	return slices.ContainsFunc(f.Properties, func(p Property) bool { return p.Type == config.Date })
}

// Lines returns the lines of properties, those in doubt as comments.
func (f File) Lines() []string {
	if len(f.Properties) == 0 {
		return nil
	}
	lines := []string{"properties:"}
	for i, p := range f.Properties {
		if i == mostLines {
			return append(lines, fmt.Sprintf("  # ... and %d columns more.", len(f.Properties)-i))
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

// filterValue writes a filter as people do, without quotes around it, where YAML lets them.
func filterValue(filter string) string {
	if strings.Contains(filter, ": ") || strings.Contains(filter, " #") || strings.Contains(filter, "$") {
		return value(filter)
	}
	return filter
}

// plainOrQuoted writes a text as the value of a key, without quotes where it reads as itself.
func plainOrQuoted(s string) string {
	if t := text(s); t == s || strings.HasPrefix(s, "https://") {
		return s
	}
	return value(s)
}
