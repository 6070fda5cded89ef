package cli

import (
	"io"
	"regexp"
	"time"
)

// clock formats times for people: in local time on a terminal, in UTC elsewhere and with --utc,
// always with the name of the zone.
type clock struct{ zone *time.Location }

func (g *globals) clock(out io.Writer) clock {
	if g.utc || !interactive(out) {
		return clock{time.UTC}
	}
	return clock{time.Local}
}

const stamp = "2006-01-02 15:04:05 MST"

// shown formats a time to the second; "-" for nil and zero times.
func (c clock) shown(t *time.Time) string {
	if t == nil || t.IsZero() {
		return "-"
	}
	return t.In(c.zone).Format(stamp)
}

// stamps matches the times in texts from the daemon, such as an operator's notes.
var stamps = regexp.MustCompile(`\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2} UTC`)

// text converts the times in a text from the daemon to the clock's zone, so that no line mixes
// zones.
func (c clock) text(s string) string {
	return stamps.ReplaceAllStringFunc(s, func(found string) string {
		t, err := time.Parse(stamp, found)
		if err != nil {
			return found
		}
		return c.shown(&t)
	})
}
