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
	newRows      = 1000 // the grid of a new worksheet
	newColumns   = 26
)

// ErrUnknown is wrapped by errors about a spreadsheet or worksheet that the sandbox does not have.
var ErrUnknown = errors.New("not in the sandbox")

// Sheets is the emulated Google Sheets, as people edit it. All its methods are safe for concurrent use. Spreadsheets are
// addressed by id and worksheets by title; rows and columns count from 1.
type Sheets struct {
	changed func(id, worksheet string) // called after every edit, without the lock

	mu     sync.RWMutex
	byID   map[string]*spreadsheet
	listed []*spreadsheet // in the order in which they were added
}

type spreadsheet struct {
	id, title, zone string
	unshared        bool
	office          bool // an .xlsx file, not converted
	worksheets      []*worksheet
}

type worksheet struct {
	gid    int64
	title  string
	rows   [][]Value // cells past the end of a row, and rows past the end, are empty
	height int       // the grid's size, which is more than what is filled
	width  int
}

func newSheets(changed func(id, worksheet string)) *Sheets {
	return &Sheets{changed: changed, byID: map[string]*spreadsheet{}}
}

// AddSpreadsheet adds a spreadsheet without worksheets. The zone is an IANA name; "" is UTC.
func (s *Sheets) AddSpreadsheet(id, title, zone string) error {
	if id == "" {
		return errors.New("add a spreadsheet: it needs an id")
	}
	if zone == "" {
		zone = "Etc/GMT"
	} else if _, err := time.LoadLocation(zone); err != nil {
		return fmt.Errorf("add spreadsheet %s: time zone %q: %w", id, zone, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byID[id] != nil {
		return fmt.Errorf("add spreadsheet %s: there is one of this id", id)
	}
	file := &spreadsheet{id: id, title: title, zone: zone}
	s.byID[id] = file
	s.listed = append(s.listed, file)
	return nil
}

// AddWorksheet adds a worksheet of 1000 rows and 26 columns, or more if the rows need them, as the last one.
func (s *Sheets) AddWorksheet(id, title string, gid int64, rows ...[]Value) error {
	if title == "" || len(title) > 100*4 {
		return fmt.Errorf("add a worksheet to spreadsheet %s: a title has 1 to 100 characters", id)
	}
	if gid < 0 {
		return fmt.Errorf("add worksheet %s: gid %d is negative", title, gid)
	}
	return s.editFile(id, title, func(file *spreadsheet) error {
		for _, w := range file.worksheets {
			if w.title == title || w.gid == gid {
				return fmt.Errorf("worksheet %q has this title or gid", w.title)
			}
		}
		w := &worksheet{gid: gid, title: title, height: newRows, width: newColumns}
		if _, err := w.append(rows); err != nil {
			return err
		}
		file.worksheets = append(file.worksheets, w)
		return nil
	})
}

// RenameWorksheet gives a worksheet another title; its gid stays.
func (s *Sheets) RenameWorksheet(id, title, to string) error {
	if to == "" {
		return fmt.Errorf("rename worksheet %s: the new title is empty", title)
	}
	return s.editFile(id, to, func(file *spreadsheet) error {
		w, err := file.worksheet(title)
		if err != nil {
			return err
		}
		if other, err := file.worksheet(to); err == nil && other != w {
			return fmt.Errorf("a worksheet %q is there already", to)
		}
		w.title = to
		return nil
	})
}

// DeleteWorksheet removes a worksheet. The last one cannot be removed.
func (s *Sheets) DeleteWorksheet(id, title string) error {
	return s.editFile(id, title, func(file *spreadsheet) error {
		w, err := file.worksheet(title)
		if err != nil {
			return err
		}
		if len(file.worksheets) == 1 {
			return errors.New("a spreadsheet keeps at least one worksheet")
		}
		file.worksheets = slices.DeleteFunc(file.worksheets, func(x *worksheet) bool { return x == w })
		return nil
	})
}

// Unshare takes the spreadsheet away from every reader: reads answer 403.
func (s *Sheets) Unshare(id string) error { return s.setShared(id, false) }

// Share gives the spreadsheet back to every reader.
func (s *Sheets) Share(id string) error { return s.setShared(id, true) }

func (s *Sheets) setShared(id string, shared bool) error {
	return s.editFile(id, "", func(file *spreadsheet) error {
		file.unshared = !shared
		return nil
	})
}

// SetOfficeFile makes the file an .xlsx that was never converted: reads answer 400 FAILED_PRECONDITION.
func (s *Sheets) SetOfficeFile(id string) error {
	return s.editFile(id, "", func(file *spreadsheet) error {
		file.office = true
		return nil
	})
}

// Rows returns the rows of a worksheet up to the last one that is not empty; the caller may keep them.
func (s *Sheets) Rows(id, title string) ([][]Value, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	w, err := s.worksheet(id, title)
	if err != nil {
		return nil, err
	}
	rows := make([][]Value, w.filled())
	for i := range rows {
		rows[i] = slices.Clone(w.rows[i])
	}
	return rows, nil
}

// editFile runs an edit of one spreadsheet and tells of it.
func (s *Sheets) editFile(id, title string, edit func(*spreadsheet) error) error {
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

// edit runs an edit of one worksheet and tells of it. An edit that returns an error must have changed nothing.
func (s *Sheets) edit(id, title string, edit func(*worksheet) error) error {
	return s.editFile(id, title, func(file *spreadsheet) error {
		w, err := file.worksheet(title)
		if err != nil {
			return err
		}
		if err := edit(w); err != nil {
			return fmt.Errorf("worksheet %s: %w", title, err)
		}
		return nil
	})
}

// spreadsheet needs the lock.
func (s *Sheets) spreadsheet(id string) (*spreadsheet, error) {
	file := s.byID[id]
	if file == nil {
		return nil, fmt.Errorf("spreadsheet %q: %w", id, ErrUnknown)
	}
	return file, nil
}

// worksheet needs the lock.
func (s *Sheets) worksheet(id, title string) (*worksheet, error) {
	file, err := s.spreadsheet(id)
	if err != nil {
		return nil, err
	}
	return file.worksheet(title)
}

func (f *spreadsheet) worksheet(title string) (*worksheet, error) {
	for _, w := range f.worksheets {
		if w.title == title {
			return w, nil
		}
	}
	return nil, fmt.Errorf("worksheet %q of spreadsheet %s: %w", title, f.id, ErrUnknown)
}

// filled returns the number of the last row that has a cell which is not empty, 0 if none has.
func (w *worksheet) filled() int {
	for i := len(w.rows); i > 0; i-- {
		for _, v := range w.rows[i-1] {
			if !v.empty() {
				return i
			}
		}
	}
	return 0
}

// row returns the cells of the 1-based row, which may be fewer than the grid is wide.
func (w *worksheet) row(number int) []Value {
	if number > len(w.rows) {
		return nil
	}
	return w.rows[number-1]
}
