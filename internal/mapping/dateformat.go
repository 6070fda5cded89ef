package mapping

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/rowtap/rowtap/internal/config"
)

// dateFormat is a compiled date format: one that a property gives, or a built-in one.
type dateFormat struct {
	source string
	forms  [][]formatPiece // tried in order; a format of a property has one form
	// birth: years have two digits, so a birth date may be read as one in the future.
	birth bool
}

// formatPiece is a field or literal text of a format.
type formatPiece struct {
	token *formatToken // nil for text
	text  string
	// fixed means that the field is next to other digits, so all its digits are required.
	fixed bool
	// optional is the number of pieces, from this one on, that a text may omit; 0: required.
	optional int
}

// formatToken is a field that a format may contain. The letters are those of Unicode date patterns
// (https://unicode.org/reports/tr35/tr35-dates.html#Date_Field_Symbol_Table), as in CleverTap's own
// import.
type formatToken struct {
	name   string
	field  dateField // a format has at most one token of each field
	digits int       // the most digits it has; 0: not numeric
	layout string    // its longest form as a layout of package time
}

// dateField is a component of a date.
type dateField uint8

const (
	yearField dateField = iota
	monthField
	dayField
	hourField
	halfHourField // on the 12-hour clock
	halfDayField  // AM or PM
	minuteField
	secondField
	fractionField
	weekdayField
	zoneField

	dateFields // number of fields
)

var formatTokens = []formatToken{
	{"yyyy", yearField, 4, "2006"},
	{"yy", yearField, 2, "06"},
	{"MMMM", monthField, 0, "January"},
	{"MMM", monthField, 0, "January"},
	{"MM", monthField, 2, "01"},
	{"M", monthField, 2, "01"},
	{"dd", dayField, 2, "02"},
	{"d", dayField, 2, "02"},
	{"HH", hourField, 2, "15"},
	{"H", hourField, 2, "15"},
	{"hh", halfHourField, 2, "03"},
	{"h", halfHourField, 2, "03"},
	{"mm", minuteField, 2, "04"},
	{"ss", secondField, 2, "05"},
	{"SSS", fractionField, 3, "000"},
	{"a", halfDayField, 0, "PM"},
	{"EEEE", weekdayField, 0, "Monday"},
	{"EEE", weekdayField, 0, "Monday"},
	{"Z", zoneField, 0, "Z"},
	{"XXX", zoneField, 0, "Z"},
}

// knownTokens is the hint of an error about a format.
const knownTokens = "a format consists of yyyy yy MM M MMM MMMM dd d HH H hh h mm ss SSS a EEE EEEE Z XXX, punctuation between them, and other text in 'quotes'; or it is ISO"

// isoFormat selects isoDates in the format of a property.
const isoFormat = "ISO"

// The built-in formats. Text may omit the parts in brackets; formats of a property have no optional
// parts.
var (
	// isoDates are ISO 8601 and the short form.
	isoDates = dateFormat{source: isoFormat, forms: [][]formatPiece{
		form("yyyy-MM-dd['T'HH:mm[:ss][Z]]"),
		form("yyyy-MM-dd[ HH:mm[:ss][Z]]"),
	}}
	longDates = dateFormat{forms: [][]formatPiece{
		form("EEEE,[ ]MMMM d, yyyy[ HH:mm[:ss][Z]]"),
		form("MMMM d, yyyy[ HH:mm[:ss][Z]]"),
	}}
)

// dates compiles the date options of a property.
func (c *compilation) dates(p config.Property) dates {
	var d dates
	if p.Timezone != "" {
		zone, err := time.LoadLocation(p.Timezone)
		if err != nil {
			c.mistake(p.NamePos, fmt.Sprintf("unknown timezone %q", p.Timezone), "use a name such as Asia/Kolkata")
		}
		d.zone = zone
	}
	for _, source := range p.Formats {
		f, wrong := compileFormat(source)
		if wrong != "" {
			c.mistake(p.NamePos, fmt.Sprintf("format %q: %s", source, wrong), knownTokens)
			continue
		}
		for _, other := range d.formats {
			if text := other.conflict(f); text != "" {
				c.mistake(p.NamePos, fmt.Sprintf("format: %q and %q read %s as different dates", other.source, source, text),
					"keep the one that the column uses")
			}
		}
		d.formats = append(d.formats, f)
	}
	return d
}

// compileFormat compiles a format. wrong describes what is wrong with it; "" for a valid one.
func compileFormat(source string) (f *dateFormat, wrong string) {
	if source == isoFormat {
		return &isoDates, ""
	}
	pieces, wrong := splitFormat(source)
	if wrong != "" {
		return nil, wrong
	}
	var has [dateFields]*formatToken
	for i, p := range pieces {
		if p.token == nil {
			continue
		}
		t := p.token
		if first := has[t.field]; first != nil {
			if first.digits > 0 != (t.digits > 0) || first.name != t.name && t.digits == 0 {
				return nil, "it has the same field twice"
			}
			return nil, t.name + " repeats a field"
		}
		has[t.field] = t
		if pieces[i].fixed = besideDigits(pieces, i); pieces[i].fixed && len(t.name) == 1 {
			return nil, fmt.Sprintf("%s next to other digits is ambiguous", t.name)
		}
	}
	switch {
	case has[yearField] == nil, has[monthField] == nil, has[dayField] == nil:
		return nil, "it needs a year, a month and a day"
	case (has[halfHourField] == nil) != (has[halfDayField] == nil):
		return nil, "hh and a (AM or PM) go together"
	case has[halfHourField] != nil && has[hourField] != nil:
		return nil, "it has the hour twice"
	case has[secondField] != nil && has[minuteField] == nil, has[minuteField] != nil && has[hourField] == nil && has[halfHourField] == nil:
		return nil, "it has minutes without hours, or seconds without minutes"
	case has[fractionField] != nil && has[secondField] == nil:
		return nil, "it has a fraction of a second without seconds"
	}
	return &dateFormat{source: source, forms: [][]formatPiece{pieces}, birth: has[yearField].name == "yy"}, ""
}

// besideDigits reports whether a numeric field is directly next to another one.
func besideDigits(pieces []formatPiece, i int) bool {
	inDigits := func(i int) bool {
		return i >= 0 && i < len(pieces) && pieces[i].token != nil && pieces[i].token.digits > 0
	}
	return inDigits(i) && (inDigits(i-1) || inDigits(i+1))
}

// form compiles a built-in format, in which optional parts are in brackets.
func form(source string) []formatPiece {
	var pieces []formatPiece
	var open []int // for each open bracket, the index of the piece after it
	for source != "" {
		next := strings.IndexAny(source, "[]")
		if next < 0 {
			next = len(source)
		}
		some, wrong := splitFormat(source[:next])
		if wrong != "" {
			panic("a form that needs no format: " + wrong)
		}
		pieces = append(pieces, some...)
		if next == len(source) {
			break
		}
		if source[next] == '[' {
			open = append(open, len(pieces))
		} else {
			first := open[len(open)-1]
			open = open[:len(open)-1]
			pieces[first].optional = len(pieces) - first
		}
		source = source[next+1:]
	}
	return pieces
}

// splitFormat splits a format into fields and literal text.
func splitFormat(source string) (pieces []formatPiece, wrong string) {
	for rest := source; rest != ""; {
		first, size := utf8.DecodeRuneInString(rest)
		switch {
		case first == '\'':
			length, ok := quotedLength(rest)
			if !ok {
				return nil, "a ' is not closed"
			}
			quoted := strings.ReplaceAll(rest[1:length-1], "''", "'")
			if quoted == "" {
				quoted = "'"
			}
			pieces = appendText(pieces, quoted)
			rest = rest[length:]
		case unicode.IsLetter(first):
			length := len(rest) - len(strings.TrimLeft(rest, string(first)))
			name := rest[:length]
			i := slices.IndexFunc(formatTokens, func(t formatToken) bool { return t.name == name })
			if i < 0 {
				return nil, fmt.Sprintf("unknown field %s", name)
			}
			pieces = append(pieces, formatPiece{token: &formatTokens[i]})
			rest = rest[length:]
		case unicode.IsDigit(first):
			return nil, "digits must be in quotes"
		default:
			pieces = appendText(pieces, rest[:size])
			rest = rest[size:]
		}
	}
	return pieces, ""
}

// appendText appends literal text, merging it with preceding text.
func appendText(pieces []formatPiece, text string) []formatPiece {
	if last := len(pieces) - 1; last >= 0 && pieces[last].token == nil {
		pieces[last].text += text
		return pieces
	}
	return append(pieces, formatPiece{text: text})
}

// quotedLength returns the length of the quoted text at the start of s, including the quotes. Two
// quotes inside are one literal quote.
func quotedLength(s string) (n int, closed bool) {
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] != '\'':
		case i > 1 && i+1 < len(s) && s[i+1] == '\'':
			i++
		default:
			return i + 1, true
		}
	}
	return 0, false
}
