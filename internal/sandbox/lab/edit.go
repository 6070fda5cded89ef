package lab

import (
	"errors"
	"fmt"
	"slices"

	"github.com/rowtap/rowtap/internal/sandbox"
)

// Sheets is the emulated Google Sheets with edits that only tests make.
type Sheets struct{ *sandbox.Sheets }

// RenameWorksheet renames a worksheet, which keeps its gid.
func (s *Sheets) RenameWorksheet(id, title, to string) error {
	if to == "" {
		return fmt.Errorf("rename worksheet %s: the new title is empty", title)
	}
	return s.EditFile(id, to, func(file *sandbox.Spreadsheet) error {
		w, err := file.Worksheet(title)
		if err != nil {
			return err
		}
		if other, err := file.Worksheet(to); err == nil && other != w {
			return fmt.Errorf("worksheet %q already exists", to)
		}
		w.Title = to
		return nil
	})
}

// DeleteWorksheet removes a worksheet. The last one cannot be removed.
func (s *Sheets) DeleteWorksheet(id, title string) error {
	return s.EditFile(id, title, func(file *sandbox.Spreadsheet) error {
		w, err := file.Worksheet(title)
		if err != nil {
			return err
		}
		if len(file.Worksheets) == 1 {
			return errors.New("a spreadsheet needs at least one worksheet")
		}
		file.Worksheets = slices.DeleteFunc(file.Worksheets, func(x *sandbox.Worksheet) bool { return x == w })
		return nil
	})
}

// Unshare removes all read access to the spreadsheet: reads fail with 403.
func (s *Sheets) Unshare(id string) error { return s.refuse(id, notShared()) }

// Share restores read access.
func (s *Sheets) Share(id string) error { return s.refuse(id, nil) }

// SetOfficeFile turns the file into an unconverted .xlsx: reads fail with 400 FAILED_PRECONDITION.
func (s *Sheets) SetOfficeFile(id string) error { return s.refuse(id, officeFile()) }

func (s *Sheets) refuse(id string, with *sandbox.GoogleError) error {
	return s.EditFile(id, "", func(file *sandbox.Spreadsheet) error {
		file.Refused = with
		return nil
	})
}

// Move moves row from so that it becomes row to; the rows between shift by one.
func (s *Sheets) Move(id, title string, from, to int) error {
	return s.Edit(id, title, func(w *sandbox.Worksheet) error {
		if from < 1 || from > w.Height || to < 1 || to > w.Height {
			return fmt.Errorf("move row %d to %d: the grid has %d rows", from, to, w.Height)
		}
		w.Reach(max(from, to))
		cells := w.Rows[from-1]
		w.Rows = slices.Insert(slices.Delete(w.Rows, from-1, from), to-1, cells)
		return nil
	})
}

// Clear empties every cell. The grid keeps its size.
func (s *Sheets) Clear(id, title string) error { return s.Replace(id, title) }

// InsertColumn inserts an empty column before column, which may be one past the grid.
func (s *Sheets) InsertColumn(id, title string, column int) error {
	return s.Edit(id, title, func(w *sandbox.Worksheet) error {
		if column < 1 || column > w.Width+1 {
			return fmt.Errorf("insert at column %d: the grid has %d columns", column, w.Width)
		}
		for i, cells := range w.Rows {
			if column <= len(cells) {
				w.Rows[i] = slices.Insert(cells, column-1, sandbox.Value{})
			}
		}
		w.Width++
		return nil
	})
}

// DeleteColumn deletes a column. The last one cannot be deleted.
func (s *Sheets) DeleteColumn(id, title string, column int) error {
	return s.Edit(id, title, func(w *sandbox.Worksheet) error {
		if column < 1 || column > w.Width {
			return fmt.Errorf("delete column %d: the grid has %d columns", column, w.Width)
		}
		if w.Width == 1 {
			return errors.New("you can't delete all the columns on the sheet")
		}
		for i, cells := range w.Rows {
			if column <= len(cells) {
				w.Rows[i] = slices.Delete(cells, column-1, column)
			}
		}
		w.Width--
		return nil
	})
}
