package mapping

import (
	"strings"
	"time"
)

// conflict returns a text that both formats parse, but as different dates or times, so that their
// order would decide; "" if it finds none. It tries what each format writes for dates that are
// easily confused. It skips what ISO writes, because only ISO has optional parts.
func (f *dateFormat) conflict(g *dateFormat) string {
	for _, t := range confusableTimes() {
		for _, pair := range [][2]*dateFormat{{f, g}, {g, f}} {
			if pair[0] == &isoDates {
				continue
			}
			for _, long := range []bool{true, false} {
				text := written(pair[0].forms[0], t, long)
				own, ok := pair[0].reads(text)
				if !ok {
					continue
				}
				if other, ok := pair[1].reads(text); ok && !other.Equal(own) {
					return text
				}
			}
		}
	}
	return ""
}

// reads parses a text in this format.
func (f *dateFormat) reads(text string) (time.Time, bool) {
	t, ok, weekday := f.parse(text, time.UTC)
	return t, ok && weekday && t.Year() >= minYear
}

// confusableTimes returns times whose day, month, year, hour and minute could each be mistaken for
// another, also without separators (20101012 is 12 October 2010 or 20 October 1012). 11 July and 7
// November fall on the same weekday.
func confusableTimes() []time.Time {
	var all []time.Time
	for _, year := range []int{2003, 2010, 2012, 2031} {
		for _, month := range []time.Month{4, 7, 10, 11, 12} {
			for _, day := range []int{5, 7, 10, 11, 12, 20} {
				for _, clock := range []int{3*60 + 12, 12*60 + 10, 20*60 + 11} {
					all = append(all, time.Date(year, month, day, 0, clock, 9, 0, time.UTC))
				}
			}
		}
	}
	return all
}

// written formats a time to the second. long selects padded numbers and full names.
func written(pieces []formatPiece, t time.Time, long bool) string {
	var b strings.Builder
	for _, p := range pieces {
		b.WriteString(p.written(t, long))
	}
	return b.String()
}

func (p formatPiece) written(t time.Time, long bool) string {
	if p.token == nil {
		return p.text
	}
	text := t.Format(p.token.layout)
	switch {
	case long, p.fixed, p.token.field == yearField:
	case p.token.digits == 2:
		text = strings.TrimPrefix(text, "0")
	case p.token.digits == 0:
		text = text[:min(len(text), len("Jan"))]
	}
	return text
}
