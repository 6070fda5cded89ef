package ui

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/quantity"
)

// plot is rows per hour or day, drawn as stacked bars. page.js shows the numbers under the pointer;
// without it, bars of big plots have them as titles, and small plots have their sum.
type plot struct {
	span
	From time.Time // start of the first bar
	Bars []ledger.Hour
	Big  bool
	// Missing is a time before which rows may be missing ([engine.Period]); zero: none are.
	Missing time.Time
}

// span is the time that a plot covers.
type span struct {
	Name   string // in addresses; "": the default
	Words  string
	bars   int
	bar    time.Duration // of one bar
	labels int           // bars between labels of the axis
	width  int           // of a bar with the space after it
}

var spans = []span{
	{"", "last 24 hours", 24, time.Hour, 6, 8},
	{"7d", "last 7 days", 7 * 24, time.Hour, 24, 5},
	{"30d", "last 30 days", 30, 24 * time.Hour, 5, 8},
}

// spanOf returns the span with a name, or the last 24 hours.
func spanOf(name string) span {
	for _, s := range spans {
		if s.Name == name {
			return s
		}
	}
	return spans[0]
}

// choices returns links to the page with each span.
func (s span) choices(link func(name string) string) []stateTab {
	tabs := make([]stateTab, len(spans))
	for i, other := range spans {
		tabs[i] = stateTab{Name: strings.TrimPrefix(other.Words, "last "), Path: link(other.Name), On: other.Name == s.Name}
	}
	return tabs
}

// kinds are the parts of a bar from the bottom up, with the classes that give them their colours.
var kinds = []struct {
	class, name string
	of          func(ledger.Hour) int64
}{
	{"sent", "sent", func(h ledger.Hour) int64 { return h.Sent }},
	{"validated", "validated", func(h ledger.Hour) int64 { return h.Validated }},
	{"skipped", "skipped", func(h ledger.Hour) int64 { return h.Skipped }},
	{"held", "held", func(h ledger.Hour) int64 { return h.Held }},
	{"failed", "failed", func(h ledger.Hour) int64 { return h.Failed }},
}

// newPlot returns an empty plot of a span that ends with the current hour or UTC day.
func newPlot(of span, now time.Time, big bool) plot {
	p := plot{span: of, From: now.UTC().Truncate(of.bar).Add(-time.Duration(of.bars-1) * of.bar), Bars: make([]ledger.Hour, of.bars), Big: big}
	for i := range p.Bars {
		p.Bars[i].At = p.From.Add(time.Duration(i) * of.bar)
	}
	return p
}

// add adds a zap's hours, which are complete from a time on, without those outside of the span.
func (p *plot) add(known []ledger.Hour, completeFrom time.Time) {
	if completeFrom.After(p.From) && completeFrom.After(p.Missing) {
		p.Missing = completeFrom
	}
	for _, h := range known {
		if i := int(h.At.Sub(p.From) / p.bar); !h.At.Before(p.From) && i < len(p.Bars) {
			addTo(&p.Bars[i], h)
		}
	}
}

// sum returns the sum of all bars.
func (p plot) sum() (sum ledger.Hour) {
	for _, h := range p.Bars {
		addTo(&sum, h)
	}
	return sum
}

func addTo(sum *ledger.Hour, h ledger.Hour) {
	sum.Validated += h.Validated
	sum.Sent, sum.Skipped, sum.Failed, sum.Held = sum.Sent+h.Sent, sum.Skipped+h.Skipped, sum.Failed+h.Failed, sum.Held+h.Held
}

// inWords describes numbers of rows: 120 sent, 3 failed.
func inWords(h ledger.Hour) string {
	var parts []string
	for _, k := range kinds {
		if n := k.of(h); n > 0 {
			parts = append(parts, quantity.Number(n)+" "+k.name)
		}
	}
	if len(parts) == 0 {
		return "no rows"
	}
	return strings.Join(parts, ", ")
}

func total(h ledger.Hour) int64 { return h.Sent + h.Validated + h.Skipped + h.Held + h.Failed }

// Most returns the number of rows of the highest bar.
func (p plot) Most() (most int64) {
	for _, h := range p.Bars {
		most = max(most, total(h))
	}
	return most
}

// Axis returns the start of each bar that has a label.
func (p plot) Axis() (at []time.Time) {
	for i := 0; i < len(p.Bars); i += p.labels {
		at = append(at, p.Bars[i].At)
	}
	return at
}

// ByDay reports whether a bar is a UTC day.
func (p plot) ByDay() bool { return p.bar > time.Hour }

// Hourly reports whether the axis is labelled with hours.
func (p plot) Hourly() bool { return time.Duration(p.labels)*p.bar < 24*time.Hour }

// Label describes the plot for people who do not see it.
func (p plot) Label() string { return "Rows in the " + p.Words + ": " + inWords(p.sum()) }

// svg draws the plot: for each kind a path of strokes as wide as the bars, in a big plot also a
// title per bar.
func (p plot) svg() template.HTML {
	var b strings.Builder
	height, class := 24, "plot"
	if p.Big {
		height, class = 96, "plot big"
	}
	fmt.Fprintf(&b, `<svg class="%s" viewBox="0 0 %d %d" preserveAspectRatio="none" role="img" aria-label="%s"`+
		` stroke-width="%d" data-from="%d" data-bar="%d" data-rows="%s">`,
		class, len(p.Bars)*p.width, height, template.HTMLEscapeString(p.Label()), p.width-1, p.From.Unix(), int(p.bar.Seconds()), p.data())
	if !p.Big {
		fmt.Fprintf(&b, "<title>%s</title>", template.HTMLEscapeString(p.Label()))
	}
	paths := make([]strings.Builder, len(kinds))
	most := p.Most()
	for i, h := range p.Bars {
		y := height
		for k, kind := range kinds {
			n := kind.of(h)
			if n == 0 {
				continue
			}
			tall := max(1, int(n*int64(height-len(kinds))/most)) // at least one pixel of each kind
			y -= tall
			fmt.Fprintf(&paths[k], "M%g %dv%d", float64(i*p.width)+float64(p.width-1)/2, y, tall)
		}
	}
	for k, kind := range kinds {
		if paths[k].Len() > 0 {
			fmt.Fprintf(&b, `<path class="%s" d="%s"/>`, kind.class, paths[k].String())
		}
	}
	if p.Big {
		when := "Jan 2, 15:04 UTC"
		if p.ByDay() {
			when = "Jan 2 UTC"
		}
		for i, h := range p.Bars {
			fmt.Fprintf(&b, `<rect class="hour" x="%d" width="%d" height="%d"><title>%s: %s</title></rect>`,
				i*p.width, p.width, height, h.At.Format(when), inWords(h))
		}
	}
	b.WriteString("</svg>")
	return template.HTML(b.String())
}

// data returns the numbers for page.js, bar by bar in the order of kinds; empty bars are left
// empty.
func (p plot) data() string {
	var b []byte
	for i, h := range p.Bars {
		if i > 0 {
			b = append(b, ' ')
		}
		if total(h) == 0 {
			continue
		}
		last := len(b)
		for k, kind := range kinds {
			if k > 0 {
				b = append(b, ',')
			}
			if n := kind.of(h); n > 0 {
				b = strconv.AppendInt(b, n, 10)
				last = len(b)
			}
		}
		b = b[:last]
	}
	return string(b)
}

// Sum describes the sum of all bars.
func (p plot) Sum() string { return inWords(p.sum()) }
