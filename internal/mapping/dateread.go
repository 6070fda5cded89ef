package mapping

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// dateText is a text that a format is parsing.
type dateText struct {
	rest string
	// Months count from 1. halfDayField is 0 for AM and 12 for PM.
	fields  [dateFields]int
	weekday time.Weekday
	named   bool           // the text has a weekday
	zone    *time.Location // nil: the text has none
}

// parse parses s. zone applies to text without a zone. weekday is false if s has a weekday that
// does not match the date.
func (f *dateFormat) parse(s string, zone *time.Location) (t time.Time, ok, weekday bool) {
	for _, pieces := range f.forms {
		d := dateText{rest: s}
		if !d.read(pieces) {
			continue
		}
		if t, ok := d.time(zone); ok {
			return t, true, !d.named || d.weekday == t.Weekday()
		}
	}
	return time.Time{}, false, false
}

// read parses the whole text.
func (d *dateText) read(pieces []formatPiece) bool {
	for i := 0; i < len(pieces); {
		before := *d
		switch {
		case d.piece(pieces, i):
			i++
		case pieces[i].optional > 0:
			*d = before
			i += pieces[i].optional
		default:
			return false
		}
	}
	return d.rest == ""
}

// piece parses one piece of a format.
func (d *dateText) piece(pieces []formatPiece, i int) bool {
	p := pieces[i]
	if p.token == nil {
		return d.literal(p.text)
	}
	field := &d.fields[p.token.field]
	switch p.token.field {
	case yearField, fractionField:
		if !d.digits(field, p.token.digits, p.token.digits) {
			return false
		}
		if p.token.name == "yy" {
			*field += century(*field)
		}
		return true
	case monthField:
		if p.token.digits == 0 {
			return d.word(field, monthNames)
		}
		return d.shortDigits(field, p.fixed)
	case secondField:
		if !d.shortDigits(field, p.fixed) {
			return false
		}
		if !splitSecond(pieces[i+1:]) {
			d.fraction()
		}
		return true
	case dayField, hourField, halfHourField, minuteField:
		return d.shortDigits(field, p.fixed)
	case halfDayField:
		return d.word(field, halfDays)
	case weekdayField:
		n := 0
		d.named = d.word(&n, weekdayNames)
		d.weekday = time.Weekday(n)
		return d.named
	case zoneField:
		return d.offset()
	case dateFields:
	}
	return false
}

// literal parses the text between fields. White space matches any white space, and letters match
// either case.
func (d *dateText) literal(text string) bool {
	for text != "" {
		want, size := utf8.DecodeRuneInString(text)
		if unicode.IsSpace(want) {
			text = strings.TrimLeftFunc(text, unicode.IsSpace)
			rest := strings.TrimLeftFunc(d.rest, unicode.IsSpace)
			if rest == d.rest {
				return false
			}
			d.rest = rest
			continue
		}
		_, length := utf8.DecodeRuneInString(d.rest)
		if !strings.EqualFold(d.rest[:length], text[:size]) {
			return false
		}
		d.rest, text = d.rest[length:], text[size:]
	}
	return true
}

// shortDigits parses a field of one or two digits; of exactly two if fixed.
func (d *dateText) shortDigits(into *int, fixed bool) bool {
	if fixed {
		return d.digits(into, 2, 2)
	}
	return d.digits(into, 1, 2)
}

// digits parses a number of fewest to most digits.
func (d *dateText) digits(into *int, fewest, most int) bool {
	n := 0
	for *into = 0; n < most && n < len(d.rest) && '0' <= d.rest[n] && d.rest[n] <= '9'; n++ {
		*into = *into*10 + int(d.rest[n]-'0')
	}
	d.rest = d.rest[n:]
	return n >= fewest
}

// fraction skips the fraction of a second, if there is one.
func (d *dateText) fraction() {
	if len(d.rest) < 2 || d.rest[0] != '.' && d.rest[0] != ',' || !digits(d.rest[1:2]) {
		return
	}
	d.rest = strings.TrimLeft(d.rest[1:], "0123456789")
}

// splitSecond reports whether the next field of a format is the fraction of a second.
func splitSecond(pieces []formatPiece) bool {
	for _, p := range pieces {
		if p.token != nil {
			return p.token.field == fractionField
		}
	}
	return false
}

// century returns the century of a two-digit year: 2000 to 2068, 1969 to 1999, as in POSIX
// (https://pubs.opengroup.org/onlinepubs/9799919799/functions/strptime.html).
func century(year int) int {
	if year < 69 {
		return 2000
	}
	return 1900
}

// dateWord is a word and the number it means.
type dateWord struct {
	word string
	n    int
}

var (
	monthNames   = append(names(12, 1, func(n int) string { return time.Month(n).String() }), dateWord{"Sept", 9})
	weekdayNames = names(7, 0, func(n int) string { return time.Weekday(n).String() })
	halfDays     = []dateWord{{"AM", 0}, {"PM", 12}}
)

// names lists n names from first on, each in full and with three letters.
func names(n, first int, name func(int) string) []dateWord {
	var all []dateWord
	for i := first; i < first+n; i++ {
		all = append(all, dateWord{name(i), i}, dateWord{name(i)[:3], i})
	}
	return all
}

// word parses the longest matching word, in either case.
func (d *dateText) word(into *int, words []dateWord) bool {
	length := 0
	for _, w := range words {
		if n := len(w.word); n > length && n <= len(d.rest) && strings.EqualFold(d.rest[:n], w.word) {
			*into, length = w.n, n
		}
	}
	d.rest = d.rest[length:]
	return length > 0
}

var utcWords = []dateWord{{"UTC", 0}, {"GMT", 0}, {"Z", 0}}

// maxOffset is the largest offset of a time zone, in minutes.
const maxOffset = 14 * 60

// offset parses a time zone after optional white space: +05:30, +0530, +05, Z, UTC or GMT.
func (d *dateText) offset() bool {
	d.rest = strings.TrimLeftFunc(d.rest, unicode.IsSpace)
	minutes := 0
	if d.word(&minutes, utcWords) {
		d.zone = time.UTC
		return true
	}
	if d.rest == "" || d.rest[0] != '+' && d.rest[0] != '-' {
		return false
	}
	sign := 1
	if d.rest[0] == '-' {
		sign = -1
	}
	d.rest = d.rest[1:]
	hours := 0
	if !d.digits(&hours, 2, 2) {
		return false
	}
	colon := strings.HasPrefix(d.rest, ":")
	d.rest = strings.TrimPrefix(d.rest, ":")
	if (colon || d.rest != "" && digits(d.rest[:1])) && !d.digits(&minutes, 2, 2) {
		return false
	}
	if minutes > 59 || hours*60+minutes > maxOffset {
		return false
	}
	d.zone = time.FixedZone("", sign*(hours*60+minutes)*60)
	return true
}

// time returns the parsed time; ok is false if there is no such day or time of day.
func (d *dateText) time(zone *time.Location) (t time.Time, ok bool) {
	if d.zone != nil {
		zone = d.zone
	}
	month, day := d.fields[monthField], d.fields[dayField]
	hour, half := d.fields[hourField], d.fields[halfHourField]
	if half > 12 || hour > 23 || d.fields[minuteField] > 59 || d.fields[secondField] > 59 {
		return time.Time{}, false
	}
	hour += half%12 + d.fields[halfDayField]
	date := time.Date(d.fields[yearField], time.Month(month), day, 0, 0, 0, 0, time.UTC)
	if date.Day() != day || date.Month() != time.Month(month) {
		return time.Time{}, false
	}
	return time.Date(d.fields[yearField], time.Month(month), day, hour, d.fields[minuteField], d.fields[secondField], 0, zone), true
}
