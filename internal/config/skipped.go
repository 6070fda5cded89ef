package config

import (
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Zone returns the time zone of the line, UTC by default.
func (s Schedule) Zone() *time.Location {
	_, zone, err := checkZone(strings.TrimSpace(s.Text))
	if err != nil {
		return time.UTC // a checked line has a valid zone
	}
	return zone
}

// noRun is how far the runs before and after a skipped one must be for a warning: hourly zaps lose
// nothing.
const noRun = 6 * time.Hour

// Skipped returns a warning about the first run within a year after now that does not take place
// because clocks go forward. ok is false if there is none, or if the zap runs within noRun before
// or after it.
func (s Schedule) Skipped(now time.Time) (warning Diagnostic, ok bool) {
	spec, timed := s.Cron.(*cron.SpecSchedule)
	if !timed { // @every does not depend on the clock
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

// clockAt returns the local date and time of t as a time in UTC.
func clockAt(t time.Time) time.Time {
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	return time.Date(year, month, day, hour, minute, second, 0, time.UTC)
}
