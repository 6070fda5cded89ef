package row

import (
	"regexp"
	"strconv"
	"sync"
	"time"
)

var offsetZone = regexp.MustCompile(`^GMT([+-])(\d{1,2}):?(\d{2})$`)

// Zone returns the time zone with the name that the Sheets API gives for a spreadsheet: an IANA
// name, or an offset such as GMT-07:00
// (https://developers.google.com/workspace/sheets/api/reference/rest/v4/spreadsheets#SpreadsheetProperties).
// "" is UTC. ok is false for any other name.
func Zone(name string) (zone *time.Location, ok bool) {
	if known, ok := zones.Load(name); ok {
		return known.(*time.Location), true
	}
	zone, ok = findZone(name)
	if ok {
		zones.Store(name, zone)
	}
	return zone, ok
}

// zones caches zones by name: looking one up reads a file, and every row needs its zone.
var zones sync.Map

func findZone(name string) (zone *time.Location, ok bool) {
	if m := offsetZone.FindStringSubmatch(name); m != nil {
		hours, _ := strconv.Atoi(m[2]) // matched as digits, like minutes
		minutes, _ := strconv.Atoi(m[3])
		seconds := (hours*60 + minutes) * 60
		if m[1] == "-" {
			seconds = -seconds
		}
		return time.FixedZone(name, seconds), hours < 24 && minutes < 60
	}
	zone, err := time.LoadLocation(name)
	return zone, err == nil && name != "Local"
}
