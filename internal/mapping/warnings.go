package mapping

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/rowtap/rowtap/internal/clevertap"
	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/row"
)

// Warnings returns what CleverTap may drop from a record of action nth or interpret differently,
// with the column if it is a single one. It is separate from [Bound.Record] because it is slow.
func (b *Bound) Warnings(nth int, rec Record, ctx Context) []clevertap.Warning {
	all := clevertap.Warnings(rec.JSON, ctx.DetectedAt)
	for i := range all {
		for _, p := range b.actions[nth].properties {
			if p.name == all[i].Property && len(p.template.columns) == 1 {
				all[i].Column = p.template.columns[0].name
			}
		}
	}
	return all
}

// FormatWarnings returns a warning for each date property whose formats fail on ISO 8601 dates in
// the rows, because a column often contains both forms. Other invalid dates fail their rows.
func (b *Bound) FormatWarnings(rows []row.Row) config.Diagnostics {
	var all config.Diagnostics
	for i := range b.actions {
		for _, p := range b.actions[i].all() {
			if p.kind == config.Date && len(p.dates.formats) > 0 {
				all = append(all, p.formatWarning(rows)...)
			}
		}
	}
	return all
}

func (p *boundProperty) formatWarning(rows []row.Row) config.Diagnostics {
	var found []int
	for _, r := range rows {
		v, why := (&evaluation{row: r}).value(p.template)
		if why != nil || v.kind != text {
			continue
		}
		_, refused := p.dates.parse(v.text, time.UTC, time.Time{})
		if _, ok := isoDates.reads(strings.TrimSpace(v.text)); ok && refused != nil {
			found = append(found, r.Number)
		}
	}
	if len(found) == 0 {
		return nil
	}
	message := fmt.Sprintf("property %s: the date in row %d is ISO 8601, which format %s does not read", p.name, found[0], p.dates.formatNames())
	if n := len(found); n > 1 {
		message = fmt.Sprintf("property %s: the dates in row %d and %d more of the first rows are ISO 8601, which format %s does not read", p.name, found[0], n-1, p.dates.formatNames())
	}
	formats := make([]string, len(p.dates.formats))
	hint := ""
	for i, f := range p.dates.formats {
		if formats[i] = f.source; f.conflict(&isoDates) != "" {
			hint = "write all dates of the column in one form: these two are ambiguous"
		}
	}
	hint = cmp.Or(hint, "format: ["+strings.Join(formats, ", ")+", ISO] reads both")
	return config.Diagnostics{{Pos: p.value.pos, Warning: true, Message: message, Suggestion: hint}}
}

func (c *compilation) warning(pos config.Pos, message, suggestion string) {
	c.warnings = append(c.warnings, config.Diagnostic{Pos: pos, Message: message, Suggestion: suggestion, Warning: true})
}

// warn reports what CleverTap probably drops or interprets differently in every row.
func (c *compilation) warn(a *action) {
	if a.id.isText() {
		c.warning(a.id.pos, "the identity is the same for every row, so all rows go to one user", `use a column in braces, such as "{{Email}}", if that is not intended`)
	}
	c.warnKind(a.id, "the identity", reflect.Slice, reflect.Array, reflect.Map, reflect.Bool)
	c.warnKind(a.time, "time", reflect.Slice, reflect.Array, reflect.Map, reflect.Bool)
	c.warnKind(a.eventName, "event_name", reflect.Slice, reflect.Array, reflect.Map)
	if name := a.eventName; a.event && name.constant() {
		b, e := name.bindConstant()
		if text, why := e.eventName(b); why == nil {
			for _, w := range clevertap.EventNameWarnings(text) {
				c.warning(name.pos, "event_name: "+w, "choose another name")
			}
			c.warnCharged(a, text)
		}
	}
	c.warnAll(a)
	custom := 0
	for i, p := range a.Properties {
		if a.event || clevertap.PredefinedName(p.Name) != p.Name {
			custom++
		}
		c.warnProperty(p, &a.properties[i])
	}
	for i, item := range a.Items {
		for j, p := range item {
			c.warnProperty(p, &a.items[i][j])
		}
	}
	if w := clevertap.CountWarning(custom, a.event); w != "" {
		c.warning(a.Pos, w, "map fewer properties")
	}
}

// warnAll reports an all: true that is not first in its mapping, because in earlier releases it was
// a property.
func (c *compilation) warnAll(a *action) {
	before := func(p config.Pos) bool { return p.Compare(a.AllPos) < 0 }
	if !a.AllMapped || !slices.ContainsFunc(a.Properties, func(p config.Property) bool { return before(p.NamePos) }) &&
		!slices.ContainsFunc(a.Omit, func(o config.OmittedColumn) bool { return before(o.Pos) }) {
		return
	}
	c.warning(a.AllPos, "all: true among properties means every column; in earlier releases it was a property called all",
		"put it first to map every column, or write all: {value: true} for the property")
}

func (c *compilation) warnProperty(p config.Property, compiled *property) {
	for _, w := range clevertap.NameWarnings(p.Name, compiled.event) {
		c.warning(p.NamePos, "property "+p.Name+": "+w, "rename it if that is not intended")
	}
	listed := compiled.op == config.Add || compiled.op == config.Remove || compiled.op == config.Set && compiled.kind == config.List
	if w := clevertap.ListWarning(p.Name); w != "" && listed && !compiled.event {
		c.warning(p.NamePos, "property "+p.Name+": "+w, "remove op and type: list")
	}
	if compiled.isConstant && len(compiled.constant) > len(compiled.prefix) {
		for _, w := range clevertap.ValueWarnings(p.Name, compiled.constant[len(compiled.prefix):], compiled.event) {
			c.warning(p.Value.Pos, "property "+p.Name+": "+w, "give it another value")
		}
	}
}

// warnKind reports a template whose expression returns an unusable type, so that every row will
// fail. It is not a mistake, because a column may have the name of the expression.
func (c *compilation) warnKind(t template, what string, wrong ...reflect.Kind) {
	if len(t.parts) != 1 || t.parts[0].program == nil {
		return
	}
	if gives := t.parts[0].program.result; slices.Contains(wrong, gives.Kind()) {
		c.warning(t.pos, what+": the expression gives "+typeName(gives)+", so every row will fail", "use one that gives a single value")
	}
}

// warnCharged reports a purchase without a total, or with Items that are not a list.
func (c *compilation) warnCharged(a *action, name string) {
	if !isCharged(name) || a.AllProperties {
		return
	}
	amount := false
	for _, p := range a.Properties {
		amount = amount || strings.TrimSpace(p.Name) == "Amount"
		if p.Name == clevertap.ChargedItems && p.Type != config.JSON {
			c.warning(p.NamePos, "property Items: CleverTap does not see a list of items", "give it type: json, or use items:")
		}
	}
	if amount {
		return
	}
	c.warning(a.eventName.pos, "Charged has no property Amount, where CleverTap looks for the total",
		`add Amount: {value: "{{Total}}", type: number}`)
}
