package sandbox

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// Append writes rows below the last row that is not empty, as a form or values.append does, and
// returns the number of the first. The grid grows if needed.
func (s *Sheets) Append(id, title string, rows ...[]Value) (int, error) {
	var first int
	err := s.Edit(id, title, func(w *Worksheet) (err error) {
		first, err = w.append(rows)
		return err
	})
	return first, err
}

// Insert inserts rows before atRow, which may be one past the grid. The grid grows by as many rows.
// An empty row is []Value{}.
func (s *Sheets) Insert(id, title string, atRow int, rows ...[]Value) error {
	return s.Edit(id, title, func(w *Worksheet) error {
		if atRow < 1 || atRow > w.Height+1 {
			return fmt.Errorf("insert at row %d: the grid has %d rows", atRow, w.Height)
		}
		width, err := w.fit(rows, w.Height+len(rows))
		if err != nil {
			return err
		}
		w.Reach(atRow - 1)
		w.Rows = slices.Insert(w.Rows, atRow-1, cloneRows(rows)...)
		w.Height, w.Width = w.Height+len(rows), width
		return nil
	})
}

// Delete removes the rows from … to, both included. The grid shrinks by as many rows.
func (s *Sheets) Delete(id, title string, from, to int) error {
	return s.Edit(id, title, func(w *Worksheet) error {
		if from < 1 || to < from || to > w.Height {
			return fmt.Errorf("delete rows %d to %d: the grid has %d rows", from, to, w.Height)
		}
		if to-from+1 == w.Height {
			return errors.New("you can't delete all the rows on the sheet")
		}
		if from <= len(w.Rows) {
			w.Rows = slices.Delete(w.Rows, from-1, min(to, len(w.Rows)))
		}
		w.Height -= to - from + 1
		return nil
	})
}

// Set writes one cell, which must be inside the grid.
func (s *Sheets) Set(id, title string, row, column int, v Value) error {
	return s.Edit(id, title, func(w *Worksheet) error {
		if row < 1 || row > w.Height || column < 1 || column > w.Width {
			return fmt.Errorf("set row %d, column %d: the grid has %d rows and %d columns", row, column, w.Height, w.Width)
		}
		if err := v.check(); err != nil {
			return fmt.Errorf("set row %d, column %d: %w", row, column, err)
		}
		w.Reach(row)
		cells := w.Rows[row-1]
		for len(cells) < column {
			cells = append(cells, Value{})
		}
		cells[column-1] = v
		w.Rows[row-1] = cells
		return nil
	})
}

// Sort sorts the rows below row 1 by a column, as Sheets does: numbers and dates, then text,
// ignoring case, then booleans, then errors. Empty cells are last in either direction. The sort is
// stable.
func (s *Sheets) Sort(id, title string, column int, descending bool) error {
	return s.Edit(id, title, func(w *Worksheet) error {
		if column < 1 || column > w.Width {
			return fmt.Errorf("sort by column %d: the grid has %d columns", column, w.Width)
		}
		if len(w.Rows) < 2 {
			return nil
		}
		at := func(cells []Value) Value {
			if column <= len(cells) {
				return cells[column-1]
			}
			return Value{}
		}
		slices.SortStableFunc(w.Rows[1:], func(a, b []Value) int {
			x, y := at(a), at(b)
			if x.empty() || y.empty() {
				return cmp.Compare(sortRank(x), sortRank(y))
			}
			order := compareValues(x, y)
			if descending {
				return -order
			}
			return order
		})
		return nil
	})
}

// Replace replaces all cells with rows, from row 1 on. The grid never shrinks.
func (s *Sheets) Replace(id, title string, rows ...[]Value) error {
	return s.Edit(id, title, func(w *Worksheet) error {
		height := max(w.Height, len(rows))
		width, err := w.fit(rows, height)
		if err != nil {
			return err
		}
		w.Rows, w.Height, w.Width = cloneRows(rows), height, width
		return nil
	})
}

func (w *Worksheet) append(rows [][]Value) (first int, err error) {
	filled := w.filled()
	height := max(w.Height, filled+len(rows))
	width, err := w.fit(rows, height)
	if err != nil {
		return 0, err
	}
	w.Reach(filled)
	w.Rows = append(w.Rows[:filled], cloneRows(rows)...)
	w.Height, w.Width = height, width
	return filled + 1, nil
}

// fit returns the width that the grid needs for rows; the error says that they, or a grid of that
// height, are too large.
func (w *Worksheet) fit(rows [][]Value, height int) (width int, err error) {
	width = w.Width
	for i, cells := range rows {
		width = max(width, len(cells))
		for j, v := range cells {
			if err := v.check(); err != nil {
				return 0, fmt.Errorf("row %d, column %d of the new rows: %w", i+1, j+1, err)
			}
		}
	}
	return width, checkGrid(height, width)
}

func checkGrid(height, width int) error {
	if width > maxColumns {
		return fmt.Errorf("%d columns: a worksheet has at most %d", width, maxColumns)
	}
	if height*width > maxCells {
		return fmt.Errorf("%d rows of %d columns: a spreadsheet has at most %d cells", height, width, maxCells)
	}
	return nil
}

// Reach extends Rows to at least n rows.
func (w *Worksheet) Reach(n int) {
	for len(w.Rows) < n {
		w.Rows = append(w.Rows, nil)
	}
}

func cloneRows(rows [][]Value) [][]Value {
	cloned := make([][]Value, len(rows))
	for i, cells := range rows {
		cloned[i] = slices.Clone(cells)
	}
	return cloned
}

func (v Value) check() error {
	if math.IsNaN(v.num) || math.IsInf(v.num, 0) {
		return errors.New("a number must not be infinite or NaN")
	}
	if len(v.text) > maxCellRunes && utf8.RuneCountInString(v.text) > maxCellRunes {
		return fmt.Errorf("your input contains more than the maximum of %d characters in a single cell", maxCellRunes)
	}
	return nil
}

func compareValues(a, b Value) int {
	if a, b := sortRank(a), sortRank(b); a != b {
		return cmp.Compare(a, b)
	}
	if a.kind == text || a.kind == errorText {
		return cmp.Compare(strings.ToLower(a.text), strings.ToLower(b.text))
	}
	return cmp.Compare(a.num, b.num)
}

func sortRank(v Value) int {
	switch v.kind {
	case number, date:
		return 0
	case text, emptyFormula:
		return 1
	case boolean:
		return 2
	case errorText:
		return 3
	case blank:
	}
	return 4
}
