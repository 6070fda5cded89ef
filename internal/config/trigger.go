package config

import (
	"slices"
	"time"
)

// maxRows is the maximum number of rows of a worksheet with a single column
// (https://support.google.com/drive/answer/37603).
const maxRows = 10_000_000

// copiesSettle is how long copies of rows settle if settle is not given.
const copiesSettle = time.Minute

// checkTrigger checks rules that involve several keys, and sets the fields that depend on them.
func (s *section) checkTrigger(t *Trigger) {
	t.Pos, t.ColumnPos = s.keyPos(), s.places
	if _, given := s.key("worksheet"); !given && !t.Worksheet.ByGID {
		s.missing("worksheet", "the title of the worksheet, or {gid: N} from the URL of the spreadsheet")
	}
	if _, given := s.key("settle"); !given {
		t.SettleCopies = copiesSettle
	}
	for _, name := range t.Ignore {
		if slices.Contains(t.Key, name) {
			s.f.reportAt(s.places[name], "remove it from one of them", "%signore: %q is also in key, which identifies rows", s.prefix("."), name)
		}
	}
}

// spreadsheetKind is the URL or ID of a spreadsheet. The gid in a URL is used if no worksheet is
// given.
var spreadsheetKind = custom("address or ID", filledScalar, func(v value, t *Trigger) {
	text, ok := v.filled()
	if !ok {
		return
	}
	id, gid, err := ParseSpreadsheet(text)
	if err != nil {
		v.wrong("", "%v", err)
		return
	}
	t.SpreadsheetID, t.Worksheet.Pos = id, v.pos()
	if gid != nil {
		t.Worksheet.GID, t.Worksheet.ByGID = *gid, true
	}
}, func(t Trigger) any { return t.SpreadsheetID })

// worksheetKind is the title of a worksheet, or its gid.
var worksheetKind = custom("title, or {gid: N}", func() schema {
	return schema{"anyOf": []schema{filledScalar(), gidKeys.schema()}}
}, func(v value, t *Trigger) {
	if v.kind == mapping {
		t.Worksheet = Worksheet{ByGID: true, Pos: v.f.pos(v.line, v.column)}
		gidKeys.read(v, &t.Worksheet)
		return
	}
	t.Worksheet = Worksheet{Pos: v.pos()}
	if _, ok := v.filled(); ok {
		t.Worksheet.Title = v.text // untrimmed: Sheets keeps white space
	}
}, func(t Trigger) any {
	if t.Worksheet.ByGID {
		return gidKeys.print(&t.Worksheet)
	}
	return t.Worksheet.Title
}).containing(gidKeys.inside("."))

// startKind is now, beginning, or the last sheet row that is not new.
var startKind = custom("`now`, `beginning` or a sheet row", func() schema {
	return schema{"anyOf": []schema{{"type": "integer", "minimum": 1, "maximum": maxRows}, choiceSchema("now", "beginning")}}
}, func(v value, t *Trigger) {
	if row, ok := v.whole(); ok {
		if row < int64(t.HeaderRow) || row > maxRows {
			v.wrong("", "must be a sheet row from the header row (%d) on, not %s", t.HeaderRow, v.shown())
			return
		}
		t.Start = Start{Row: int(row)}
		return
	}
	text, ok := v.filled()
	switch {
	case !ok:
	case text == "now" || text == "beginning":
		t.Start = Start{Now: text == "now", Beginning: text == "beginning"}
	case Nearest(text, []string{"now", "beginning"}) != "":
		v.wrong(didYouMean(text, []string{"now", "beginning"}), "%q is not known", v.shown())
	default:
		v.wrong("expected now, beginning, or the number of the last sheet row not to send", "%q is not known", v.shown())
	}
}, func(t Trigger) any {
	switch {
	case t.Start.Now:
		return "now"
	case t.Start.Beginning:
		return "beginning"
	}
	return t.Start.Row
})

// settleKind is the settle time of all rows, including copies.
var settleKind = func() kind[Trigger] {
	k := duration(0)
	return custom(k.name, k.schema, func(v value, t *Trigger) {
		k.read(v, &t.Settle)
		t.SettleCopies = t.Settle
	}, func(t Trigger) any {
		if t.SettleCopies == copiesSettle && t.Settle == 0 {
			return nil
		}
		return effectiveDuration(t.Settle)
	})
}()

// recheckKind is a duration, or auto, which is stored as 0.
var recheckKind = func() kind[time.Duration] {
	k := duration(time.Second)
	return custom("duration, or `auto`", func() schema {
		return schema{"anyOf": []schema{{"enum": []string{"auto"}}, k.schema()}}
	}, func(v value, to *time.Duration) {
		if v.kind == scalar && v.text == "auto" {
			*to = 0
			return
		}
		k.read(v, to)
	}, func(d time.Duration) any {
		if d == 0 {
			return "auto"
		}
		return effectiveDuration(d)
	})
}()
