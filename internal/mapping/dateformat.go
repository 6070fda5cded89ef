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

// dateFormat is a compiled format: of a date property.
type dateFormat struct {
	source  string
	layouts []string // Go's; the first that fits decides
	weekday string   // Go's name of the weekday in it: Monday, Mon or ""
}

// formatToken is what a format may be made of. The letters are those of Unicode's date patterns
// (https://unicode.org/reports/tr35/tr35-dates.html#Date_Field_Symbol_Table), as CleverTap's own import takes them.
type formatToken struct {
	name  string
	loose string // Go's layout that takes one digit or two
	fixed string // that takes two, so that no separator need follow; "" if there is none
	digit bool   // it is written in digits
}

var formatTokens = []formatToken{
	{"yyyy", "2006", "2006", true},
	{"MMMM", "January", "January", false},
	{"MMM", "Jan", "Jan", false},
	{"MM", "1", "01", true},
	{"M", "1", "", true},
	{"dd", "2", "02", true},
	{"d", "2", "", true},
	{"HH", "15", "15", true},
	{"H", "15", "", true},
	{"hh", "3", "03", true},
	{"h", "3", "", true},
	{"mm", "4", "04", true},
	{"ss", "5", "05", true},
	{"a", "PM", "PM", false},
	{"EEEE", "Monday", "Monday", false},
	{"EEE", "Mon", "Mon", false},
}

// knownTokens is what an error about a format names.
const knownTokens = "a format is made of yyyy MM M MMM MMMM dd d HH H hh h mm ss a EEE EEEE, signs between them, and other text in 'quotes'"

// dates compiles the date options of a property.
func (c *compilation) dates(p config.Property) dates {
	var d dates
	if p.Timezone != "" {
		zone, err := time.LoadLocation(p.Timezone)
		if err != nil {
			c.mistake(p.NamePos, fmt.Sprintf("there is no timezone %q", p.Timezone), "write it as Asia/Kolkata")
		}
		d.zone = zone
	}
	if p.Format != "" {
		f, wrong := compileFormat(p.Format)
		if wrong != "" {
			c.mistake(p.NamePos, fmt.Sprintf("format %q: %s", p.Format, wrong), knownTokens)
		}
		d.format = f
	}
	return d
}

// compileFormat translates a format into Go's layouts; wrong says what is wrong with it, and is "" for a good one.
func compileFormat(source string) (f *dateFormat, wrong string) {
	pieces, wrong := splitFormat(source)
	if wrong != "" {
		return nil, wrong
	}
	f = &dateFormat{source: source}
	has := map[string]bool{}
	var layout strings.Builder
	for i, p := range pieces {
		if p.token == nil {
			layout.WriteString(p.text)
			continue
		}
		t := p.token
		if has[t.loose] {
			return nil, t.name + " says again what is said already"
		}
		has[t.loose] = true
		before := i > 0 && pieces[i-1].token != nil && pieces[i-1].token.digit
		after := i+1 < len(pieces) && pieces[i+1].token != nil && pieces[i+1].token.digit
		switch {
		case !t.digit || !before && !after:
			layout.WriteString(t.loose)
		case t.fixed == "":
			return nil, fmt.Sprintf("%s right beside other digits could end anywhere", t.name)
		default:
			layout.WriteString(t.fixed)
		}
	}
	switch {
	case !has["2006"], !has["1"] && !has["January"] && !has["Jan"], !has["2"]:
		return nil, "it needs a year, a month and a day"
	case has["3"] != has["PM"]:
		return nil, "hh and a (AM or PM) go together"
	case has["3"] && has["15"], has["1"] && (has["January"] || has["Jan"]), has["January"] && has["Jan"]:
		return nil, "it says something twice"
	case has["5"] && !has["4"], has["4"] && !has["15"] && !has["3"]:
		return nil, "it has minutes without hours, or seconds without minutes"
	}
	f.layouts = []string{layout.String()}
	if has["PM"] {
		f.layouts = append(f.layouts, strings.Replace(layout.String(), "PM", "pm", 1))
	}
	switch {
	case has["Monday"]:
		f.weekday = "Monday"
	case has["Mon"]:
		f.weekday = "Mon"
	}
	// Literal text that Go reads as part of its layout would be misread in silence: see whether it comes out as it went in.
	probe := time.Date(2018, time.November, 23, 21, 37, 48, 0, time.UTC)
	if got, want := probe.Format(f.layouts[0]), literally(pieces, probe, layout.String()); got != want {
		return nil, "its text between the fields cannot be told from a field"
	}
	return f, ""
}

// literally writes t field by field, each on its own.
func literally(pieces []formatPiece, t time.Time, layout string) string {
	var b strings.Builder
	rest := layout
	for _, p := range pieces {
		if p.token == nil {
			b.WriteString(p.text)
			rest = rest[len(p.text):]
			continue
		}
		field := p.token.loose
		if !strings.HasPrefix(rest, field) {
			field = p.token.fixed
		}
		b.WriteString(t.Format(field))
		rest = rest[len(field):]
	}
	return b.String()
}

// formatPiece is a token or literal text of a format.
type formatPiece struct {
	token *formatToken
	text  string
}

// splitFormat takes a format apart.
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
			pieces = append(pieces, formatPiece{text: quoted})
			rest = rest[length:]
		case unicode.IsLetter(first):
			length := len(rest) - len(strings.TrimLeft(rest, string(first)))
			name := rest[:length]
			i := slices.IndexFunc(formatTokens, func(t formatToken) bool { return t.name == name })
			if i < 0 {
				return nil, fmt.Sprintf("%s is not known", name)
			}
			pieces = append(pieces, formatPiece{token: &formatTokens[i]})
			rest = rest[length:]
		case unicode.IsDigit(first):
			return nil, "digits belong in quotes"
		default:
			pieces = append(pieces, formatPiece{text: rest[:size]})
			rest = rest[size:]
		}
	}
	return pieces, ""
}

// quotedLength returns the length of the quoted text that s begins with, its quotes included; two quotes are one in the text.
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

// parse reads s in the format; zone is that of the date, which has none of its own. weekday tells whether the weekday in it,
// if there is one, is the date's.
func (f *dateFormat) parse(s string, zone *time.Location) (t time.Time, ok, weekday bool) {
	for _, layout := range f.layouts {
		t, err := time.ParseInLocation(layout, s, zone)
		if err != nil {
			continue
		}
		return t, true, f.weekday == "" || strings.Contains(strings.ToLower(s), strings.ToLower(t.Format(f.weekday)))
	}
	return time.Time{}, false, false
}
