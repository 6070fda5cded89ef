package config

import (
	"math"
	"strings"
	"time"

	"github.com/rowtap/rowtap/internal/row"
)

// testsKind is the list of a zap's test cases, which are not printed.
var testsKind = sections(&testKeys, listing{want: "a list of {row, record} and {row, error}"}, testKeys.schema,
	func([]TestCase) any { return nil }).containing(testKeys.inside("[]."))

// cellsKind is a section of the cells of a test case, by column.
var cellsKind = custom("section of cells", func() schema {
	return schema{"type": []string{"object", "null"}, "additionalProperties": schema{"type": append([]string{"null"}, scalars...)}}
}, func(v value, c *TestCase) {
	c.Row, c.ColumnPos = make(map[string]row.Cell), make(map[string]Pos)
	for _, cell := range v.section().list {
		name := row.TidyName(cell.at.text)
		cell.path = v.path + "." + name
		if _, again := c.Row[name]; again {
			v.f.report(cell.at, "remove one of them", "%s: is given twice", cell.path)
		}
		c.Row[name] = cell.cell()
		c.ColumnPos[name] = cell.keyPos()
	}
}, nil)

// recordKind is the expected record, or a list of one per action; null expects none.
var recordKind = custom("section, or a list of them", func() schema {
	return schema{"type": []string{"object", "array", "null"}, "items": schema{"type": []string{"object", "null"}}}
}, func(v value, c *TestCase) {
	if actions := v.f.zap.Actions; len(actions) > 0 && !v.null() {
		c.Records = v.records(actions)
	}
}, nil)

// records returns the expected records of a record key: a mapping, or a list of one per action.
func (v value) records(actions []Action) []map[string]any {
	records := make([]map[string]any, len(actions))
	if v.kind == mapping {
		record, _ := v.json().(map[string]any)
		i, ok := meant(record, actions)
		if !ok {
			v.wrong("use null for a record that is not compared",
				"expected a list of %d records, one per action", len(actions))
			return nil
		}
		records[i] = record
		return records
	}
	items := v.list(listing{want: "a mapping"})
	switch {
	case items == nil:
		return nil
	case len(items) != len(actions):
		v.wrong("use null for a record that is not compared", "expected %d records, one per action, not %d", len(actions), len(items))
		return nil
	}
	for i, item := range items {
		if item.kind != mapping && !item.null() {
			item.wrongKind("a mapping, or null")
			return nil
		}
		records[i], _ = item.json().(map[string]any)
	}
	return records
}

// meant returns the action that a single record is for: the only one, or the only one with the
// record's type.
func meant(record map[string]any, actions []Action) (i int, ok bool) {
	if len(actions) == 1 {
		return 0, true
	}
	for j, a := range actions {
		if record["type"] != a.Event.RecordType() {
			continue
		}
		if ok {
			return 0, false
		}
		i, ok = j, true
	}
	return i, ok
}

// cell returns a scalar as a cell of its YAML type. An unquoted date is a date cell.
func (v value) cell() row.Cell {
	if v.kind != scalar {
		v.wrongKind("a cell: text, a number, true, false or a date")
		return row.Cell{}
	}
	switch c := v.json().(type) {
	case bool:
		return row.BoolCell(c)
	case int64:
		if c > maxCell || c < -maxCell {
			v.wrong("quote it to make it text", "the number %s has more digits than a sheet keeps", v.shown())
		}
		return row.NumberCell(float64(c))
	case float64:
		return row.NumberCell(c)
	case string:
		if t, ok := parseTimestamp(c); ok && v.tag == "!!timestamp" {
			return row.Cell{Kind: row.Date, Num: serial(t), Shape: row.ShapeDate}
		}
		return row.TextCell(c)
	}
	return row.Cell{}
}

// maxCell is 2^53: sheets store numbers as float64, which hold every whole number up to it.
const maxCell = 1 << 53

// json returns a value as decoded JSON.
func (v value) json() any {
	switch v.kind {
	case broken:
	case sequence:
		list := make([]any, len(v.items))
		for i, item := range v.list(listing{}) {
			list[i] = item.json()
		}
		return list
	case mapping:
		object := make(map[string]any, len(v.pairs))
		for _, p := range v.pairs {
			object[p.key.text] = value{node: p.value, f: v.f, at: p.key, path: v.path + "." + p.key.text}.json()
		}
		return object
	case scalar:
		if v.null() {
			return nil
		}
		literal, problem := v.literal()
		switch {
		case problem != "":
			v.wrong("quote it to make it text", "%s", problem)
		case literal != nil:
			return literal
		default:
			return v.text
		}
	}
	return nil
}

// parseTimestamp parses a YAML date or time without a zone, which date cells do not have.
func parseTimestamp(text string) (time.Time, bool) {
	for _, layout := range []string{"2006-1-2", "2006-1-2 15:4:5", "2006-1-2T15:4:5"} {
		if t, err := time.Parse(layout, strings.TrimSpace(text)); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// serial returns the serial number of a date cell that shows t (see [row.Cell]).
func serial(t time.Time) float64 {
	seconds := t.Unix() - time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC).Unix()
	days := float64(seconds / 86400)
	return days + math.Mod(float64(seconds), 86400)/86400
}
