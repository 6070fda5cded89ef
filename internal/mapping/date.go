package mapping

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// dates says how the values of a property are parsed as dates. The zero value accepts the forms
// that need no format, in UTC.
type dates struct {
	formats []*dateFormat  // tried in this order
	zone    *time.Location // for text without a zone; nil: UTC
	birth   bool           // birth dates, which cannot be in the future
}

// of returns a value of a row as a date.
func (d dates) of(v value, e *evaluation) (time.Time, *fault) {
	switch v.kind {
	case date:
		return v.at, nil
	case number:
		if len(d.formats) == 0 {
			return epoch(v.num)
		}
		return d.parse(formatNumber(v.num), time.UTC, e.ctx.DetectedAt)
	case text:
		zone := time.UTC
		if v.wall {
			zone = e.zone()
		}
		return d.parse(v.text, zone, e.ctx.DetectedAt)
	case blank, boolean, timeOfDay, list, object:
	}
	return time.Time{}, faultf("%s, not a date", v.kind)
}

// maxDate is the longest text that is parsed as a date, in bytes.
const maxDate = 100

// parse parses text as a date. If the property has formats, only those are tried. Otherwise it
// accepts the forms that CleverTap's Zapier app documents (https://docs.clevertap.com/docs/zapier):
// Unix epoch seconds, ISO 8601, short (2018-03-5 15:16:0) and long (Monday, March 05, 2018
// 15:16:0); and the form of CleverTap's date properties ($D_1521611063). zone applies to text
// without a zone, unless the property sets one. detected is when the row was found, or the zero
// time.
func (d dates) parse(s string, zone *time.Location, detected time.Time) (time.Time, *fault) {
	if d.zone != nil {
		zone = d.zone
	}
	s = strings.TrimSpace(s)
	formats := d.formats
	switch {
	case s == "" || len(s) > maxDate:
		formats = nil
	case len(formats) > 0:
	case digits(s):
		return epochText(s)
	case strings.HasPrefix(s, "$D_"):
		return cleverTapDate(s[len("$D_"):])
	default:
		formats = []*dateFormat{&isoDates, &longDates}
	}
	var t time.Time
	ok, weekday, birth := false, true, false
	for _, f := range formats {
		if read, fits, right := f.parse(s, zone); fits && (right || !ok) {
			t, ok, weekday, birth = read, true, right, d.birth && f.birth
		}
		if ok && weekday {
			break
		}
	}
	switch {
	case ok && !weekday:
		return t, faultf("the weekday does not match the date").withHint("correct the weekday or the date")
	case ok && birth && !detected.IsZero() && t.After(detected):
		return t, faultf("a birth date in the future, from a two-digit year").withHint("write the year with four digits, and give the property a format with yyyy")
	case !ok && len(d.formats) > 0:
		return t, faultf("not a date in the property's format %s", d.formatNames())
	case !ok && anyOrder(s):
		return t, faultf("an ambiguous date: which of its numbers is the day?").
			withHint("give the property a format, such as type: date, format: dd/MM/yyyy")
	case !ok:
		return t, faultf("not a date in a known form").
			withHint("write it as 2018-03-05, 2018-03-05 15:16:00 or 2018-03-05T15:16:00Z, or give the property type: date and a format")
	}
	if t.Year() < minYear {
		return t, faultf("a date before the year %d", minYear)
	}
	return t, nil
}

// formatNames lists the formats of a property for a message.
func (d dates) formatNames() string {
	names := make([]string, len(d.formats))
	for i, f := range d.formats {
		names[i] = strconv.Quote(f.source)
	}
	return strings.Join(names, " or ")
}

// minYear is the first year that a date in text may have. Earlier years have fewer than four
// digits.
const minYear = 1000

// The range of numbers that are accepted as Unix times. Lower numbers are serial dates of a
// spreadsheet; higher ones are milliseconds, or not times at all.
const (
	minEpoch = 86400      // 1970-01-02
	maxEpoch = 4102444800 // 2100-01-01

	minMilliseconds = 1e11 // 1973-03-03; with fewer digits it could be a phone number
	// 2001-09-09; with fewer digits it could be a phone number with country code.
	certainMilliseconds = 1e12
)

// epoch parses a number as Unix epoch seconds, or as milliseconds if it can be nothing else. It
// drops the fraction of a second of milliseconds.
func epoch(seconds float64) (time.Time, *fault) {
	switch {
	case seconds >= minEpoch && seconds < maxEpoch:
		if seconds == math.Trunc(seconds) && compactDate(strconv.FormatInt(int64(seconds), 10)) {
			return time.Time{}, compactFault()
		}
		return time.Unix(int64(seconds), 0).UTC(), nil
	case seconds >= certainMilliseconds && seconds < maxEpoch*1000:
		return time.Unix(int64(seconds/1000), 0).UTC(), nil
	case seconds >= minMilliseconds && seconds < certainMilliseconds:
		return time.Time{}, millisecondsFault()
	case seconds > 0 && seconds < minEpoch:
		return time.Time{}, faultf("a number too small for Unix epoch seconds").
			withHint("if other cells of the column are dates, format this one as a date (Format › Number › Date)")
	}
	return time.Time{}, faultf("a number that is not Unix epoch seconds between 1970 and 2100")
}

// epochText parses digits as Unix epoch seconds.
func epochText(s string) (time.Time, *fault) {
	if compactDate(s) {
		return time.Time{}, compactFault()
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return time.Time{}, faultf("a number that is not Unix epoch seconds between 1970 and 2100")
	}
	return epoch(float64(n))
}

// cleverTapDate parses what follows $D_ in CleverTap's date properties
// (https://developer.clevertap.com/docs/api-faqs): seconds, which may be negative for dates before
// 1970.
func cleverTapDate(s string) (time.Time, *fault) {
	n, err := strconv.ParseInt(s, 10, 64)
	if t := time.Unix(n, 0).UTC(); err == nil && t.Year() >= minYear && t.Year() <= 9999 {
		return t, nil
	}
	return time.Time{}, faultf("$D_ is not followed by Unix epoch seconds")
}

func millisecondsFault() *fault {
	return faultf("could be Unix milliseconds or a phone number").
		withHint("divide it by 1000, in the sheet or in the mapping: {{ int(Column / 1000) }}")
}

// compactDate reports whether eight digits are a plausible date, such as 20180305. They are also
// valid epoch seconds, in 1970.
func compactDate(s string) bool {
	if len(s) != len("20060102") {
		return false
	}
	t, err := time.Parse("20060102", s)
	return err == nil && t.Year() >= 1900 && t.Year() <= 2100
}

func compactFault() *fault {
	return faultf("could be a date such as 20180305 or Unix epoch seconds").
		withHint("give the property a format: type: date, format: yyyyMMdd")
}

// anyOrder reports whether s begins with three numbers separated by / . or -, so that any of them
// could be the day. ISO 8601 dates do not count.
func anyOrder(s string) bool {
	numbers := strings.FieldsFunc(s, func(r rune) bool { return r == '/' || r == '.' || r == '-' })
	if len(numbers) < 3 || len(numbers[0]) == 4 && s[4] == '-' {
		return false
	}
	last := numbers[2]
	if i := strings.IndexFunc(last, func(r rune) bool { return r < '0' || r > '9' }); i > 0 {
		last = last[:i]
	}
	return digits(numbers[0]) && digits(numbers[1]) && digits(last)
}
