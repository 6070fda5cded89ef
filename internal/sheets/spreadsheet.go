package sheets

import (
	"context"

	"google.golang.org/api/googleapi"
	"google.golang.org/api/sheets/v4"
)

// Spreadsheet is a spreadsheet's own data: all but its cells
// (https://developers.google.com/workspace/sheets/api/reference/rest/v4/spreadsheets).
type Spreadsheet struct {
	ID         string
	Title      string
	Zone       string // of its dates: an IANA name, or an offset such as GMT-07:00
	Locale     string
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
const spreadsheetFields googleapi.Field = "properties(title,timeZone,locale)," +
	"sheets.properties(sheetId,title,index,sheetType,hidden,gridProperties(rowCount,columnCount))"

// Spreadsheet reads a spreadsheet's title, zone and worksheets, in one request. The error is an *Error.
func (a *Account) Spreadsheet(ctx context.Context, id string, urgency Urgency) (Spreadsheet, error) {
	w := what{spreadsheet: id}
	if id == "" {
		return Spreadsheet{}, a.bad(w, "no id is given")
	}
	var got *sheets.Spreadsheet
	err := a.call(ctx, w, urgency, func(ctx context.Context, conn *connection) (err error) {
		got, err = conn.service.Spreadsheets.Get(id).Fields(spreadsheetFields).Context(ctx).Do()
		return err
	})
	if err != nil {
		return Spreadsheet{}, err
	}
	if got.Properties == nil {
		return Spreadsheet{}, a.bad(w, "the answer is not a spreadsheet")
	}
	s := Spreadsheet{ID: id, Title: got.Properties.Title, Zone: got.Properties.TimeZone, Locale: got.Properties.Locale}
	for _, sheet := range got.Sheets {
		if sheet == nil || sheet.Properties == nil {
			continue
		}
		p := sheet.Properties
		w := Worksheet{GID: p.SheetId, Title: p.Title, Grid: p.GridProperties != nil && (p.SheetType == "GRID" || p.SheetType == "")}
		if p.GridProperties != nil {
			w.Rows, w.Columns = int(p.GridProperties.RowCount), int(p.GridProperties.ColumnCount)
		}
		s.Worksheets = append(s.Worksheets, w)
	}
	return s, nil
}
