package web

import (
	"fmt"
	"html/template"
	"strings"
	"time"
)

// functions are what the templates call.
var functions = template.FuncMap{
	"when":    func(t time.Time) template.HTML { return timeElement(t, "when") },
	"ago":     func(t *time.Time) template.HTML { return pointedTime(t, "ago") },
	"until":   func(t *time.Time) template.HTML { return pointedTime(t, "until") },
	"number":  thousands,
	"counted": countedThing,
	"plot":    func(p plot) template.HTML { return p.svg() },
	"hour":    func(t time.Time) template.HTML { return timeIn(t, "hour", "15:04 UTC") },
	"day":     func(t time.Time) string { return t.UTC().Format("Jan 2") },
	"capital": capital,
	"zapPath": zapPath,
	"idPath":  idPath,
}

// timeElement is a time in UTC, which a script turns into the reader's own zone.
func timeElement(t time.Time, as string) template.HTML {
	return timeIn(t, as, "2006-01-02 15:04:05 UTC")
}

func timeIn(t time.Time, as, layout string) template.HTML {
	t = t.UTC()
	return template.HTML(`<time datetime="` + t.Format(time.RFC3339) + `" data-as="` + as + `">` + t.Format(layout) + `</time>`)
}

func pointedTime(t *time.Time, as string) template.HTML {
	if t == nil {
		return "–"
	}
	return timeElement(*t, as)
}

// thousands writes a count with separators.
func thousands(n int64) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// countedThing is a number of things: 1 row, 1,200 rows.
func countedThing(n int64, thing string) string {
	if n != 1 {
		if stem, ok := strings.CutSuffix(thing, "y"); ok {
			thing = stem + "ie"
		}
		thing += "s"
	}
	return thousands(n) + " " + thing
}
