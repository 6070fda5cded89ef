package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// sheetEdit is the body of POST /admin/sheets/{id}/{edit}. Each edit uses some of the fields.
type sheetEdit struct {
	Worksheet  string    `json:"worksheet"`
	Row        int       `json:"row"`
	From       int       `json:"from"`
	To         int       `json:"to"`
	Column     columnRef `json:"column"`
	Descending bool      `json:"descending"`
	Value      Value     `json:"value"`
	Rows       [][]Value `json:"rows"`
}

// columnRef is a 1-based column, given as a number or letters.
type columnRef int

// UnmarshalJSON accepts 3, "3" or "C".
func (c *columnRef) UnmarshalJSON(b []byte) error {
	var n int
	if json.Unmarshal(b, &n) == nil {
		*c = columnRef(n)
		return nil
	}
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("a column must be a number or letters, not %s", b)
	}
	if n, err := strconv.Atoi(s); err == nil {
		*c = columnRef(n)
		return nil
	}
	row, column, ok := parseCorner(s)
	if !ok || row != 0 {
		return fmt.Errorf("a column must be a number or letters, not %q", s)
	}
	*c = columnRef(column)
	return nil
}

func (s *Sandbox) sheetRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /admin/sheets", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, s.sheets.list())
	})
	mux.HandleFunc("GET /admin/sheets/{id}", s.getCells)
	mux.HandleFunc("POST /admin/sheets/{id}/{edit}", s.postEdit)
}

// postEdit makes an edit. It refuses unknown fields in the body. An empty body means {}.
func (s *Sandbox) postEdit(w http.ResponseWriter, r *http.Request) {
	var e sheetEdit
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxAdminBody))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil && !errors.Is(err, io.EOF) {
		writeProblem(w, http.StatusBadRequest, fmt.Errorf("read the request: %w", err))
		return
	}
	answer, err := s.editSheet(r.PathValue("id"), r.PathValue("edit"), e)
	if err != nil {
		writeProblem(w, codeOf(err), err)
		return
	}
	writeJSON(w, http.StatusOK, answer)
}

// editSheet makes one edit of an existing spreadsheet.
func (s *Sandbox) editSheet(id, edit string, e sheetEdit) (any, error) {
	sheets, title, column := s.sheets, e.Worksheet, int(e.Column)
	if title == "" {
		first, err := sheets.firstWorksheet(id)
		if err != nil {
			return nil, err
		}
		title = first
	}
	var err error
	switch edit {
	case "append":
		var row int
		row, err = sheets.Append(id, title, e.Rows...)
		return object{{"row", row}}, err
	case "insert":
		rows := e.Rows
		if len(rows) == 0 {
			rows = [][]Value{{}}
		}
		err = sheets.Insert(id, title, e.Row, rows...)
	case "delete":
		err = sheets.Delete(id, title, e.From, e.To)
	case "set":
		err = sheets.Set(id, title, e.Row, column, e.Value)
	case "sort":
		err = sheets.Sort(id, title, column, e.Descending)
	default:
		return nil, fmt.Errorf("edit %q: %w", edit, ErrUnknown)
	}
	return object{}, err
}

// shownRow is a row and its 1-based number.
type shownRow struct {
	Number int     `json:"number"`
	Cells  []Value `json:"cells"`
}

// getCells responds with row 1 and the last rows of a worksheet.
func (s *Sandbox) getCells(w http.ResponseWriter, r *http.Request) {
	id, title := r.PathValue("id"), r.URL.Query().Get("worksheet")
	tail, err := number64(r.URL.Query().Get("tail"))
	if err != nil {
		writeProblem(w, http.StatusBadRequest, err)
		return
	}
	if title == "" {
		if title, err = s.sheets.firstWorksheet(id); err != nil {
			writeProblem(w, http.StatusNotFound, err)
			return
		}
	}
	answer, err := s.sheets.cells(id, title, int(tail))
	if err != nil {
		writeProblem(w, http.StatusNotFound, err)
		return
	}
	writeJSON(w, http.StatusOK, answer)
}

// cells returns a worksheet for the admin API: row 1 and the last tail rows; 0: all rows.
func (s *Sheets) cells(id, title string, tail int) (object, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	ws, err := s.worksheet(id, title)
	if err != nil {
		return nil, err
	}
	filled := ws.filled()
	from := 2
	if tail > 0 {
		from = max(2, filled-tail+1)
	}
	rows := []shownRow{}
	if filled > 0 {
		rows = append(rows, shownRow{1, clonedCells(ws, 1)})
	}
	for n := from; n <= filled; n++ {
		rows = append(rows, shownRow{n, clonedCells(ws, n)})
	}
	file := s.byID[id]
	return object{
		{"id", id},
		{"title", file.title},
		{"zone", file.zone},
		{"worksheet", ws.Title},
		{"gid", ws.gid},
		{"grid", object{{"rows", ws.Height}, {"columns", ws.Width}}},
		{"filled", filled},
		{"rows", rows},
	}, nil
}

func clonedCells(w *Worksheet, number int) []Value {
	return append([]Value{}, w.row(number)...)
}

func (s *Sheets) list() []object {
	s.mu.RLock()
	defer s.mu.RUnlock()
	files := []object{}
	for _, f := range s.listed {
		worksheets := []object{}
		for _, w := range f.Worksheets {
			worksheets = append(worksheets, object{{"gid", w.gid}, {"title", w.Title}, {"filled", w.filled()}, {"rows", w.Height}, {"columns", w.Width}})
		}
		files = append(files, object{
			{"id", f.id},
			{"title", f.title},
			{"zone", f.zone},
			{"worksheets", worksheets},
		})
	}
	return files
}

func (s *Sheets) firstWorksheet(id string) (string, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	file, err := s.spreadsheet(id)
	if err != nil {
		return "", err
	}
	if len(file.Worksheets) == 0 {
		return "", fmt.Errorf("spreadsheet %s has no worksheet: %w", id, ErrUnknown)
	}
	return file.Worksheets[0].Title, nil
}
