package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/rowtap/rowtap/internal/row"
)

// tests reads tests of a zap with these actions.
func (s *section) tests(actions []Action) []TestCase {
	n := s.get("tests")
	if n == nil || n.kind == broken {
		return nil
	}
	if n.kind != sequence {
		s.f.wrongKind(n, "tests", "a list of {row, record} and {row, error}")
		return nil
	}
	var cases []TestCase
	for i, item := range n.items {
		inner := s.f.section(item, item, fmt.Sprintf("tests[%d]", i+1))
		cases = append(cases, inner.testCase(actions))
		inner.done()
	}
	return cases
}

// testCase reads one of tests.
func (s *section) testCase(actions []Action) TestCase {
	c := TestCase{Pos: s.f.pos(s.at.line, s.at.column), Row: make(map[string]row.Cell), ColumnPos: make(map[string]Pos)}
	if n := s.require("row", "the cells by column, such as {Email: asha@example.com}"); n != nil {
		cells := s.f.section(s.key("row"), n, s.path("row"))
		for _, p := range cells.list {
			name := row.TidyName(p.key.text)
			if _, again := c.Row[name]; again {
				s.f.report(p.key, "remove one of them", "%s: is given twice", cells.path(name))
			}
			c.Row[name] = s.f.cell(p.value, cells.path(name))
			c.ColumnPos[name] = s.f.pos(p.key.line, p.key.column)
		}
	}
	record, failure := s.get("record"), s.get("error")
	switch {
	case record != nil && failure != nil:
		s.f.report(s.key("error"), "keep one of them", "%s: record and error are both given", s.name)
	case failure != nil:
		c.Error, _ = s.f.filled(failure, s.path("error"))
	case record == nil:
		s.missing("record", "the record to expect (null: the filter drops the row), or error: a part of the message to expect")
	case record.null(), record.kind == broken:
	case len(actions) > 0:
		c.Records = s.records(record, actions)
	}
	return c
}

// records reads record: a mapping, or a list of one for each action.
func (s *section) records(n *node, actions []Action) []map[string]any {
	path := s.path("record")
	records := make([]map[string]any, len(actions))
	switch {
	case n.kind == mapping:
		record, _ := s.f.value(n, path).(map[string]any)
		i, ok := meant(record, actions)
		if !ok {
			s.f.report(n, "write a list: a record for each action, null for one that is not compared",
				"%s: is one record, and the zap makes %d of a row", path, len(actions))
			return nil
		}
		records[i] = record
		return records
	case n.kind != sequence:
		s.f.wrongKind(n, path, "a mapping")
		return nil
	case len(n.items) != len(actions):
		s.f.report(n, "null stands for a record that is not compared", "%s: has %d records, and the zap makes %d of a row",
			path, len(n.items), len(actions))
		return nil
	}
	for i, item := range n.items {
		at := path + "[" + strconv.Itoa(i+1) + "]"
		if item.kind != mapping && !item.null() {
			s.f.wrongKind(item, at, "a mapping, or null")
			return nil
		}
		records[i], _ = s.f.value(item, at).(map[string]any)
	}
	return records
}

// meant returns which action a single record is to be of: the only one, or the only one of the record's type.
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

// cell returns a scalar as a cell of its YAML type. A date without quotes is a date cell.
func (f *file) cell(n *node, path string) row.Cell {
	if n.kind != scalar {
		f.wrongKind(n, path, "a cell: text, a number, true, false or a date")
		return row.Cell{}
	}
	switch v := f.value(n, path).(type) {
	case bool:
		return row.BoolCell(v)
	case int64:
		if v > maxCell || v < -maxCell {
			f.report(n, "in quotes it is text", "%s: the number %s has more digits than a sheet keeps", path, n.shown())
		}
		return row.NumberCell(float64(v))
	case float64:
		return row.NumberCell(v)
	case string:
		if t, ok := parseTimestamp(v); ok && n.tag == "!!timestamp" {
			return row.Cell{Kind: row.Date, Num: serial(t), Shape: row.ShapeDate}
		}
		return row.TextCell(v)
	}
	return row.Cell{}
}

// maxCell is the greatest whole number below which a sheet, whose numbers are float64, holds every whole number.
const maxCell = 1 << 53

// value returns a node as a value that JSON has.
func (f *file) value(n *node, path string) any {
	switch n.kind {
	case broken:
	case sequence:
		list := make([]any, len(n.items))
		for i, item := range n.items {
			list[i] = f.value(item, path+"["+strconv.Itoa(i+1)+"]")
		}
		return list
	case mapping:
		object := make(map[string]any, len(n.pairs))
		for _, p := range n.pairs {
			object[p.key.text] = f.value(p.value, path+"."+p.key.text)
		}
		return object
	case scalar:
		if n.null() {
			return nil
		}
		literal, problem := n.literal()
		switch {
		case problem != "":
			f.report(n, "in quotes it is text", "%s: %s", path, problem)
		case literal != nil:
			return literal
		default:
			return n.text
		}
	}
	return nil
}

// parseTimestamp parses what YAML takes for a date or a time without a zone, which date cells do not have.
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
