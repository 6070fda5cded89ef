package mapping

import (
	"sync"
	"time"

	"github.com/rowtap/rowtap/internal/row"
)

// cellTime returns the time of a date cell in a time zone. Expressions see only a [time.Time], so
// the shape of a cell travels in its zone, a copy made for that shape. Most cells need none,
// because their shape follows from the time.
func cellTime(c row.Cell, zone *time.Location) time.Time {
	if c.Clock() != row.DateCell(c.Num).Clock() || c.Shape == row.ShapeTime && !(c.Num >= 0 && c.Num < 1) {
		zone = shapes.zone(zone, c.Shape)
	}
	return c.Time(zone)
}

// timeCell returns the date cell that shows a time, in its own zone.
func timeCell(t time.Time) row.Cell {
	zero := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)
	wall := time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
	c := row.DateCell(float64(wall.Unix()-zero.Unix()) / 86400)
	c.Shape = shapes.of(t.Location())
	return c
}

// shapes holds the zones made so far: a few for each time zone of a spreadsheet.
var shapes shapedZones

type shapedZones struct {
	mu     sync.Mutex
	zones  map[shapedZone]*time.Location
	shapes map[*time.Location]row.Shape
}

type shapedZone struct {
	zone  *time.Location
	shape row.Shape
}

// zone returns a copy of a zone that carries a shape.
func (s *shapedZones) zone(of *time.Location, shape row.Shape) *time.Location {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := shapedZone{of, shape}
	if s.zones[key] == nil {
		if s.zones == nil {
			s.zones, s.shapes = map[shapedZone]*time.Location{}, map[*time.Location]row.Shape{}
		}
		zone := *of
		s.zones[key], s.shapes[&zone] = &zone, shape
	}
	return s.zones[key]
}

// of returns the shape that a zone carries.
func (s *shapedZones) of(zone *time.Location) row.Shape {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shapes[zone]
}
