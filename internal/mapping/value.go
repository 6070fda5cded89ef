package mapping

import (
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/rowtap/rowtap/internal/row"
)

// value is the result of a template for a row.
type value struct {
	kind kind
	num  float64 // of number; of boolean, 1 or 0
	// text is that of text; of number, its digits if num cannot hold them; of object, its JSON once
	// coerced.
	text string
	at   time.Time // of date and timeOfDay, in the zone in which it is shown
	data any       // the result of an expression: of list, a slice; of object, a map

	items []string // of list, once coerced

	// wall marks a text made of date cells alone, such as "{{Day}} {{Time}}". It is in the time
	// zone of the spreadsheet.
	wall bool
	// allBlank marks a text whose parts in braces were all blank.
	allBlank bool
}

type kind uint8

const (
	blank kind = iota
	text
	number
	boolean
	date
	timeOfDay // a time without a day, or a duration
	list
	object
)

// String returns the kind as messages call it.
func (k kind) String() string {
	switch k {
	case blank:
		return "blank"
	case text:
		return "text"
	case number:
		return "a number"
	case boolean:
		return "a boolean"
	case date:
		return "a date"
	case timeOfDay:
		return "a time without a day"
	case list:
		return "a list"
	case object:
		return "an object"
	}
	return "unknown"
}

func textValue(s string) value {
	if strings.TrimSpace(s) == "" {
		return value{}
	}
	return value{kind: text, text: s}
}

func booleanValue(b bool) value {
	if b {
		return value{kind: boolean, num: 1}
	}
	return value{kind: boolean}
}

// The serial numbers of 0001-01-01 and of the end of 9999, the range of valid dates.
const (
	firstSerial = -693593
	lastSerial  = 2958466
)

// cellValue returns the value of a cell. zone is the time zone of the spreadsheet.
func cellValue(c row.Cell, zone *time.Location) (value, *fault) {
	switch c.Kind {
	case row.Text:
		if c.ErrorText() {
			return value{}, faultf("the cell shows an error, or is still loading").
				withHint("fix the formula or wrap it in IFERROR(…), and rowtap retries the row")
		}
		return textValue(c.Text), nil
	case row.Number:
		return numberValue(c.Num)
	case row.Bool:
		return value{kind: boolean, num: c.Num}, nil
	case row.Date:
		if !(c.Num >= firstSerial && c.Num < lastSerial) {
			return value{}, faultf("the date is not between the years 1 and 9999")
		}
		return timeValue(c, cellTime(c, zone)), nil
	case row.Blank:
	}
	return value{}, nil
}

// timeValue returns the value of a date cell, whose time is t.
func timeValue(c row.Cell, t time.Time) value {
	if c.Clock() {
		return value{kind: timeOfDay, at: t, text: c.String()}
	}
	return value{kind: date, at: t}
}

func numberValue(f float64) (value, *fault) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return value{}, faultf("the result is infinite or not a number").withHint("look for a division by zero or by a blank cell")
	}
	return value{kind: number, num: f}, nil
}

// wholeValue returns an integer, with its digits if a float64 would lose some.
func wholeValue(n int64) value {
	v := value{kind: number, num: float64(n)}
	if n > maxExact || n < -maxExact {
		v.text = strconv.FormatInt(n, 10)
	}
	return v
}

// digits returns a number for text and JSON, without an exponent or a trailing .0.
func (v value) digits() string {
	if v.text != "" {
		return v.text
	}
	return formatNumber(v.num)
}

// goValue returns the result of an expression as a value.
func goValue(v any) (value, *fault) {
	switch v := v.(type) {
	case nil:
		return value{}, nil
	case string:
		return textValue(v), nil
	case bool:
		return booleanValue(v), nil
	case float64:
		return numberValue(v)
	case int:
		return wholeValue(int64(v)), nil
	case time.Time:
		return timeValue(timeCell(v), v), nil
	case time.Duration:
		return value{}, faultf("the expression gives a duration").withHint("write (…).Hours() or (…).Seconds() to get a number")
	}
	r := reflect.ValueOf(v)
	switch {
	case r.CanInt():
		return wholeValue(r.Int()), nil
	case r.CanUint() && r.Uint() <= math.MaxInt64:
		return wholeValue(int64(r.Uint())), nil
	case r.CanUint():
		return numberValue(float64(r.Uint()))
	case r.CanFloat():
		return numberValue(r.Float())
	case r.Kind() == reflect.Slice || r.Kind() == reflect.Array:
		return value{kind: list, data: v}, nil
	case r.Kind() == reflect.Map:
		return value{kind: object, data: v}, nil
	}
	return value{}, faultf("the expression gives %s, which CleverTap has no type for", typeName(r.Type()))
}

// typeName returns the name of a Go type as messages call it.
func typeName(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[time.Time]():
		return date.String()
	case reflect.TypeFor[time.Duration]():
		return "a duration"
	}
	switch k := t.Kind(); {
	case k == reflect.String:
		return text.String()
	case k == reflect.Bool:
		return boolean.String()
	case k == reflect.Slice || k == reflect.Array:
		return list.String()
	case k == reflect.Map:
		return object.String()
	case k >= reflect.Int && k <= reflect.Float64:
		return number.String()
	}
	return "a value of another type"
}

// string returns the value as text.
func (v value) string() (string, *fault) {
	switch v.kind {
	case text:
		return v.text, nil
	case number:
		return v.digits(), nil
	case boolean:
		if v.num != 0 {
			return "TRUE", nil
		}
		return "FALSE", nil
	case date:
		if v.at.Hour() == 0 && v.at.Minute() == 0 && v.at.Second() == 0 {
			return v.at.Format("2006-01-02"), nil
		}
		return v.at.Format("2006-01-02 15:04:05"), nil
	case timeOfDay:
		return v.text, nil
	case list, object:
		return "", faultf("the expression gives %s, which cannot be text", v.kind).withHint("use join(…) for a list, toJSON(…) for anything")
	case blank:
	}
	return "", nil
}

func formatNumber(f float64) string { return strconv.FormatFloat(f+0, 'f', -1, 64) }

// maxExact is the largest integer up to which a float64 holds every integer.
const maxExact = 1 << 53

// isExactInteger reports whether f is an integer that a cell holds exactly.
func isExactInteger(f float64) bool { return f == math.Trunc(f) && math.Abs(f) <= maxExact }
