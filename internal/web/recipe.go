package web

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
)

// scheduleInWords tells a cron line in words where it is one of the usual ones; others as they are. A time has its zone, which is
// UTC where the line names none, since the page shows other times in the reader's zone.
func scheduleInWords(line string) string {
	line = strings.TrimSpace(line)
	zone := ""
	if prefix, spec, ok := strings.Cut(line, "TZ="); ok && (prefix == "" || prefix == "CRON_") {
		zone, line, _ = strings.Cut(spec, " ")
		line = strings.TrimSpace(line)
	}
	if every, ok := strings.CutPrefix(line, "@every "); ok {
		if d, err := time.ParseDuration(strings.TrimSpace(every)); err == nil {
			return "every " + durationInWords(d)
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
		return fmt.Sprintf("every hour at minute %d%s", m, at) // hours of India and others begin at half past those of UTC
	case hour == "*" && strings.HasPrefix(minute, "*/"):
		// Each hour begins at minute 0 again: */45 fires at 0 and 45.
		if n, err := strconv.Atoi(minute[2:]); err == nil && n > 0 && 60%n == 0 {
			return "every " + durationInWords(time.Duration(n)*time.Minute)
		}
	}
	if h, err := strconv.Atoi(hour); err == nil && plain == nil {
		return fmt.Sprintf("every day at %02d:%02d%s", h, m, at)
	}
	return "on schedule " + line + at
}

func durationInWords(d time.Duration) string {
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

// actionInWords tells what a record becomes: a profile in CleverTap production.
func actionInWords(a config.Action) string {
	if a.Event == config.UploadEvent && a.EventName != nil {
		return "event " + a.EventName.Text + " in CleverTap " + a.Account.Name
	}
	return "profile in CleverTap " + a.Account.Name
}

// worksheetInWords names a worksheet as the zap file does.
func worksheetInWords(w config.Worksheet, title string) string {
	if w.ByGID {
		return cmp.Or(title, fmt.Sprintf("worksheet gid %d", w.GID))
	}
	return w.Title
}

// sheetLink returns where a browser sees a worksheet, and in it a row; row 0 is none.
func (s *server) sheetLink(spreadsheetID string, gid int64, row int) string {
	link := fmt.Sprintf("https://docs.google.com/spreadsheets/d/%s/edit#gid=%d", url.PathEscape(spreadsheetID), gid)
	if s.SheetPage != "" {
		link = fmt.Sprintf("%s#gid=%d", s.SheetPage, gid)
	}
	if row > 0 {
		link += fmt.Sprintf("&range=%d:%d", row, row)
	}
	return link
}

// rowLink returns the address that leads to a delivery's row, wherever it is in the sheet by now; "" where it was deleted, or its
// worksheet is not known.
func rowLink(d Delivery, gone bool) string {
	if gone || d.Worksheet == nil {
		return ""
	}
	return idPath(d.ID) + "/row"
}

// toRow leads to where a delivery's row was in the sheet at the last read, which is not where it was found after rows were inserted,
// sorted or deleted.
func (s *server) toRow(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("zap")
	n, _ := strconv.ParseUint(r.PathValue("number"), 10, 64) // 0 is no delivery's
	d, found, err := s.Engine.Stored(r.Context(), name, n)
	if err != nil {
		s.showFailure(w, r, err)
		return
	}
	if !found {
		s.showProblem(w, r, http.StatusNotFound, "There is no delivery "+r.PathValue("zap")+"/"+r.PathValue("number"), "Those past state.history are gone.")
		return
	}
	place, ok, err := s.Engine.PlaceOf(r.Context(), d)
	if err != nil {
		s.showFailure(w, r, err)
		return
	}
	if !ok {
		s.showProblem(w, r, http.StatusNotFound, "It is not known which worksheet the row of "+d.ID()+" is in", "")
		return
	}
	number, ok, err := s.Engine.RowNow(r.Context(), d)
	switch {
	case err != nil:
		s.showFailure(w, r, err)
	case ok:
		http.Redirect(w, r, s.sheetLink(place.SpreadsheetID, place.GID, number), http.StatusFound)
	default:
		p := problemView{What: fmt.Sprintf("The row of %s has moved or gone", d.ID())}
		p.Hint = fmt.Sprintf("It was row %d when found. The last read has not seen it as it was: it was deleted, or edited so much that it counts as another row.", d.Row.Number)
		p.Link, p.LinkText = s.sheetLink(place.SpreadsheetID, place.GID, 0), "Open worksheet "+place.String()
		s.render(w, r, http.StatusNotFound, "problem", frame{Title: d.ID(), Trail: []crumb{{"Zaps", "/"}, {name, zapPath(name)}, {"#" + strconv.FormatUint(n, 10), idPath(d.ID())}}}, p)
	}
}

// mapped is a line of a mapping.
type mapped struct{ Name, Value, How string }

// mapping tells where each part of an action's record comes from.
func mappingOf(a config.Action) []mapped {
	lines := []mapped{{string(a.IDKind), a.ID.Text, "who"}}
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

// zapPath and idPath return where a zap and a delivery are on the page.
// address returns a path with a query; what is empty is left out.
func address(path string, query map[string]string) string {
	v := url.Values{}
	for name, value := range query {
		if value != "" {
			v.Set(name, value)
		}
	}
	return strings.TrimSuffix(path+"?"+v.Encode(), "?")
}

func zapPath(name string) string { return "/zaps/" + url.PathEscape(name) }

func idPath(id string) string {
	i := strings.LastIndexByte(id, '/')
	return "/deliveries/" + url.PathEscape(id[:max(i, 0)]) + "/" + id[i+1:]
}
