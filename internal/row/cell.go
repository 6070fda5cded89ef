package row

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Kind is the type of a cell as the spreadsheet stores it. A number typed into a cell formatted as
// text is Text.
type Kind uint8

// The kinds of cells.
const (
	Blank  Kind = iota
	Text        // also error cells, whose text is the error shown ("#REF!")
	Number      // an IEEE double, as in Sheets
	Bool
	Date // a number shown as a date, a time or both
)

// String returns the kind's name as operators read it.
func (k Kind) String() string {
	switch k {
	case Blank:
		return "blank"
	case Text:
		return "text"
	case Number:
		return "number"
	case Bool:
		return "boolean"
	case Date:
		return "date"
	}
	return "unknown"
}

// Cell is one typed value. The zero value is a blank cell. Cells are comparable with ==.
type Cell struct {
	Kind  Kind
	Shape Shape // how a Date is shown
	// Num is the value of a Number, 1 or 0 for a Bool, and the serial of a Date: days since
	// 1899-12-30 in the spreadsheet's time zone, with the time of day as the fraction
	// (https://developers.google.com/workspace/sheets/api/reference/rest/v4/DateTimeRenderOption).
	Num float64
	// Text is the value of a Text cell, unchanged.
	Text string
}

// TextCell returns a Text cell, or a blank cell if s is empty.
func TextCell(s string) Cell {
	if s == "" {
		return Cell{}
	}
	return Cell{Kind: Text, Text: s}
}

// NumberCell returns a Number cell.
func NumberCell(f float64) Cell { return Cell{Kind: Number, Num: f} }

// BoolCell returns a Bool cell.
func BoolCell(b bool) Cell {
	if b {
		return Cell{Kind: Bool, Num: 1}
	}
	return Cell{Kind: Bool}
}

// DateCell returns a Date cell of unknown shape with the given serial. See [ShownDate].
func DateCell(serial float64) Cell { return Cell{Kind: Date, Num: serial} }

// Blank reports whether a reader of the sheet would see nothing: no value, "" or only white space.
func (c Cell) Blank() bool {
	return c.Kind == Blank || c.Kind == Text && strings.TrimSpace(c.Text) == ""
}

// String returns the cell as it is inserted into text: numbers without exponent or trailing .0,
// booleans as TRUE and FALSE, dates as 2006-01-02 or 2006-01-02 15:04:05, times of day as 15:04:05,
// durations as 26:30:00.
func (c Cell) String() string {
	switch c.Kind {
	case Blank:
	case Text:
		return c.Text
	case Number:
		return strconv.FormatFloat(c.Num, 'f', -1, 64)
	case Bool:
		if c.Num != 0 {
			return "TRUE"
		}
		return "FALSE"
	case Date:
		t := c.Time(time.UTC)
		switch {
		case c.Shape == ShapeTime:
			return t.Format("15:04:05")
		case c.Clock():
			return c.clock()
		case t.Hour() == 0 && t.Minute() == 0 && t.Second() == 0:
			return t.Format("2006-01-02")
		}
		return t.Format("2006-01-02 15:04:05")
	}
	return ""
}

// Clock reports whether a Date cell is a time of day or a duration rather than a date, judging by
// its shape.
func (c Cell) Clock() bool {
	if c.Shape == ShapeUnknown {
		return c.Kind == Date && math.Abs(c.Num) < unknownBelow
	}
	return c.Kind == Date && c.Shape != ShapeDate
}

// clock formats a duration as hours, minutes and seconds.
func (c Cell) clock() string {
	sign, seconds := "", int64(math.Round(c.Num*86400))
	if seconds < 0 {
		sign, seconds = "-", -seconds
	}
	return fmt.Sprintf("%s%02d:%02d:%02d", sign, seconds/3600, seconds/60%60, seconds%60)
}

// ErrorText reports whether a cell shows an error or is still loading. The Sheets API sends such
// cells as their displayed text
// (https://developers.google.com/workspace/sheets/api/reference/rest/v4/spreadsheets/other#ErrorType).
func (c Cell) ErrorText() bool {
	if c.Kind != Text {
		return false
	}
	switch c.Text {
	case "#REF!", "#N/A", "#ERROR!", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!", "Loading...", "Loading…":
		return true
	}
	return false
}

// Time returns the time of a Date cell in loc, rounded to the second. A time skipped by daylight
// saving becomes an hour later, as in [time.Date].
func (c Cell) Time(loc *time.Location) time.Time {
	days := math.Floor(c.Num)
	seconds := math.Round((c.Num - days) * 86400)
	return time.Date(1899, 12, 30+int(days), 0, 0, int(seconds), 0, loc)
}
