package ui

import (
	"html/template"
	"strings"
	"time"

	"github.com/rowtap/rowtap/internal/quantity"
)

// functions are available in templates.
var functions = template.FuncMap{
	"when":    func(t time.Time) template.HTML { return timeElement(t, "when") },
	"ago":     func(t *time.Time) template.HTML { return optionalTime(t, "ago") },
	"until":   func(t *time.Time) template.HTML { return optionalTime(t, "until") },
	"number":  quantity.Number[int64],
	"counted": quantity.Count[int],
	"plot":    func(p plot) template.HTML { return p.svg() },
	"hour":    func(t time.Time) template.HTML { return timeIn(t, "hour", "15:04 UTC") },
	"day":     func(t time.Time) string { return t.UTC().Format("Jan 2") },
	"capital": capital,
	"zapPath": zapPath,
	"idPath":  idPath,
}

// timeElement is a time in UTC, which page.js converts to the reader's time zone.
func timeElement(t time.Time, as string) template.HTML {
	return timeIn(t, as, "2006-01-02 15:04:05 UTC")
}

func timeIn(t time.Time, as, layout string) template.HTML {
	t = t.UTC()
	return template.HTML(`<time datetime="` + t.Format(time.RFC3339) + `" data-as="` + as + `">` + t.Format(layout) + `</time>`)
}

func optionalTime(t *time.Time, as string) template.HTML {
	if t == nil {
		return "–"
	}
	return timeElement(*t, as)
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
