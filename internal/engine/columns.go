package engine

import (
	"errors"
	"fmt"
	"slices"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/row"
	"github.com/rowtap/rowtap/internal/sheets"
)

// bind finds the columns in a header that the zap's mapping and its trigger name. missing are those that are not there, or there more
// than once; nil where there are none. bound is nil where the mapping misses one.
func (r *Recipe) bind(h row.Header) (bound *mapping.Bound, missing *mapping.ColumnError, err error) {
	all := &mapping.ColumnError{}
	bound, err = r.Mapping.Bind(h)
	if err != nil && !errors.As(err, &all) {
		return nil, nil, err
	}
	named := slices.Concat(r.Trigger.Require, r.Trigger.Key, r.Trigger.Ignore)
	all.Missing = append(all.Missing, missingIn(h, named, r.Trigger.ColumnPos)...)
	if len(all.Missing) == 0 {
		return bound, nil, nil
	}
	return bound, all, nil
}

// missingIn returns those columns of a zap file that a header lacks, or has more than once, each once.
func missingIn(h row.Header, names []string, at map[string]config.Pos) []mapping.MissingColumn {
	var missing []mapping.MissingColumn
	for i, name := range names {
		if _, found := h.Index(name); found || slices.Contains(names[:i], name) {
			continue
		}
		m := mapping.MissingColumn{Name: name, Pos: at[name], Doubled: h.Doubled(name)}
		if !m.Doubled {
			m.Nearest = config.Nearest(name, h.Names())
		}
		missing = append(missing, m)
	}
	return missing
}

// headerOf makes the header of a worksheet of its header row. Columns of the grid that have no name there are known by their letters.
func headerOf(r *Recipe, tab sheets.Worksheet, cells []row.Cell) (row.Header, error) {
	names := row.NewHeader(cells).Names()
	if !slices.ContainsFunc(names, func(name string) bool { return name != "" }) {
		return row.Header{}, &Blocked{
			Reason: fmt.Sprintf("row %d of worksheet %q, the header row, is empty", r.Trigger.HeaderRow, tab.Title),
			Hint:   "write the column names there, or correct header_row" + in(r.Trigger.Pos),
		}
	}
	for len(names) < tab.Columns {
		names = append(names, "")
	}
	return row.HeaderOf(names), nil
}

// gridOf finds the worksheet that the trigger means, with a header row in it that can be read.
func (r *Recipe) gridOf(b Binding, s sheets.Spreadsheet) (sheets.Worksheet, error) {
	tab, err := tabOf(r.Trigger, b, s)
	if err == nil {
		err = readable(r.Trigger, s, tab)
	}
	if err == nil && r.Trigger.HeaderRow > tab.Rows {
		err = &Blocked{
			Reason: fmt.Sprintf("header_row is %d, and worksheet %q has %d rows", r.Trigger.HeaderRow, tab.Title, tab.Rows),
			Hint:   "correct header_row" + in(r.Trigger.Pos),
		}
	}
	return tab, err
}

// in says where something in a zap file is to be corrected; nothing of a zap that has no file yet.
func in(at config.Pos) string {
	if s := at.String(); s != "" {
		return " in " + s
	}
	return ""
}
