package config

import (
	"maps"
	"math"
	"strconv"
	"time"
)

// maxRows is how many rows a worksheet can have at most, one column wide
// (https://support.google.com/drive/answer/37603).
const maxRows = 10_000_000

const defaultMaxNewRows = 1000

// copiesSettle is how long a copy of a row settles unless the file gives settle.
const copiesSettle = time.Minute

// settle returns how long a row has to settle, and how long a copy of one that was there before.
func (s *section) settle() (rows, copies time.Duration) {
	if s.get("settle") == nil {
		return 0, copiesSettle
	}
	rows = s.duration("settle", 0, 0)
	return rows, rows
}

// trigger reads trigger.
func (s *section) trigger(c *Config) Trigger {
	s.oneApp("google_sheets")
	if n := s.require("event", "new_spreadsheet_row"); n != nil {
		choice(s, "event", "", "new_spreadsheet_row")
	}
	t := Trigger{
		Account:    account(s, "google_accounts", c.GoogleAccounts),
		HeaderRow:  s.integer("header_row", 1, 1, maxRows),
		Unsure:     choice(s, "unsure", UnsureHold, UnsureHold, UnsureSend, UnsureSkip),
		Recheck:    s.recheck(),
		MaxNewRows: s.integer("max_new_rows", defaultMaxNewRows, 0, math.MaxInt32),
		Pos:        s.f.pos(s.at.line, s.at.column),
		ColumnPos:  make(map[string]Pos),
	}
	t.Settle, t.SettleCopies = s.settle()
	t.SpreadsheetID, t.Worksheet = s.worksheet()
	t.Start = s.start(t.HeaderRow)
	t.Require = s.columns("require", t.ColumnPos)
	keys, ignored := make(map[string]Pos), make(map[string]Pos)
	t.Key = s.columns("key", keys)
	t.Ignore = s.columns("ignore", ignored)
	for name, pos := range ignored {
		if _, both := keys[name]; both {
			s.f.reportAt(pos, "remove it from one of them", "%s: %q is in key too, which identifies rows", s.path("ignore"), name)
		}
	}
	maps.Copy(t.ColumnPos, keys)
	maps.Copy(t.ColumnPos, ignored)
	return t
}

// oneApp checks app, which has one value for now.
func (s *section) oneApp(app string) {
	if n := s.require("app", app); n != nil {
		choice(s, "app", "", app)
	}
}

// worksheet reads spreadsheet and worksheet. The gid in a spreadsheet's URL counts where no worksheet is named.
func (s *section) worksheet() (id string, w Worksheet) {
	var gid *int64
	if n := s.require("spreadsheet", "the address of the spreadsheet in the browser"); n != nil {
		if text, ok := s.f.filled(n, s.path("spreadsheet")); ok {
			var err error
			if id, gid, err = ParseSpreadsheet(text); err != nil {
				s.f.report(n, "", "%s: %v", s.path("spreadsheet"), err)
			}
			w.Pos = s.f.pos(n.textAt.line, n.textAt.column)
		}
	}
	n := s.get("worksheet")
	switch {
	case n == nil && gid != nil:
		w.GID, w.ByGID = *gid, true
	case n == nil:
		s.missing("worksheet", "the name of the tab, or {gid: N} from the address of the spreadsheet")
	case n.kind == mapping:
		inner := s.f.section(s.key("worksheet"), n, s.path("worksheet"))
		w = Worksheet{ByGID: true, Pos: s.f.pos(n.line, n.column)}
		if inner.require("gid", "the number behind #gid= in the address of the spreadsheet") != nil {
			w.GID = int64(inner.integer("gid", 0, 0, math.MaxInt32))
		}
		inner.done()
	default:
		w = Worksheet{Pos: s.f.pos(n.textAt.line, n.textAt.column)}
		if _, ok := s.f.filled(n, s.path("worksheet")); ok {
			w.Title = n.text // with its white space: Sheets keeps it
		}
	}
	return id, w
}

// start reads start.
func (s *section) start(headerRow int) Start {
	n := s.get("start")
	if n == nil || n.kind == broken {
		return Start{Now: true}
	}
	if row, ok := whole(n); ok {
		if row < int64(headerRow) || row > maxRows {
			s.f.report(n, "", "%s: must be a sheet row from the header row (%d) on, not %s", s.path("start"), headerRow, n.shown())
			return Start{Now: true}
		}
		return Start{Row: int(row)}
	}
	if text, ok := s.f.filled(n, s.path("start")); ok {
		switch text {
		case "now":
			return Start{Now: true}
		case "beginning":
			return Start{Beginning: true}
		}
		suggestion := "now, beginning, or the number of the last sheet row that is old"
		if near := Nearest(text, []string{"now", "beginning"}); near != "" {
			suggestion = "did you mean " + strconv.Quote(near) + "?"
		}
		s.f.report(n, suggestion, "%s: %q is not known", s.path("start"), n.shown())
	}
	return Start{Now: true}
}

// recheck reads recheck; 0 is auto.
func (s *section) recheck() time.Duration {
	if n := s.pairs["recheck"].value; n != nil && n.kind == scalar && n.text == "auto" {
		s.get("recheck")
		return 0
	}
	return s.duration("recheck", 0, time.Second)
}
