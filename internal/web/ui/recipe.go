package ui

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/row"
	"github.com/rowtap/rowtap/internal/web/api"
)

// describeSchedule describes a common cron line in words, and quotes others. Times have their zone
// (UTC if the line names none), because the page shows other times in the reader's zone.
func describeSchedule(line string) string {
	line = strings.TrimSpace(line)
	zone := ""
	if prefix, spec, ok := strings.Cut(line, "TZ="); ok && (prefix == "" || prefix == "CRON_") {
		zone, line, _ = strings.Cut(spec, " ")
		line = strings.TrimSpace(line)
	}
	if every, ok := strings.CutPrefix(line, "@every "); ok {
		if d, err := time.ParseDuration(strings.TrimSpace(every)); err == nil {
			return "every " + describeDuration(d)
		}
	}
	at := " UTC"
	if zone != "" {
		at = " (" + zone + ")"
	}
	switch line {
	case "@hourly":
		return "every hour"
	case "@daily", "@midnight":
		return "every day at 00:00" + at
	case "@weekly":
		return "every Sunday at 00:00" + at
	case "@monthly":
		return "on the first of every month at 00:00" + at
	case "@yearly", "@annually":
		return "every 1 January at 00:00" + at
	}
	f := strings.Fields(line)
	if len(f) != 5 || slices.ContainsFunc(f[2:], func(s string) bool { return s != "*" }) {
		return "on schedule " + line + at
	}
	minute, hour := f[0], f[1]
	m, plain := strconv.Atoi(minute)
	switch {
	case hour == "*" && minute == "*":
		return "every minute"
	case hour == "*" && plain == nil && m == 0:
		return "every hour"
	case hour == "*" && plain == nil:
		return fmt.Sprintf("every hour at minute %d%s", m, at) // in India and elsewhere hours begin at half past those of UTC
	case hour == "*" && strings.HasPrefix(minute, "*/"):
		// Minutes start again with each hour: */45 fires at 0 and 45.
		if n, err := strconv.Atoi(minute[2:]); err == nil && n > 0 && 60%n == 0 {
			return "every " + describeDuration(time.Duration(n)*time.Minute)
		}
	}
	if h, err := strconv.Atoi(hour); err == nil && plain == nil {
		return fmt.Sprintf("every day at %02d:%02d%s", h, m, at)
	}
	return "on schedule " + line + at
}

func describeDuration(d time.Duration) string {
	for _, u := range []struct {
		of   time.Duration
		name string
	}{{time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}} {
		if n := d / u.of; d%u.of == 0 && n > 0 {
			if n == 1 {
				return u.name
			}
			return fmt.Sprintf("%d %ss", n, u.name)
		}
	}
	return d.String()
}

// describeAction says what a row becomes: profile in CleverTap production.
func describeAction(a config.Action) string {
	if a.Event == config.UploadEvent && a.EventName != nil {
		return "event " + a.EventName.Text + " in CleverTap " + a.Account.Name
	}
	return "profile in CleverTap " + a.Account.Name
}

// worksheetName names a worksheet as the zap file does.
func worksheetName(w config.Worksheet, title string) string {
	if w.ByGID {
		return cmp.Or(title, fmt.Sprintf("worksheet gid %d", w.GID))
	}
	return w.Title
}

// sheetLink returns the address at which a browser shows a worksheet, and cells in it (9:9 or B7)
// unless cells is "".
func (s *Server) sheetLink(spreadsheetID string, gid int64, cells string) string {
	link := fmt.Sprintf("https://docs.google.com/spreadsheets/d/%s/edit#gid=%d", url.PathEscape(spreadsheetID), gid)
	if s.SheetPage != "" {
		link = fmt.Sprintf("%s#gid=%d", s.SheetPage, gid)
	}
	if cells != "" {
		link += "&range=" + cells
	}
	return link
}

// wholeRow returns the cells of a sheet row for a link.
func wholeRow(number int) string { return fmt.Sprintf("%d:%d", number, number) }

// linksCells reports whether a browser can show a cell of a zap's rows: Google Sheets can, and not
// every emulator.
func (s *Server) linksCells(zap string) bool {
	z := s.recipeOf(zap)
	return z != nil && z.Trigger.Account.Endpoint == nil
}

// rowLink returns a link to the current place of a delivery's row; "" if it was deleted, or its
// worksheet is unknown.
func rowLink(d api.Delivery, gone bool) string {
	if gone || d.Worksheet == nil {
		return ""
	}
	return idPath(d.ID) + "/row"
}

// toRow redirects to a delivery's row in the sheet, or to its cell in a column, at its place at the
// last read: rows and columns may have been inserted, sorted or deleted since it was found.
func (s *Server) toRow(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("zap")
	n, _ := strconv.ParseUint(r.PathValue("number"), 10, 64) // no delivery has number 0
	d, found, err := s.Engine.Stored(r.Context(), name, n)
	if err == nil && !found {
		err = noDelivery(name, n)
	}
	if err != nil {
		s.showFailure(w, r, err)
		return
	}
	place, ok, err := s.Engine.PlaceOf(r.Context(), d)
	if err != nil {
		s.showFailure(w, r, err)
		return
	}
	if !ok {
		s.showProblem(w, r, http.StatusNotFound, "The worksheet of "+d.ID()+" is unknown", "")
		return
	}
	number, ok, err := s.Engine.RowNow(r.Context(), d)
	switch {
	case err != nil:
		s.showFailure(w, r, err)
	case ok:
		cells := wholeRow(number)
		if column, there := s.Engine.ColumnNow(r.Context(), d, r.URL.Query().Get("column")); there && s.linksCells(name) {
			cells = row.Letter(column) + strconv.Itoa(number)
		}
		http.Redirect(w, r, s.sheetLink(place.SpreadsheetID, place.GID, cells), http.StatusFound)
	default:
		p := problemView{What: fmt.Sprintf("The row of %s was moved or deleted", d.ID())}
		p.Hint = fmt.Sprintf("It was row %d when found. The last read did not contain it: "+
			"it was deleted, or edited so much that it counts as another row.", d.Row.Number)
		p.Link, p.LinkText = s.sheetLink(place.SpreadsheetID, place.GID, ""), "Open worksheet "+place.String()
		trail := []crumb{{"Zaps", "/"}, {name, zapPath(name)}, {"#" + strconv.FormatUint(n, 10), idPath(d.ID())}}
		s.showOnce(w, r, http.StatusNotFound, "problem", frame{Title: d.ID(), Trail: trail}, p)
	}
}

// mapped is a line of a mapping.
type mapped struct{ Name, Value, How string }

// mappingOf says where each part of an action's record comes from.
func mappingOf(a config.Action) []mapped {
	lines := []mapped{{string(a.IDKind), a.ID.Text, ""}}
	if a.EventName != nil {
		lines = append(lines, mapped{"Event name", a.EventName.Text, ""})
	}
	if a.Time != nil {
		lines = append(lines, mapped{"Time", a.Time.Text, "date"})
	}
	if a.AllProperties {
		lines = append(lines, mapped{"Every column", "under its own header, or CleverTap's own name for it", ""})
	}
	for _, o := range a.Omit {
		lines = append(lines, mapped{o.Name, "", "left out"})
	}
	lines = appendProperties(lines, "", a.Properties)
	for i, item := range a.Items {
		lines = appendProperties(lines, fmt.Sprintf("Item %d: ", i+1), item)
	}
	return lines
}

func appendProperties(lines []mapped, before string, properties []config.Property) []mapped {
	for _, p := range properties {
		var how []string
		country := p.Country
		if p.CountryFrom != nil {
			country = p.CountryFrom.Text
		}
		for _, part := range []string{string(p.Type), string(p.Op), country, strings.Join(p.Formats, " or "), p.Timezone} {
			if part != "" && part != string(config.Auto) && part != string(config.Set) {
				how = append(how, part)
			}
		}
		if p.Separator != "" {
			how = append(how, "separated by "+strconv.Quote(p.Separator))
		}
		lines = append(lines, mapped{before + p.Name, p.Value.Text, strings.Join(how, ", ")})
	}
	return lines
}

// address returns a path with a query, without empty values.
func address(path string, query map[string]string) string {
	v := url.Values{}
	for name, value := range query {
		if value != "" {
			v.Set(name, value)
		}
	}
	return strings.TrimSuffix(path+"?"+v.Encode(), "?")
}

// zapPath returns the address of a zap's page.
func zapPath(name string) string { return "/zaps/" + url.PathEscape(name) }

// idPath returns the address of a delivery's page.
func idPath(id string) string {
	i := strings.LastIndexByte(id, '/')
	return "/deliveries/" + url.PathEscape(id[:max(i, 0)]) + "/" + id[i+1:]
}
