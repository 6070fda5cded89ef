package sheets

import (
	"context"
	"io"
	"net/url"

	"github.com/go-json-experiment/json"
)

// Spreadsheet is a spreadsheet's own data: all but its cells
// (https://developers.google.com/workspace/sheets/api/reference/rest/v4/spreadsheets).
type Spreadsheet struct {
	ID         string
	Title      string
	Zone       string      // of its dates: an IANA name, or an offset such as GMT-07:00
	Worksheets []Worksheet // in the order of the tabs, hidden ones too
}

// Worksheet is one tab.
type Worksheet struct {
	GID     int64 // stays through renames; the first tab's is usually 0
	Title   string
	Rows    int  // of the allocated grid, filled or not
	Columns int  // of the allocated grid
	Grid    bool // false: a chart or a connected source, which has no cells to read
}

// ByTitle returns the worksheet of a title, ok is false where there is none.
func (s Spreadsheet) ByTitle(title string) (w Worksheet, ok bool) {
	for _, w := range s.Worksheets {
		if w.Title == title {
			return w, true
		}
	}
	return Worksheet{}, false
}

// ByGID returns the worksheet of a gid, ok is false where there is none.
func (s Spreadsheet) ByGID(gid int64) (w Worksheet, ok bool) {
	for _, w := range s.Worksheets {
		if w.GID == gid {
			return w, true
		}
	}
	return Worksheet{}, false
}

// spreadsheetFields are the fields that Spreadsheet needs; without a mask all named ranges, charts and formats come too.
const spreadsheetFields = "properties(title,timeZone)," +
	"sheets.properties(sheetId,title,index,sheetType,hidden,gridProperties(rowCount,columnCount))"

// Spreadsheet reads a spreadsheet's title, zone and worksheets, in one request. The error is an *Error.
func (a *Account) Spreadsheet(ctx context.Context, id string, urgency Urgency) (Spreadsheet, error) {
	t := target{spreadsheet: id}
	if id == "" {
		return Spreadsheet{}, a.bad(t, "no id is given")
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

// maxWorksheets bounds the worksheets of a spreadsheet: its ten million cells make no more that have any
// (https://support.google.com/drive/answer/37603).
const maxWorksheets = 10_000

// decodeSpreadsheet reads an answer of spreadsheets.get to its end. The error is that of [decoder.end].
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
					return errShape // each tab has one: without it, a worksheet that is there would be taken as deleted
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
		err = errShape // each spreadsheet has both: null and {} are no answers, and dates without the zone would be guessed
	}
	return s, err
}
