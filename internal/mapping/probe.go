package mapping

import (
	"strconv"
	"strings"
	"time"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/row"
)

// The functions below help commands that write a mapping.

// ColumnTemplate returns the template that is only column i of a header, 0-based: {{Name}} if that
// is unambiguous, {{ row["Name"] }} if the name could be read as something else, {{ row["C"] }} if
// it has no usable name. It returns "" for a name that no template can contain.
func ColumnTemplate(h row.Header, i int) string {
	name := h.Name(i)
	for _, text := range []string{"{{" + name + "}}", "{{ " + byName(name) + " }}", "{{ row[" + withoutBraces(name) + "] }}"} {
		if isColumnTemplate(h, i, text) {
			return text
		}
	}
	return ""
}

// withoutBraces returns a name as a string literal with escaped braces, which would otherwise end
// the template.
func withoutBraces(name string) string {
	return strings.NewReplacer("{", `\u007b`, "}", `\u007d`).Replace(strconv.Quote(name))
}

// isColumnTemplate reports whether a template binds to the column alone, without mistakes or
// warnings.
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

// ExpressionColumn returns column i as expressions write it, in filters and in braces: its name if
// that is a variable, otherwise row["Name"].
func ExpressionColumn(h row.Header, i int) string {
	name := h.Name(i)
	switch {
	case strings.Contains(name, "{{"), strings.Contains(name, "}}"):
		return "row[" + withoutBraces(name) + "]"
	case h.Names()[i] == name:
		return inExpression(name)
	}
	return byName(name)
}

// Unreadable returns how many of the cells a property fails on if its value is that cell; p.Value
// is ignored. zone is the time zone of date cells. If the property itself is invalid, it returns
// the number of cells.
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
