package config

import (
	"fmt"
	"strings"
)

// Keys returns the keys of rowtap.yaml ("rowtap") or of a zap file ("zap"): each section, and then
// the keys in it.
func Keys(kind string) []Key {
	if kind == "rowtap" {
		return settingsKeys.list("")
	}
	return zapKeys.list("")
}

// Reference returns the keys of rowtap.yaml ("rowtap") or of a zap file ("zap") as tables in
// Markdown, one for each section.
func Reference(kind string) string {
	file := map[string]string{"rowtap": "rowtap.yaml", "zap": "zaps/NAME.yaml"}[kind]
	var sections []string
	rows := map[string][]string{}
	for _, k := range Keys(kind) {
		section, name := file, k.Path
		if i := strings.LastIndexByte(k.Path, '.'); i >= 0 {
			section, name = k.Path[:i], k.Path[i+1:]
		}
		if rows[section] == nil {
			sections = append(sections, section)
		}
		rows[section] = append(rows[section], k.row(name))
	}
	var b strings.Builder
	for _, section := range sections {
		fmt.Fprintf(&b, "#### `%s`\n\n| key | kind | default | description | example |\n| --- | --- | --- | --- | --- |\n%s\n",
			section, strings.Join(rows[section], ""))
	}
	return b.String()
}

// row returns a key as a row of a table.
func (k Key) row(name string) string {
	code := func(s string) string {
		if s == "" {
			return ""
		}
		return "`" + s + "`"
	}
	standard, about := k.Absent, k.About
	switch {
	case k.Must != "":
		standard = "required"
	case k.Default != "":
		standard = code(k.Default)
	}
	if k.With != "" {
		about += " Only with " + code(k.With) + "."
	}
	cells := []string{code(name), k.Kind, standard, about, code(k.Example)}
	for i, c := range cells {
		cells[i] = strings.ReplaceAll(c, "|", `\|`)
	}
	return "| " + strings.Join(cells, " | ") + " |\n"
}
