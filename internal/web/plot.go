package web

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"

	"github.com/rowtap/rowtap/internal/ledger"
)

// plot is rows by the hour or the day, drawn as stacked bars. A script shows each bar's numbers under the pointer; without one, the big
// plots have them as their bars' titles, the small ones their sums.
type plot struct {
	span
	From time.Time // beginning of its first bar
	Bars []ledger.Hour
	Big  bool
}

// span is the time that a plot shows.
type span struct {
	Name   string // in an address; "": it is shown without being asked for
	Words  string
	bars   int
	bar    time.Duration // that one stands for
	labels int           // bars from one label of the axis to the next
	width  int           // of a bar, with the space after it
}

var spans = []span{
	{"", "last 24 hours", 24, time.Hour, 6, 8},
	{"7d", "last 7 days", 7 * 24, time.Hour, 24, 5},
	{"30d", "last 30 days", 30, 24 * time.Hour, 5, 8},
}

// spanOf returns the span of a name, the last 24 hours if it has none.
func spanOf(name string) span {
	for _, s := range spans {
		if s.Name == name {
			return s
		}
	}
	return spans[0]
}

// choices are the links to the pages with other spans.
func (s span) choices(link func(name string) string) []stateTab {
	tabs := make([]stateTab, len(spans))
	for i, other := range spans {
		tabs[i] = stateTab{Name: strings.TrimPrefix(other.Words, "last "), Path: link(other.Name), On: other.Name == s.Name}
	}
	return tabs
}

// kinds are what a plot tells apart, from the bottom up, by the classes that give them their colours.
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

// newPlot returns an empty plot of a span that ends with the hour, or UTC day, that has begun.
func newPlot(of span, now time.Time, big bool) plot {
	p := plot{span: of, From: now.UTC().Truncate(of.bar).Add(-time.Duration(of.bars-1) * of.bar), Bars: make([]ledger.Hour, of.bars), Big: big}
	for i := range p.Bars {
		p.Bars[i].At = p.From.Add(time.Duration(i) * of.bar)
	}
	return p
}

// add adds the hours of a zap that the plot spans.
func (p plot) add(known []ledger.Hour) {
	for _, h := range known {
		if i := int(h.At.Sub(p.From) / p.bar); !h.At.Before(p.From) && i < len(p.Bars) {
			addTo(&p.Bars[i], h)
		}
	}
}

// sum adds all hours up.
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

// inWords tells numbers of rows: 120 sent, 3 failed.
func inWords(h ledger.Hour) string {
	var parts []string
	for _, k := range kinds {
		if n := k.of(h); n > 0 {
			parts = append(parts, thousands(n)+" "+k.name)
		}
	}
	if len(parts) == 0 {
		return "no rows"
	}
	return strings.Join(parts, ", ")
}

func total(h ledger.Hour) int64 { return h.Sent + h.Validated + h.Skipped + h.Held + h.Failed }

// Most is the highest bar's number of rows.
func (p plot) Most() (most int64) {
	for _, h := range p.Bars {
		most = max(most, total(h))
	}
	return most
}

// Axis is when the bars above its labels begin.
func (p plot) Axis() (at []time.Time) {
	for i := 0; i < len(p.Bars); i += p.labels {
		at = append(at, p.Bars[i].At)
	}
	return at
}

// ByDay tells whether a bar is a UTC day.
func (p plot) ByDay() bool { return p.bar > time.Hour }

// Hourly tells whether the axis is labelled with hours.
func (p plot) Hourly() bool { return time.Duration(p.labels)*p.bar < 24*time.Hour }

// Label says what a plot shows, for who does not see it.
func (p plot) Label() string { return "Rows in the " + p.Words + ": " + inWords(p.sum()) }

// Empty tells whether nothing happened.
func (p plot) Empty() bool { return p.Most() == 0 }

// svg draws the plot: for each kind a path of strokes as wide as the bars, in the big one a title for each hour.
func (p plot) svg() template.HTML {
	var b strings.Builder
	height, class := 24, "plot"
	if p.Big {
		height, class = 96, "plot big"
	}
	fmt.Fprintf(&b, `<svg class="%s" viewBox="0 0 %d %d" preserveAspectRatio="none" role="img" aria-label="%s" stroke-width="%d" data-from="%d" data-bar="%d" data-rows="%s">`,
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
			tall := max(1, int(n*int64(height-len(kinds))/most)) // at least a pixel, of each kind
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
			fmt.Fprintf(&b, `<rect class="hour" x="%d" width="%d" height="%d"><title>%s: %s</title></rect>`, i*p.width, p.width, height, h.At.Format(when), inWords(h))
		}
	}
	b.WriteString("</svg>")
	return template.HTML(b.String())
}

// data is the numbers for the script, bar by bar, in the order of kinds; bars without any are left empty.
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

// Sum tells the sum of a plot.
func (p plot) Sum() string { return inWords(p.sum()) }
