package plan

import (
	"fmt"
	"strings"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/row"
	"github.com/rowtap/rowtap/internal/sheets"
)

// ThenReload ends hints to correct a zap file, which the daemon reads only on reload.
const ThenReload = "; then: rowtap reload"

// FindWorksheet finds the worksheet that a trigger means, given the zap's binding. The error is a
// [*hint.Blocked].
func FindWorksheet(t config.Trigger, b Binding, s sheets.Spreadsheet) (sheets.Worksheet, error) {
	if b.Covers(t) {
		return b.tab(t, s)
	}
	if t.Worksheet.ByGID {
		if tab, ok := s.ByGID(t.Worksheet.GID); ok {
			return tab, nil
		}
		return sheets.Worksheet{}, &hint.Blocked{
			Reason: fmt.Sprintf("spreadsheet %q has no worksheet with gid %d", s.Title, t.Worksheet.GID),
			Hint:   "choose one of " + tabs(s) + ": correct worksheet in " + t.Worksheet.Pos.String() + ThenReload,
		}
	}
	title := t.Worksheet.Title
	if tab, ok := s.ByTitle(title); ok {
		return tab, nil
	}
	titles := make([]string, len(s.Worksheets))
	for i, w := range s.Worksheets {
		titles[i] = w.Title
	}
	next := "choose one of " + tabs(s) + "."
	if near := config.Nearest(title, titles); near != "" {
		next = fmt.Sprintf("did you mean %q?", near)
	}
	return sheets.Worksheet{}, &hint.Blocked{
		Reason: fmt.Sprintf("spreadsheet %q has no worksheet %q", s.Title, title),
		Hint:   next + " Correct worksheet in " + t.Worksheet.Pos.String() + ThenReload,
	}
}

// Readable returns nil for a worksheet that has cells, in a spreadsheet with a known time zone;
// otherwise a [*hint.Blocked].
func Readable(t config.Trigger, s sheets.Spreadsheet, tab sheets.Worksheet) error {
	if !tab.Grid {
		return &hint.Blocked{
			Reason: fmt.Sprintf("worksheet %q of spreadsheet %q has no cells: it is a chart or another object", tab.Title, s.Title),
			Hint:   "correct worksheet" + inFile(t.Worksheet.Pos) + ThenReload,
		}
	}
	if _, ok := row.Zone(s.Zone); !ok {
		return &hint.Blocked{
			Reason: fmt.Sprintf("spreadsheet %q has the unknown time zone %q, so its dates cannot be read", s.Title, s.Zone),
			Hint:   "choose another time zone under File > Settings in the spreadsheet",
		}
	}
	return nil
}

// tabs lists the first worksheets of a spreadsheet.
func tabs(s sheets.Spreadsheet) string {
	const shown = 6
	var list []string
	for _, w := range s.Worksheets[:min(len(s.Worksheets), shown)] {
		list = append(list, fmt.Sprintf("%q (gid %d)", w.Title, w.GID))
	}
	text := strings.Join(list, ", ")
	if more := len(s.Worksheets) - shown; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
