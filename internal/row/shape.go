package row

import (
	"math"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Shape is how a Date cell is shown. It does not affect the cell's serial.
type Shape uint8

// The shapes of Date cells. The values are stored.
const (
	// ShapeUnknown is the shape of cells stored by releases without shapes, and of the few texts
	// that fit both a date and a time. A serial below one year then counts as a time; as a date it
	// would be around 1900.
	ShapeUnknown  Shape = iota
	ShapeDate           // a date, with or without a time of day
	ShapeTime           // a time of day without a date
	ShapeDuration       // total hours, minutes and seconds: more than 24 hours, or negative
)

// unknownBelow is the serial, in days, below which a Date cell of unknown shape is a time.
const unknownBelow = 366

// ShownDate returns a Date cell with the given serial and the shape of the text that the sheet
// shows for it: 9612:00:00 is a duration, 11/1/1900 a date. Formats are free and in any language,
// so the numbers in the text are compared with the date, time and duration of the serial. If they
// fit none of these, as with other calendars or a formula recalculated between the two reads, a
// text whose numbers are all separated by colons is a time.
func ShownDate(serial float64, shown string) Cell {
	return Cell{Kind: Date, Num: serial, Shape: shapeOf(serial, shown)}
}

func shapeOf(serial float64, shown string) Shape {
	n := numbersOf(shown)
	if len(n.values) == 0 {
		return ShapeUnknown // only the name of a day or month
	}
	clock := n.clock()
	date, ofDay, duration := n.ofDate(serial), !n.negative && n.ofTime(serial), n.ofDuration(serial)
	switch {
	case date && (ofDay || duration) && !clock:
		return ShapeUnknown // such as "12" at midnight on the 12th
	case ofDay:
		return ShapeTime
	case duration:
		return ShapeDuration
	case date || !clock:
		return ShapeDate
	case n.negative || n.values[0] >= 24:
		return ShapeDuration
	}
	return ShapeTime
}

// numbers are the integers in a text that the sheet shows.
type numbers struct {
	values   []int64
	between  []string // the texts between them, one fewer than values
	negative bool     // a minus sign precedes the first
}

func numbersOf(shown string) (n numbers) {
	var gap strings.Builder
	inside := false // inside a number
	for _, r := range shown {
		if !unicode.IsDigit(r) {
			gap.WriteRune(r)
			inside = false
			continue
		}
		if !inside {
			if before := strings.TrimSpace(gap.String()); len(n.values) > 0 {
				n.between = append(n.between, before)
			} else {
				n.negative = strings.HasSuffix(before, "-") || strings.HasSuffix(before, "\u2212")
			}
			n.values = append(n.values, 0)
			gap.Reset()
			inside = true
		}
		last := &n.values[len(n.values)-1]
		*last = min(*last, math.MaxInt64/100)*10 + digit(r)
	}
	return n
}

// digit returns the value of a decimal digit of any script. Unicode lists the ten digits of a
// script in order.
func digit(r rune) int64 {
	zero := r
	for r-zero < 9 && unicode.IsDigit(zero-1) {
		zero--
	}
	return int64(r - zero)
}

// clock reports whether the text consists of a time only: 9:30, 26:30:00, 0:00:01.500.
func (n numbers) clock() bool {
	if len(n.between) == 0 || len(n.between) > 3 || n.between[0] != ":" {
		return false
	}
	return !slices.ContainsFunc(n.between[1:], func(s string) bool { return s != ":" && s != "." && s != "," })
}

// ofDate reports whether all numbers are parts of the serial's date.
func (n numbers) ofDate(serial float64) bool {
	t := DateCell(serial).Time(time.UTC)
	parts := []int64{int64(t.Day()), int64(t.Month()), int64(t.Year()), int64(t.Year() % 100)}
	return len(n.values) <= 3 && !slices.ContainsFunc(n.values, func(v int64) bool { return !slices.Contains(parts, v) })
}

// ofTime reports whether the numbers are the serial's time of day, on a 12- or 24-hour clock.
func (n numbers) ofTime(serial float64) bool {
	return eitherSecond(serial-math.Floor(serial), func(s int64) bool {
		s %= 24 * 60 * 60
		hour, minute, second := s/3600, s/60%60, s%60
		return n.begin(hour, minute, second) || n.begin((hour+11)%12+1, minute, second) || len(n.values) > 1 && n.begin(minute, second)
	})
}

// ofDuration reports whether the numbers are the serial as total hours, minutes or seconds.
func (n numbers) ofDuration(serial float64) bool {
	return eitherSecond(math.Abs(serial), func(s int64) bool {
		return n.begin(s/3600, s/60%60, s%60) || n.begin(s/60, s%60) || n.begin(s)
	})
}

// eitherSecond reports whether holds is true for a time in days, rounded down or up to the second.
func eitherSecond(days float64, holds func(seconds int64) bool) bool {
	seconds := days * 24 * 60 * 60
	if !(seconds < 1<<53) {
		return false
	}
	return holds(int64(math.Floor(seconds))) || holds(int64(math.Ceil(seconds)))
}

// begin reports whether the numbers are a prefix of parts, or all of parts followed by a fraction.
func (n numbers) begin(parts ...int64) bool {
	if len(n.values) == len(parts)+1 {
		return slices.Equal(n.values[:len(parts)], parts) && n.between[len(parts)-1] != ":"
	}
	return len(n.values) <= len(parts) && slices.Equal(n.values, parts[:len(n.values)])
}

// Shows reports whether a text can be what a sheet shows for the date, time or duration of a
// serial, judging by its numbers: whether all of them belong to the serial, or most, meaning two or
// more and at least half of them, as with another calendar or a recalculated time. Both are false
// for a text without numbers, such as the name of a weekday.
func Shows(serial float64, shown string) (all, most bool) {
	n := numbersOf(shown)
	if len(n.values) == 0 {
		return false, false
	}
	if n.ofDate(serial) || n.ofTime(serial) || n.ofDuration(serial) {
		return true, true
	}
	date := DateCell(serial).Time(time.UTC)
	parts := []int{date.Day(), int(date.Month()), date.Year(), date.Year() % 100, date.Hour(), (date.Hour()+11)%12 + 1, date.Minute(), date.Second()}
	own := 0
	for _, v := range n.values {
		if slices.Contains(parts, int(v)) {
			own++
		}
	}
	return own >= 2 && own == len(n.values), own >= 2 && 2*own >= len(n.values)
}
