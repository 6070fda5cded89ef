package sheets

import (
	"context"
	"io"
	"net/url"

	"github.com/go-json-experiment/json"
)

// Spreadsheet is the metadata of a spreadsheet
// (https://developers.google.com/workspace/sheets/api/reference/rest/v4/spreadsheets).
type Spreadsheet struct {
	ID         string
	Title      string
	Zone       string      // of its dates: an IANA name, or an offset such as GMT-07:00
	Worksheets []Worksheet // in tab order, including hidden ones
}

// Worksheet is one tab.
type Worksheet struct {
	GID     int64 // kept by renames; usually 0 for the first tab
	Title   string
	Rows    int  // of the grid, including blank rows
	Columns int  // of the grid
	Grid    bool // false: a chart or connected source, which has no cells
}

// ByTitle returns the worksheet with a title; ok is false if there is none.
func (s Spreadsheet) ByTitle(title string) (w Worksheet, ok bool) {
	for _, w := range s.Worksheets {
		if w.Title == title {
			return w, true
		}
	}
	return Worksheet{}, false
}

// ByGID returns the worksheet with a gid; ok is false if there is none.
func (s Spreadsheet) ByGID(gid int64) (w Worksheet, ok bool) {
	for _, w := range s.Worksheets {
		if w.GID == gid {
			return w, true
		}
	}
	return Worksheet{}, false
}

// spreadsheetFields is the field mask for Spreadsheet. Without a mask the response contains all
// named ranges, charts and formats.
const spreadsheetFields = "properties(title,timeZone)," +
	"sheets.properties(sheetId,title,index,sheetType,hidden,gridProperties(rowCount,columnCount))"

// Spreadsheet reads the title, time zone and worksheets of a spreadsheet in one request. The error
// is an *Error.
func (a *Account) Spreadsheet(ctx context.Context, id string, urgency Urgency) (Spreadsheet, error) {
	t := target{spreadsheet: id}
	if id == "" {
		return Spreadsheet{}, a.bad(t, "the spreadsheet ID is missing")
	}
	var s Spreadsheet
	err := a.call(ctx, t, urgency, func(ctx context.Context, conn *connection) error {
		_, err := conn.get(ctx, "", id, url.Values{"fields": {spreadsheetFields}}, func(body io.Reader) (err error) {
			s, err = decodeSpreadsheet(body)
			return err
		})
		return err
	})
	if err != nil {
		return Spreadsheet{}, err
	}
	s.ID = id
	return s, nil
}

// maxWorksheets bounds the worksheets of a spreadsheet. Google itself only limits the cells, to ten
// million (https://support.google.com/drive/answer/37603).
const maxWorksheets = 10_000

// decodeSpreadsheet decodes a spreadsheets.get response to its end. The error is that of
// [decoder.end].
func decodeSpreadsheet(body io.Reader) (Spreadsheet, error) {
	d := newDecoder(body, 0)
	var s Spreadsheet
	read := func(into any) error { return json.UnmarshalDecode(d.json, into) }
	err := d.object(func(name string) error {
		switch name {
		case "properties":
			var p struct {
				Title string `json:"title"`
				Zone  string `json:"timeZone"`
			}
			err := read(&p)
			s.Title, s.Zone = p.Title, p.Zone
			return err
		case "sheets":
			return d.array(func() error {
				var tab struct {
					Properties struct {
						GID   int64  `json:"sheetId"`
						Title string `json:"title"`
						Type  string `json:"sheetType"`
						Grid  *struct {
							Rows    int `json:"rowCount"`
							Columns int `json:"columnCount"`
						} `json:"gridProperties"`
					} `json:"properties"`
				}
				if len(s.Worksheets) == maxWorksheets {
					return ErrTooBig
				}
				err := read(&tab)
				p := tab.Properties
				if err == nil && p.Title == "" {
					// Every tab has a title. Without it, an existing worksheet would count as
					// deleted.
					return errShape
				}
				w := Worksheet{GID: p.GID, Title: p.Title, Grid: p.Grid != nil && (p.Type == "GRID" || p.Type == "")}
				if p.Grid != nil {
					w.Rows, w.Columns = p.Grid.Rows, p.Grid.Columns
				}
				s.Worksheets = append(s.Worksheets, w)
				return err
			})
		}
		return d.json.SkipValue()
	})
	if err = d.end(err); err == nil && (len(s.Worksheets) == 0 || s.Zone == "") {
		// Every spreadsheet has both, so null and {} are invalid. Without the zone dates would be
		// guessed.
		err = errShape
	}
	return s, err
}
