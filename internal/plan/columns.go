package plan

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/row"
	"github.com/rowtap/rowtap/internal/sheets"
)

// Bind finds the columns in a header that the zap's mapping and trigger name. missing lists those
// that are not there or not unique; nil if there are none. bound is nil if the mapping lacks one of
// its columns.
func (r *Recipe) Bind(h row.Header) (bound *mapping.Bound, missing *mapping.ColumnError, err error) {
	all := &mapping.ColumnError{}
	bound, err = r.Mapping.Bind(h)
	if err != nil && !errors.As(err, &all) {
		return nil, nil, err
	}
	named := slices.Concat(r.Trigger.Require, r.Trigger.Key, r.Trigger.Ignore)
	all.Missing = append(all.Missing, MissingIn(h, named, r.Trigger.ColumnPos)...)
	if len(all.Missing) == 0 {
		return bound, nil, nil
	}
	return bound, all, nil
}

// Fit is [Recipe.Bind] for a header that must have every column that the zap file names, those in
// redact included. missing is sorted by line.
func (r *Recipe) Fit(h row.Header) (bound *mapping.Bound, missing []mapping.MissingColumn, err error) {
	bound, lacks, err := r.Bind(h)
	if err != nil {
		return nil, nil, err
	}
	if lacks != nil {
		missing = lacks.Missing
	}
	missing = append(missing, MissingIn(h, r.Redact, r.RedactPos)...)
	slices.SortStableFunc(missing, func(a, b mapping.MissingColumn) int { return a.Pos.Compare(b.Pos) })
	return bound, missing, nil
}

// MissingIn returns the named columns that a header lacks or has more than once, without
// duplicates. at is where the zap file names them.
func MissingIn(h row.Header, names []string, at map[string]config.Pos) []mapping.MissingColumn {
	var missing []mapping.MissingColumn
	for i, name := range names {
		if _, found := h.Index(name); found || slices.Contains(names[:i], name) {
			continue
		}
		missing = append(missing, mapping.Missing(h, name, at[name]))
	}
	return missing
}

// ReadHeader makes the header of a worksheet from the cells of its header row. It may request what
// the sheet shows for them. Columns of the grid without a name are known by their letters. The
// error is a [*sheets.Error], or a [*hint.Blocked] if the row is empty.
func ReadHeader(ctx context.Context, account *sheets.Account, r *Recipe, tab sheets.Worksheet, cells []row.Cell) (row.Header, error) {
	h, err := account.Header(ctx, r.Trigger.SpreadsheetID, tab.Title, r.Trigger.HeaderRow, cells, sheets.Finishing)
	if err != nil {
		return row.Header{}, err
	}
	if !slices.ContainsFunc(h.Names(), func(name string) bool { return name != "" }) {
		return row.Header{}, &hint.Blocked{
			Reason: fmt.Sprintf("header row %d of worksheet %q is empty", r.Trigger.HeaderRow, tab.Title),
			Hint:   "write the column names there, or correct header_row" + inFile(r.Trigger.Pos) + ThenReload,
		}
	}
	return h.Wide(tab.Columns), nil
}

// FormerNames returns a warning for each name in the zap file that follows the column naming of an
// earlier release.
func (r *Recipe) FormerNames(h row.Header) config.Diagnostics {
	if slices.Equal(h.Names(), h.FormerNames()) {
		return nil
	}
	var all config.Diagnostics
	if bound, err := r.Mapping.Bind(h); err == nil {
		all = bound.FormerNames()
	}
	add := func(names []string, at map[string]config.Pos) {
		for _, name := range names {
			w, ok := mapping.FormerName(h, name, at[name])
			if ok && !slices.ContainsFunc(all, func(said config.Diagnostic) bool { return said.Message == w.Message }) {
				all = append(all, w)
			}
		}
	}
	add(slices.Concat(r.Trigger.Require, r.Trigger.Key, r.Trigger.Ignore), r.Trigger.ColumnPos)
	add(r.Redact, r.RedactPos)
	return all
}

// GridOf finds the worksheet that the trigger means, and checks that it is readable and has the
// header row. The error is a [*hint.Blocked].
func (r *Recipe) GridOf(b Binding, s sheets.Spreadsheet) (sheets.Worksheet, error) {
	tab, err := FindWorksheet(r.Trigger, b, s)
	if err == nil {
		err = Readable(r.Trigger, s, tab)
	}
	if err == nil && r.Trigger.HeaderRow > tab.Rows {
		err = &hint.Blocked{
			Reason: fmt.Sprintf("header_row is %d, but worksheet %q has %d rows", r.Trigger.HeaderRow, tab.Title, tab.Rows),
			Hint:   "correct header_row" + inFile(r.Trigger.Pos) + ThenReload,
		}
	}
	return tab, err
}

// inFile returns " in FILE:LINE:COLUMN" for a hint; "" for a zap without a file.
func inFile(at config.Pos) string {
	if s := at.String(); s != "" {
		return " in " + s
	}
	return ""
}
