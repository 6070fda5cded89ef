package engine

import (
	"fmt"
	"strconv"
	"time"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/row"
	"github.com/rowtap/rowtap/internal/sheets"
)

// worksheet is where a zap's worksheet is found. Its gid is for good, its title is what it is called now: reads with a
// read-only scope are by title alone (https://developers.google.com/workspace/sheets/api/reference/rest).
type worksheet struct {
	spreadsheetID string
	gid           int64
	title         string
	book          string // the spreadsheet's title
	zone          string // its time zone
	found         time.Time

	read  time.Time // when it was last read whole
	pages int       // that this took
	size  int64     // bytes that this took on the wire, compressed if the answers were
	rows  int       // below the header that were not blank
}

// names tells whether the worksheet found last is still the one that the recipe names.
func (p *poll) names(w *worksheet) bool {
	if t := p.recipe.Trigger.Worksheet; t.ByGID {
		return t.GID == w.gid
	}
	return p.bound() && p.kept.GID == w.gid
}

// bound tells whether the ledger knows which gid the recipe's title stands for.
func (p *poll) bound() bool {
	t := p.recipe.Trigger
	return p.kept.SpreadsheetID == t.SpreadsheetID && p.kept.Title == t.Worksheet.Title && t.Worksheet.Title != ""
}

// based tells whether the zap's worksheet has been read before.
func (p *poll) based() bool {
	if t := p.recipe.Trigger; t.Worksheet.ByGID {
		return p.kept.SpreadsheetID == t.SpreadsheetID && p.kept.GID == t.Worksheet.GID
	}
	return p.bound()
}

// find finds the zap's worksheet in its spreadsheet: by its gid once that is known, whatever its title is by then.
func (p *poll) find(s sheets.Spreadsheet) error {
	t := p.recipe.Trigger
	tab, err := tabOf(t, s)
	if !t.Worksheet.ByGID && p.bound() {
		var ok bool
		if tab, ok = s.ByGID(p.kept.GID); !ok {
			return p.gone(s)
		}
		err = nil
	}
	if err == nil {
		err = readable(t, s, tab)
	}
	if err != nil {
		return err
	}
	w := &worksheet{spreadsheetID: t.SpreadsheetID, gid: tab.GID, title: tab.Title, book: s.Title, zone: s.Zone, found: time.Now()}
	if before := p.beat.sheet; before != nil && before.spreadsheetID == w.spreadsheetID && before.gid == w.gid {
		w.read, w.pages, w.size, w.rows = before.read, before.pages, before.size, before.rows
	}
	p.sheet, p.beat.sheet, p.located = w, w, true
	return nil
}

func (p *poll) gone(s sheets.Spreadsheet) error {
	title := p.recipe.Trigger.Worksheet.Title
	b := &Blocked{
		Reason: fmt.Sprintf("worksheet %q (gid %d) of spreadsheet %q was deleted", title, p.kept.GID, s.Title),
		Hint:   "bring it back (File › Version history), or choose another in " + p.recipe.Trigger.Worksheet.Pos.String() + "; there are " + tabs(s),
	}
	if other, ok := s.ByTitle(title); ok {
		b.Reason += fmt.Sprintf("; another worksheet (gid %d) has its title now, and nothing is taken from it unasked", other.GID)
		b.Hint = fmt.Sprintf("to watch that one, write worksheet: {gid: %d} in %s", other.GID, p.recipe.Trigger.Worksheet.Pos)
	}
	return b
}

// tabOf finds the worksheet that a trigger names, as long as nothing else is known of it.
func tabOf(t config.Trigger, s sheets.Spreadsheet) (sheets.Worksheet, error) {
	if t.Worksheet.ByGID {
		if tab, ok := s.ByGID(t.Worksheet.GID); ok {
			return tab, nil
		}
		return sheets.Worksheet{}, &Blocked{
			Reason: fmt.Sprintf("spreadsheet %q has no worksheet with gid %d", s.Title, t.Worksheet.GID),
			Hint:   "it has " + tabs(s) + ": correct worksheet in " + t.Worksheet.Pos.String(),
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
	hint := "it has " + tabs(s) + "."
	if near := config.Nearest(title, titles); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return sheets.Worksheet{}, &Blocked{
		Reason: fmt.Sprintf("spreadsheet %q has no worksheet %q", s.Title, title),
		Hint:   hint + " Correct worksheet in " + t.Worksheet.Pos.String(),
	}
}

// readable tells whether a worksheet has cells, and dates that can be read.
func readable(t config.Trigger, s sheets.Spreadsheet, tab sheets.Worksheet) error {
	if !tab.Grid {
		return &Blocked{
			Reason: fmt.Sprintf("worksheet %q of spreadsheet %q is a chart or another object, not a grid of cells", tab.Title, s.Title),
			Hint:   "correct worksheet" + in(t.Worksheet.Pos),
		}
	}
	if _, ok := row.Zone(s.Zone); !ok {
		return &Blocked{
			Reason: fmt.Sprintf("the time zone of spreadsheet %q is %q, which rowtap does not know: its dates cannot be read", s.Title, s.Zone),
			Hint:   "choose another under File > Settings in the spreadsheet",
		}
	}
	return nil
}

// tabs lists the first worksheets of a spreadsheet.
func tabs(s sheets.Spreadsheet) string {
	const shown = 6
	var list string
	for i, w := range s.Worksheets {
		if i == shown {
			return list + fmt.Sprintf(" and %d more", len(s.Worksheets)-shown)
		}
		if i > 0 {
			list += ", "
		}
		list += strconv.Quote(w.Title) + fmt.Sprintf(" (gid %d)", w.GID)
	}
	return list
}
