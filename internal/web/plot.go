package web

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"

	"github.com/rowtap/rowtap/internal/ledger"
)

// plot is outcomes by the hour, drawn as stacked bars. A script shows each hour's numbers under the pointer; without one, the big plots
// tell them by their bars' titles, the small ones their sums.
type plot struct {
	From   time.Time // beginning of its first hour
	Hours  []ledger.Hour
	Width  int // of a bar, with the space after it
	Height int
	Big    bool
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

// newPlot returns an empty plot of the last so many hours, the one that has begun included.
func newPlot(hours int, now time.Time) plot {
	p := plot{From: now.UTC().Truncate(time.Hour).Add(-time.Duration(hours-1) * time.Hour), Hours: make([]ledger.Hour, hours), Width: 4, Height: 24}
	for i := range p.Hours {
		p.Hours[i].At = p.From.Add(time.Duration(i) * time.Hour)
	}
	return p
}

// add adds the hours of a zap that the plot spans.
func (p plot) add(known []ledger.Hour) {
	for _, h := range known {
		if i := int(h.At.Sub(p.From) / time.Hour); !h.At.Before(p.From) && i < len(p.Hours) {
			addTo(&p.Hours[i], h)
		}
	}
}

// sum adds all hours up.
func (p plot) sum() (sum ledger.Hour) {
	for _, h := range p.Hours {
		addTo(&sum, h)
	}
	return sum
}

func addTo(sum *ledger.Hour, h ledger.Hour) {
	sum.Validated += h.Validated
	sum.Sent, sum.Skipped, sum.Failed, sum.Held = sum.Sent+h.Sent, sum.Skipped+h.Skipped, sum.Failed+h.Failed, sum.Held+h.Held
}

// inWords tells an hour's numbers: 120 sent, 3 failed.
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

func (p plot) most() (most int64) {
	for _, h := range p.Hours {
		most = max(most, total(h))
	}
	return most
}

// span is what the plot is of, in words.
func (p plot) span() string {
	if n := len(p.Hours); n > 24 {
		return fmt.Sprintf("last %d days", n/24)
	}
	return fmt.Sprintf("last %d hours", len(p.Hours))
}

// Label says what a plot shows, for who does not see it.
func (p plot) Label() string { return "Rows in the " + p.span() + ": " + inWords(p.sum()) }

// Empty tells whether nothing happened.
func (p plot) Empty() bool { return p.most() == 0 }

// svg draws the plot: for each kind a path of strokes as wide as the bars, in the big one a title for each hour.
func (p plot) svg() template.HTML {
	var b strings.Builder
	width := len(p.Hours) * p.Width
	class := "plot"
	if p.Big {
		class = "plot big"
	}
	fmt.Fprintf(&b, `<svg class="%s" viewBox="0 0 %d %d" preserveAspectRatio="none" role="img" aria-label="%s" stroke-width="%d" data-from="%d" data-hours="%s">`,
		class, width, p.Height, template.HTMLEscapeString(p.Label()), p.Width-1, p.From.Unix(), p.data())
	if !p.Big {
		fmt.Fprintf(&b, "<title>%s</title>", template.HTMLEscapeString(p.Label()))
	}
	paths := make([]strings.Builder, len(kinds))
	most := p.most()
	for i, h := range p.Hours {
		y := p.Height
		for k, kind := range kinds {
			n := kind.of(h)
			if n == 0 {
				continue
			}
			tall := max(1, int(n*int64(p.Height-len(kinds))/most)) // at least a pixel, of each kind
			y -= tall
			fmt.Fprintf(&paths[k], "M%g %dv%d", float64(i*p.Width)+float64(p.Width-1)/2, y, tall)
		}
	}
	for k, kind := range kinds {
		if paths[k].Len() > 0 {
			fmt.Fprintf(&b, `<path class="%s" d="%s"/>`, kind.class, paths[k].String())
		}
	}
	if p.Big {
		for i, h := range p.Hours {
			fmt.Fprintf(&b, `<rect class="hour" x="%d" width="%d" height="%d"><title>%s UTC: %s</title></rect>`,
				i*p.Width, p.Width, p.Height, h.At.Format("Jan 2, 15:04"), inWords(h))
		}
	}
	b.WriteString("</svg>")
	return template.HTML(b.String())
}

// data is the numbers for the script, hour by hour, in the order of kinds; hours without any are left empty.
func (p plot) data() string {
	var b []byte
	for i, h := range p.Hours {
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

// Words tells the sum of a plot.
func (p plot) Words() string { return inWords(p.sum()) }
