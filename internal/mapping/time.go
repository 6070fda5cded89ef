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
		zone = withShape(zone, c.Shape)
	}
	return c.Time(zone)
}

// timeCell returns the date cell that shows a time, in its own zone.
func timeCell(t time.Time) row.Cell {
	zero := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)
	wall := time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
	c := row.DateCell(float64(wall.Unix()-zero.Unix()) / 86400)
	if shape, ok := shapes.Load(t.Location()); ok {
		c.Shape = shape.(row.Shape)
	}
	return c
}

// The zones made so far, a few for each time zone of a spreadsheet, and the shapes that they carry.
var (
	zones  sync.Map // shapedZone to *time.Location
	shapes sync.Map // *time.Location to row.Shape
)

type shapedZone struct {
	zone  *time.Location
	shape row.Shape
}

// withShape returns a copy of a zone that carries a shape.
func withShape(zone *time.Location, shape row.Shape) *time.Location {
	key := shapedZone{zone, shape}
	made, ok := zones.Load(key)
	if !ok {
		fresh := *zone
		shapes.Store(&fresh, shape)
		made, _ = zones.LoadOrStore(key, &fresh)
	}
	return made.(*time.Location)
}
