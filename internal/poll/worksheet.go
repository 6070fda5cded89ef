package poll

import (
	"time"

	"github.com/rowtap/rowtap/internal/plan"
	"github.com/rowtap/rowtap/internal/sheets"
)

// worksheet is where a zap's worksheet was found. Its gid never changes; its title may, and reads
// with a read-only scope are by title alone
// (https://developers.google.com/workspace/sheets/api/reference/rest).
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
	size  int64     // bytes that this took on the wire, compressed if the responses were
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
	return plan.BindingOf(p.snapshot).Covers(t) && p.snapshot.GID == w.gid
}

// based tells whether the zap's worksheet has been read before.
func (p *poll) based() bool {
	if t := p.recipe.Trigger; t.Worksheet.ByGID {
		return p.snapshot.SpreadsheetID == t.SpreadsheetID && p.snapshot.GID == t.Worksheet.GID
	}
	return plan.BindingOf(p.snapshot).Covers(p.recipe.Trigger)
}

// outdated tells whether the worksheet's title is to be looked up again: while it is not the one
// that the zap file names, another worksheet may take that at any time, and reads would not show
// it.
func (p *poll) outdated(w *worksheet) bool {
	t := p.recipe.Trigger
	return !t.Worksheet.ByGID && w.title != t.Worksheet.Title && time.Since(w.found)+p.recipe.Interval(p.poller.opts.Now()) > titleTrust
}

// find finds the zap's worksheet in its spreadsheet: by its gid once that is known, whatever its
// title is by then. Where it is another one than that which was read last, that one is found first,
// to be read a last time.
func (p *poll) find(s sheets.Spreadsheet) error {
	t := p.recipe.Trigger
	tab, err := plan.FindWorksheet(t, plan.BindingOf(p.snapshot), s)
	if err == nil {
		err = plan.Readable(t, s, tab)
	}
	if err != nil {
		p.sheet, p.schedule.sheet = nil, nil
		return err
	}
	if p.leaving = p.moves(tab.GID); p.leaving {
		old, ok := s.ByGID(p.snapshot.GID)
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
