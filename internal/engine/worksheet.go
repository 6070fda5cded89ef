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
	grid          int // rows of its grid, filled or not, as last seen

	read  time.Time // when it was last read whole
	pages int       // that this took
	size  int64     // bytes that this took on the wire, compressed if the answers were
	rows  int       // below the header that were not blank
}

// names tells whether the worksheet found last is still the one that the recipe names.
func (p *poll) names(w *worksheet) bool {
	t := p.recipe.Trigger
	if p.moves(w.gid) {
		return false
	}
	if t.Worksheet.ByGID {
		return t.Worksheet.GID == w.gid
	}
	return bindingOf(p.kept).covers(t) && p.kept.GID == w.gid
}

// based tells whether the zap's worksheet has been read before.
func (p *poll) based() bool {
	if t := p.recipe.Trigger; t.Worksheet.ByGID {
		return p.kept.SpreadsheetID == t.SpreadsheetID && p.kept.GID == t.Worksheet.GID
	}
	return bindingOf(p.kept).covers(p.recipe.Trigger)
}

// outdated tells whether the worksheet's title is to be looked up again: while it is not the one that the zap file names, another
// worksheet may take that at any time, and reads would not show it.
func (p *poll) outdated(w *worksheet) bool {
	t := p.recipe.Trigger
	return !t.Worksheet.ByGID && w.title != t.Worksheet.Title && time.Since(w.found)+p.recipe.interval(p.engine.now()) > lookedUp
}

// find finds the zap's worksheet in its spreadsheet: by its gid once that is known, whatever its title is by then. Where it is another
// one than that which was read last, that one is found first, to be read a last time.
func (p *poll) find(s sheets.Spreadsheet) error {
	t := p.recipe.Trigger
	tab, err := tabOf(t, bindingOf(p.kept), s)
	if err == nil {
		err = readable(t, s, tab)
	}
	if err != nil {
		p.sheet, p.beat.sheet = nil, nil
		return err
	}
	if p.leaving = p.moves(tab.GID); p.leaving {
		old, ok := s.ByGID(p.kept.GID)
		if p.leaving = ok; ok {
			tab = old
		} else {
			p.left, p.unread = true, "it was deleted"
		}
	}
	w := &worksheet{spreadsheetID: t.SpreadsheetID, gid: tab.GID, title: tab.Title, book: s.Title, zone: s.Zone, found: time.Now(), grid: tab.Rows}
	if before := p.beat.sheet; before != nil && before.spreadsheetID == w.spreadsheetID && before.gid == w.gid {
		w.read, w.pages, w.size, w.rows = before.read, before.pages, before.size, before.rows
	}
	p.sheet, p.beat.sheet, p.located = w, w, true
	return nil
}

// thenReload ends the hints to correct a zap file: the daemon reads it only then.
const thenReload = "; then: rowtap reload"

// tabOf finds the worksheet that a trigger means, by what the zap is bound to.
func tabOf(t config.Trigger, b Binding, s sheets.Spreadsheet) (sheets.Worksheet, error) {
	if b.covers(t) {
		return b.tab(t, s)
	}
	if t.Worksheet.ByGID {
		if tab, ok := s.ByGID(t.Worksheet.GID); ok {
			return tab, nil
		}
		return sheets.Worksheet{}, &Blocked{
			Reason: fmt.Sprintf("spreadsheet %q has no worksheet with gid %d", s.Title, t.Worksheet.GID),
			Hint:   "it has " + tabs(s) + ": correct worksheet in " + t.Worksheet.Pos.String() + thenReload,
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
		Hint:   hint + " Correct worksheet in " + t.Worksheet.Pos.String() + thenReload,
	}
}

// readable tells whether a worksheet has cells, and dates that can be read.
func readable(t config.Trigger, s sheets.Spreadsheet, tab sheets.Worksheet) error {
	if !tab.Grid {
		return &Blocked{
			Reason: fmt.Sprintf("worksheet %q of spreadsheet %q is a chart or another object, not a grid of cells", tab.Title, s.Title),
			Hint:   "correct worksheet" + in(t.Worksheet.Pos) + thenReload,
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
