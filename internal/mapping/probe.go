package mapping

import (
	"strconv"
	"strings"
	"time"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/row"
)

// The functions here tell who writes a mapping what it will come to, before there is one.

// ColumnTemplate returns the template that is a header's column, counted from 0, and nothing else: {{Name}} where that is certain,
// {{ row["Name"] }} where the name could be taken for something else, {{ row["C"] }} where it has no usable name. It is "" for a name
// that no template can hold.
func ColumnTemplate(h row.Header, i int) string {
	name := h.Name(i)
	for _, text := range []string{"{{" + name + "}}", "{{ row[" + strconv.Quote(name) + "] }}", "{{ row[" + withoutBraces(name) + "] }}"} {
		if isColumnTemplate(h, i, text) {
			return text
		}
	}
	return ""
}

// withoutBraces returns a name as a string literal in which braces are escaped, so that none can end the template.
func withoutBraces(name string) string {
	return strings.NewReplacer("{", `\u007b`, "}", `\u007d`).Replace(strconv.Quote(name))
}

// isColumnTemplate tells whether a template binds to the column alone, and nothing is to be said against it.
func isColumnTemplate(h row.Header, i int, text string) bool {
	var c compilation
	t := c.template(config.Template{Text: text})
	if len(c.mistakes) > 0 || len(c.warnings) > 0 || len(t.parts) != 1 {
		return false
	}
	b := binder{header: h, missing: map[string]bool{}}
	bound := b.template(t)
	return len(b.err.Missing) == 0 && bound.parts[0].column == i
}

// FilterColumn returns a column as it is written in a filter: its name where that is a variable, else row["Name"].
func FilterColumn(h row.Header, i int) string {
	name := h.Name(i)
	p, why := compileExpression(name, noPlace)
	if why == nil && p.plain && len(p.columns) == 1 && p.columns[0].name == name && h.Names()[i] == name {
		return name
	}
	return "row[" + strconv.Quote(name) + "]"
}

// Unreadable returns how many cells a property fails on when it is their column alone. The value of p is not asked. zone is that of
// date cells. A property that cannot be is unreadable for all of them.
func Unreadable(p config.Property, event config.ActionEvent, cells []row.Cell, zone *time.Location) int {
	c := compilation{action: &config.Action{Event: event}}
	p.Value = config.Template{Text: "{{A}}"}
	compiled := c.property(p)
	if len(c.mistakes) > 0 {
		return len(cells)
	}
	column := boundProperty{property: compiled, template: boundTemplate{parts: []boundPart{{column: 0}}}}
	n := 0
	for _, cell := range cells {
		e := evaluation{row: row.Row{Cells: []row.Cell{cell}}, ctx: Context{Zone: zone}}
		if _, why := column.append(nil, &e); why != nil {
			n++
		}
	}
	return n
}
