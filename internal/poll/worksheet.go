package poll

import (
	"time"

	"github.com/rowtap/rowtap/internal/plan"
	"github.com/rowtap/rowtap/internal/sheets"
)

// worksheet is where a zap's worksheet was found. Its gid never changes, but its title may, and the
// API only reads by title unless it has a write scope
// (https://developers.google.com/workspace/sheets/api/reference/rest).
type worksheet struct {
	spreadsheetID string
	gid           int64
	title         string
	book          string // title of the spreadsheet
	zone          string // time zone of the spreadsheet
	found         time.Time
	grid          int // rows of its grid when last seen, including blank ones

	read  time.Time // last complete read
	pages int       // of that read
	size  int64     // bytes of that read as transferred
	rows  int       // below the header, not blank
}

// stillNamed reports whether the recipe still names the worksheet that was found.
func (p *poll) stillNamed(w *worksheet) bool {
	t := p.recipe.Trigger
	if p.mustLeave(w.gid) {
		return false
	}
	if t.Worksheet.ByGID {
		return t.Worksheet.GID == w.gid
	}
	return plan.BindingOf(p.stored).Covers(t) && p.stored.GID == w.gid
}

// hasBaseline reports whether the zap's worksheet has been read before.
func (p *poll) hasBaseline() bool {
	if t := p.recipe.Trigger; t.Worksheet.ByGID {
		return p.stored.SpreadsheetID == t.SpreadsheetID && p.stored.GID == t.Worksheet.GID
	}
	return plan.BindingOf(p.stored).Covers(p.recipe.Trigger)
}

// titleStale reports whether the worksheet's title has to be looked up again. While it differs from
// the one in the zap file, another worksheet may take that title at any time, and reads would not
// show it.
func (p *poll) titleStale(w *worksheet) bool {
	t := p.recipe.Trigger
	return !t.Worksheet.ByGID && w.title != t.Worksheet.Title && time.Since(w.found)+p.recipe.Interval(p.poller.opts.Now()) > titleTrust
}

// find finds the zap's worksheet in its spreadsheet: by its gid once known, whatever its title. If
// the last read was of another worksheet, find returns that one first, for its last read.
func (p *poll) find(s sheets.Spreadsheet) error {
	t := p.recipe.Trigger
	tab, err := plan.FindWorksheet(t, plan.BindingOf(p.stored), s)
	if err == nil {
		err = plan.Readable(t, s, tab)
	}
	if err != nil {
		p.sheet, p.schedule.sheet = nil, nil
		return err
	}
	if p.leaving = p.mustLeave(tab.GID); p.leaving {
		old, ok := s.ByGID(p.stored.GID)
		if p.leaving = ok; ok {
			tab = old
		} else {
			p.left, p.unread = true, "it was deleted"
		}
	}
	w := &worksheet{spreadsheetID: t.SpreadsheetID, gid: tab.GID, title: tab.Title, book: s.Title, zone: s.Zone, found: time.Now(), grid: tab.Rows}
	if before := p.schedule.sheet; before != nil && before.spreadsheetID == w.spreadsheetID && before.gid == w.gid {
		w.read, w.pages, w.size, w.rows = before.read, before.pages, before.size, before.rows
	}
	p.sheet, p.schedule.sheet, p.located = w, w, true
	return nil
}
