package cli

import (
	"io"
	"regexp"
	"time"
)

// clock writes times for people: in the reader's own zone on a terminal, in UTC elsewhere and with --utc, always with the zone's name.
type clock struct{ zone *time.Location }

func (g *globals) clock(out io.Writer) clock {
	if g.utc || !interactive(out) {
		return clock{time.UTC}
	}
	return clock{time.Local}
}

const stamp = "2006-01-02 15:04:05 MST"

// shown is a time to the second; "-" where there is none.
func (c clock) shown(t *time.Time) string {
	if t == nil || t.IsZero() {
		return "-"
	}
	return t.In(c.zone).Format(stamp)
}

// stamps are the times in texts of the daemon and of the ledger, such as an operator's notes.
var stamps = regexp.MustCompile(`\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2} UTC`)

// text is a text of the daemon with its times in the reader's zone, so that no line mixes two.
func (c clock) text(s string) string {
	return stamps.ReplaceAllStringFunc(s, func(found string) string {
		t, err := time.Parse(stamp, found)
		if err != nil {
			return found
		}
		return c.shown(&t)
	})
}
