package sandbox

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Limits of Google Sheets (https://support.google.com/drive/answer/37603).
const (
	maxCells     = 10_000_000
	maxColumns   = 18_278
	maxCellRunes = 50_000
	newRows      = 1000 // grid of a new worksheet
	newColumns   = 26
)

// ErrUnknown is wrapped by errors about a spreadsheet or worksheet that does not exist.
var ErrUnknown = errors.New("not in the sandbox")

// Sheets is the emulated Google Sheets with the edits that people make. It is safe for concurrent
// use. Spreadsheets are identified by ID and worksheets by title. Rows and columns are 1-based.
type Sheets struct {
	changed func(id, worksheet string) // called after every edit, without the lock

	mu     sync.RWMutex
	byID   map[string]*Spreadsheet
	listed []*Spreadsheet // in order of addition
}

// Spreadsheet is a spreadsheet during an edit, see [Sheets.EditFile].
type Spreadsheet struct {
	Worksheets []*Worksheet // in order of addition
	Refused    *GoogleError // the response to every read; nil: readable

	id, title, zone string
}

// Worksheet is a worksheet during an edit, see [Sheets.Edit].
type Worksheet struct {
	Title  string
	Rows   [][]Value // missing cells and rows at the end are empty
	Height int       // rows of the grid, at least len(Rows)
	Width  int       // columns of the grid

	gid int64
}

func newSheets(changed func(id, worksheet string)) *Sheets {
	return &Sheets{changed: changed, byID: map[string]*Spreadsheet{}}
}

// AddSpreadsheet adds a spreadsheet without worksheets. zone is an IANA name; "": UTC.
func (s *Sheets) AddSpreadsheet(id, title, zone string) error {
	if id == "" {
		return errors.New("add a spreadsheet: the id is empty")
	}
	if zone == "" {
		zone = "Etc/GMT"
	} else if _, err := time.LoadLocation(zone); err != nil {
		return fmt.Errorf("add spreadsheet %s: time zone %q: %w", id, zone, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byID[id] != nil {
		return fmt.Errorf("add spreadsheet %s: the id already exists", id)
	}
	file := &Spreadsheet{id: id, title: title, zone: zone}
	s.byID[id] = file
	s.listed = append(s.listed, file)
	return nil
}

// AddWorksheet appends a worksheet with 1000 rows and 26 columns, or more if rows need them.
func (s *Sheets) AddWorksheet(id, title string, gid int64, rows ...[]Value) error {
	if title == "" || len(title) > 100*4 {
		return fmt.Errorf("add a worksheet to spreadsheet %s: the title must have 1 to 100 characters", id)
	}
	if gid < 0 {
		return fmt.Errorf("add worksheet %s: gid %d is negative", title, gid)
	}
	return s.EditFile(id, title, func(file *Spreadsheet) error {
		for _, w := range file.Worksheets {
			if w.Title == title || w.gid == gid {
				return fmt.Errorf("worksheet %q already has this title or gid", w.Title)
			}
		}
		w := &Worksheet{gid: gid, Title: title, Height: newRows, Width: newColumns}
		if _, err := w.append(rows); err != nil {
			return err
		}
		file.Worksheets = append(file.Worksheets, w)
		return nil
	})
}

// Rows returns a copy of the rows of a worksheet up to the last one that is not empty.
func (s *Sheets) Rows(id, title string) ([][]Value, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	w, err := s.worksheet(id, title)
	if err != nil {
		return nil, err
	}
	rows := make([][]Value, w.filled())
	for i := range rows {
		rows[i] = slices.Clone(w.Rows[i])
	}
	return rows, nil
}

// EditFile runs an edit of a spreadsheet under the lock and publishes a change of the worksheet
// with the given title. An edit that returns an error must not have changed anything.
func (s *Sheets) EditFile(id, title string, edit func(*Spreadsheet) error) error {
	s.mu.Lock()
	file, err := s.spreadsheet(id)
	if err == nil {
		err = edit(file)
	}
	s.mu.Unlock()
	if err != nil {
		return fmt.Errorf("edit spreadsheet %s: %w", id, err)
	}
	s.changed(id, title)
	return nil
}

// Edit is [Sheets.EditFile] for one worksheet.
func (s *Sheets) Edit(id, title string, edit func(*Worksheet) error) error {
	return s.EditFile(id, title, func(file *Spreadsheet) error {
		w, err := file.Worksheet(title)
		if err != nil {
			return err
		}
		if err := edit(w); err != nil {
			return fmt.Errorf("worksheet %s: %w", title, err)
		}
		return nil
	})
}

// spreadsheet requires s.mu.
func (s *Sheets) spreadsheet(id string) (*Spreadsheet, error) {
	file := s.byID[id]
	if file == nil {
		return nil, fmt.Errorf("spreadsheet %q: %w", id, ErrUnknown)
	}
	return file, nil
}

// worksheet requires s.mu.
func (s *Sheets) worksheet(id, title string) (*Worksheet, error) {
	file, err := s.spreadsheet(id)
	if err != nil {
		return nil, err
	}
	return file.Worksheet(title)
}

// Worksheet returns the worksheet with a title; the error wraps [ErrUnknown].
func (f *Spreadsheet) Worksheet(title string) (*Worksheet, error) {
	for _, w := range f.Worksheets {
		if w.Title == title {
			return w, nil
		}
	}
	return nil, fmt.Errorf("worksheet %q of spreadsheet %s: %w", title, f.id, ErrUnknown)
}

// filled returns the number of the last row with a cell that is not empty; 0 if there is none.
func (w *Worksheet) filled() int {
	for i := len(w.Rows); i > 0; i-- {
		for _, v := range w.Rows[i-1] {
			if !v.empty() {
				return i
			}
		}
	}
	return 0
}

// row returns the cells of a 1-based row, which may be fewer than the width of the grid.
func (w *Worksheet) row(number int) []Value {
	if number > len(w.Rows) {
		return nil
	}
	return w.Rows[number-1]
}
