package draft

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rowtap/rowtap/internal/config"
)

// File is a zap file that is to be written.
type File struct {
	Name             string
	Schedule         string
	Start            string // now, beginning or a sheet row
	GoogleAccount    string
	Spreadsheet      string // its address or id
	SpreadsheetTitle string
	Worksheet        string // its title
	GID              int64
	ByGID            bool // the file is to name the worksheet by its gid
	HeaderRow        int
	CleverTapAccount string
	EventName        string // "": a profile
	Suggestion
}

// mostLines bounds how many columns a file has a line for: nobody reads more.
const mostLines = 500

// YAML returns the file: commented, and good for rowtap check.
func (f File) YAML() []byte {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	becomes := "creates or updates a CleverTap profile"
	if f.EventName != "" {
		becomes = "uploads a CleverTap event"
	}
	say("# yaml-language-server: $schema=%s", config.SchemaURL("zap"))
	say("")
	say("# Each new row of worksheet %s of spreadsheet %s %s.", label(f.Worksheet), label(f.SpreadsheetTitle), becomes)
	say("# The mapping is a suggestion, made of the column names: look it through. Then:")
	say("# rowtap test trigger %s, rowtap test action %s, enabled: true, rowtap reload.", f.Name, f.Name)
	say("")
	say("name: %s", text(f.Name))
	say("enabled: false # true publishes the zap; from then on, false and later true is like pause and resume")
	say("")
	say("# Five cron fields, in UTC or behind CRON_TZ=Asia/Kolkata; or @every 30s, @hourly, @daily.")
	say("schedule: %s", quoted(f.Schedule))
	say("")
	f.trigger(say)
	say("")
	say("# Which rows are sent. Columns are variables; those whose names are not one word are row[\"Any Name\"].")
	example := f.Filter
	if example == "" {
		example = `row["Country"] == "IN"`
	}
	say("# filter: %s", filterValue(example))
	say("")
	f.action(say)
	say("")
	say("# Columns whose cells history and page do not show.")
	redact := f.Redact
	if len(redact) == 0 {
		redact = []string{f.IdentityColumn}
	}
	say("# redact: %s", list(redact))
	return []byte(b.String())
}

// filterValue writes a filter as people do, without quotes around it, where YAML lets them.
func filterValue(filter string) string {
	if strings.Contains(filter, ": ") || strings.Contains(filter, " #") || strings.Contains(filter, "$") {
		return value(filter)
	}
	return filter
}

func (f File) trigger(say func(string, ...any)) {
	say("trigger:")
	say("  app: google_sheets")
	say("  event: new_spreadsheet_row")
	say("  account: %s", text(f.GoogleAccount))
	say("  spreadsheet: %s", plainOrQuoted(f.Spreadsheet))
	if f.ByGID || strings.TrimSpace(f.Worksheet) == "" {
		say("  worksheet: {gid: %d} # %s", f.GID, label(f.Worksheet))
	} else {
		say("  worksheet: %s # a tab renamed later is followed", plainOrQuoted(f.Worksheet))
	}
	say("  header_row: %d", f.HeaderRow)
	say("  # now: rows added after the zap was first loaded; beginning: those already there too; 1234: the rows below sheet row 1234.")
	say("  start: %s", f.Start)
	say("  # A row counts as added once these cells are filled. Default: the columns that identity uses.")
	say("  # require: %s", list([]string{f.IdentityColumn}))
	say("  # ... and once it has not changed for this long, for people type cell by cell. Default: at once, but a copy of a row that was")
	say("  # there before waits a minute, for people duplicate a row and type over it. 0s: a copy does not wait either.")
	say("  # settle: 30s")
	say("  # Columns that identify a row for good, wherever it moves and however it is edited.")
	say("  # key: [Response ID]")
}

// plainOrQuoted writes a text as the value of a key, without quotes where it reads as itself.
func plainOrQuoted(s string) string {
	if t := text(s); t == s || strings.HasPrefix(s, "https://") {
		return s
	}
	return value(s)
}

func (f File) action(say func(string, ...any)) {
	say("action:")
	say("  app: clevertap")
	if f.EventName == "" {
		say("  event: %s", config.CreateUpdateUserProfile)
	} else {
		say("  event: %s", config.UploadEvent)
		say("  event_name: %s", plainOrQuoted(f.EventName))
	}
	say("  account: %s", text(f.CleverTapAccount))
	say("  # Who the user is. A row without it waits.")
	if f.IdentityLowered {
		say("  # To CleverTap, Ann@example.com and ann@example.com are two users; lower() makes them one. Leave it out if the ids that CleverTap")
		say("  # already has for your users are written in capitals.")
	}
	say("  identity: %s", value(f.Identity))
	say("  # The record's time. Default: when the row was found.")
	switch {
	case f.Time == "":
		say("  # time: \"{{Column}}\"")
	case f.TimeUnsure:
		say("  # time: %s", value(f.Time))
	default:
		say("  time: %s", value(f.Time))
	}
	say("  # {{Column}} is a cell. Alone, it keeps its type; an empty cell leaves the property out. Anything else in braces is an expression.")
	if slices.ContainsFunc(f.Properties, func(p Property) bool { return p.Type == config.Date }) {
		say("  # format: is one of dates in text, or a list that is tried in order: [dd/MM/yyyy, ISO]. ISO is 2018-03-05, 2018-03-05 15:16 +0530 and")
		say("  # 2018-03-05T15:16:00Z; yy is 1969 to 2068.")
	}
	if len(f.Properties) == 0 {
		say("  # properties: {}")
		return
	}
	say("  properties:")
	for i, p := range f.Properties {
		if i == mostLines {
			say("    # ... and %d columns more.", len(f.Properties)-i)
			return
		}
		if p.Doubt != "" {
			say("    # Column %s: %s.", label(p.Column), p.Doubt)
		}
		if p.Doubt == "" && p.Note != "" {
			say("    # Column %s: %s.", label(p.Column), p.Note)
		}
		switch {
		case p.Value.Text == "":
		case p.Doubt != "":
			say("    # %s", p.line())
		default:
			say("    %s", p.line())
		}
	}
}
