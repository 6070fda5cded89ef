package config

import (
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Zone returns the time zone that the line names, UTC where it names none.
func (s Schedule) Zone() *time.Location {
	text := strings.TrimSpace(s.Text)
	if line, err := checkZone(text); err != nil || line == text {
		return time.UTC
	}
	_, rest, _ := strings.Cut(text, "=")
	name, _, _ := strings.Cut(rest, " ")
	zone, err := loadZone(name)
	if err != nil {
		return time.UTC // a checked line has a zone that loads
	}
	return zone
}

// noRun is for how long before and after the clocks go forward nothing else runs where that is worth a warning: a zap that is polled
// each hour or two loses nothing.
const noRun = 6 * time.Hour

// Skipped warns of the first run within a year after now that its zone leaves out because clocks go forward over it. ok is false where
// there is none, or where the zap is polled within hours before or after it.
func (s Schedule) Skipped(now time.Time) (warning Diagnostic, ok bool) {
	spec, timed := s.Cron.(*cron.SpecSchedule)
	if !timed { // @every counts from run to run
		return Diagnostic{}, false
	}
	wall := *spec
	wall.Location = time.UTC
	zone := s.Zone()
	for at, end := now.In(zone), now.AddDate(1, 0, 0); at.Before(end); {
		_, change := at.ZoneBounds()
		if change.IsZero() {
			return Diagnostic{}, false
		}
		before, after := clockAt(change.Add(-time.Second)).Add(time.Second), clockAt(change)
		at = change
		missing := wall.Next(before.Add(-time.Second))
		if !missing.Before(after) {
			continue
		}
		next := s.Cron.Next(change.Add(-time.Second))
		if last := s.Cron.Next(change.Add(-noRun)); last.Before(change) || next.Before(change.Add(noRun)) {
			continue
		}
		const stamp = "2006-01-02 15:04"
		return Diagnostic{
			Pos: s.Pos, Warning: true,
			Message: fmt.Sprintf("schedule: %s has no %s, because clocks go forward; the zap is not polled until %s",
				zone, missing.Format(stamp), next.In(zone).Format(stamp)),
			Suggestion: "choose a time that exists every day, or remove the zone to use UTC",
		}, true
	}
	return Diagnostic{}, false
}

// clockAt returns what the clocks of a time's zone show, as if they were in UTC.
func clockAt(t time.Time) time.Time {
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	return time.Date(year, month, day, hour, minute, second, 0, time.UTC)
}
