package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Value is the content of one cell. The zero value is an empty cell. Values are comparable with ==.
type Value struct {
	kind kind
	num  float64 // of number; of boolean, 1 or 0; of date, the serial number
	// text is that of text; of an error, what it shows; of an empty formula, the formula; of a
	// date, and of a number if it has one, the display pattern.
	text string
}

type kind uint8

const (
	blank kind = iota
	text
	number
	boolean
	date
	errorText
	emptyFormula
)

func (k kind) String() string {
	switch k {
	case blank:
		return "blank"
	case text:
		return "text"
	case number:
		return "number"
	case boolean:
		return "boolean"
	case date:
		return "date"
	case errorText:
		return "error"
	case emptyFormula:
		return "formula"
	}
	return "unknown"
}

// Text returns a text cell; an empty cell for "".
func Text(s string) Value {
	if s == "" {
		return Value{}
	}
	return Value{kind: text, text: s}
}

// Number returns a number cell in the automatic format.
func Number(f float64) Value { return Value{kind: number, num: f} }

// Formatted returns a number cell with a display pattern of digits (0 # , .), a percent sign and
// surrounding text, such as 0%, #,##0.00 and "€"#,##0
// (https://developers.google.com/workspace/sheets/api/guides/formats#number_format_patterns). Other
// tokens are shown literally.
func Formatted(f float64, pattern string) Value { return Value{kind: number, num: f, text: pattern} }

// Bool returns a checkbox or boolean cell.
func Bool(b bool) Value {
	if b {
		return Value{kind: boolean, num: 1}
	}
	return Value{kind: boolean}
}

// Date returns a number shown as a date, a time or both. serial counts days since 1899-12-30 in the
// time zone of the spreadsheet. pattern is one of
// https://developers.google.com/workspace/sheets/api/guides/formats#date_and_time_format_patterns
// (y, m, d, h, s and am/pm runs, [h], [m] and [s] runs for durations, \x and "…" literals); "":
// yyyy-mm-dd.
func Date(serial float64, pattern string) Value {
	if pattern == "" {
		pattern = "yyyy-mm-dd"
	}
	return Value{kind: date, num: serial, text: pattern}
}

// DateOf returns a date cell that shows the wall clock of t in the location of t.
func DateOf(t time.Time, pattern string) Value { return Date(serialOf(t), pattern) }

// ErrorText returns a cell whose formula failed and that shows "#REF!", "#N/A", "Loading..." or
// similar.
func ErrorText(shown string) Value { return Value{kind: errorText, text: shown} }

// EmptyFormula returns a cell whose formula yields "". Responses do not trim such a cell.
func EmptyFormula(formula string) Value { return Value{kind: emptyFormula, text: formula} }

// The patterns of date cells made by Parse.
const (
	datePattern     = "yyyy-mm-dd"
	dateTimePattern = "yyyy-mm-dd hh:mm:ss"
	timePattern     = "h:mm:ss"
	durationPattern = "[h]:mm:ss"
)

var (
	plainNumber  = regexp.MustCompile(`^[+-]?(\d{1,3}(,\d{3})+|\d+)?(\.\d*)?([eE][+-]?\d{1,3})?$`)
	percentage   = regexp.MustCompile(`^([+-]?\d+(\.\d+)?)%$`)
	durationForm = regexp.MustCompile(`^(-?)(\d{1,6}):([0-5]\d):([0-5]\d)$`)
	digitsOf     = regexp.MustCompile(`[#0][#0,]*(\.[#0]*)?`)
	errorTexts   = map[string]bool{
		"#NULL!": true, "#DIV/0!": true, "#VALUE!": true, "#REF!": true, "#NAME?": true, "#NUM!": true, "#N/A": true, "#ERROR!": true,
	}
)

// Parse types a cell from what a person types, like valueInputOption USER_ENTERED
// (https://developers.google.com/workspace/sheets/api/reference/rest/v4/ValueInputOption), in
// simple cases: numbers (including "+44…" without spaces, which loses its plus) and percentages;
// TRUE and FALSE; ISO dates with or without a time, times, and durations of 24 hours or more; a
// leading ' makes the rest text. Formulas are not computed: ="" is an empty formula, any other
// shows #NAME?.
func Parse(s string) Value {
	if rest, ok := strings.CutPrefix(s, "'"); ok {
		return Text(rest)
	}
	if len(s) > 1 && s[0] == '=' {
		if strings.TrimSpace(s[1:]) == `""` {
			return EmptyFormula(s)
		}
		return ErrorText("#NAME?")
	}
	trimmed := strings.TrimSpace(s)
	switch {
	case trimmed == "":
		return Text(s)
	case errorTexts[trimmed]:
		return ErrorText(trimmed)
	case strings.EqualFold(trimmed, "TRUE"):
		return Bool(true)
	case strings.EqualFold(trimmed, "FALSE"):
		return Bool(false)
	}
	if strings.ContainsAny(trimmed, "0123456789") && plainNumber.MatchString(trimmed) {
		f, err := strconv.ParseFloat(strings.ReplaceAll(trimmed, ",", ""), 64)
		if err == nil {
			return Number(f)
		}
	}
	if m := percentage.FindStringSubmatch(trimmed); m != nil {
		if f, err := strconv.ParseFloat(m[1], 64); err == nil {
			return Formatted(f/100, map[bool]string{true: "0%", false: "0.00%"}[m[2] == ""])
		}
	}
	if m := durationForm.FindStringSubmatch(trimmed); m != nil {
		hours, err := strconv.Atoi(m[2])
		minutes, _ := strconv.Atoi(m[3]) // digits only, like the next
		seconds, _ := strconv.Atoi(m[4])
		if days := float64(hours*3600+minutes*60+seconds) / 86400; err == nil && (hours >= 24 || m[1] != "") {
			if m[1] != "" {
				days = -days
			}
			return Date(days, durationPattern)
		}
	}
	for _, form := range []struct{ layout, pattern string }{
		{"2006-1-2", datePattern},
		{"2006-1-2 15:04:05", dateTimePattern},
		{"2006-1-2 15:04", dateTimePattern},
		{"15:04:05", timePattern},
		{"15:04", timePattern},
	} {
		if t, err := time.Parse(form.layout, trimmed); err == nil {
			if form.pattern == timePattern {
				return Date(float64(t.Hour()*3600+t.Minute()*60+t.Second())/86400, timePattern)
			}
			return Date(serialOf(t), form.pattern)
		}
	}
	return Text(s)
}

// serialOf returns the serial number of the wall clock of t.
func serialOf(t time.Time) float64 {
	wall := time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
	return wall.Sub(time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)).Seconds() / 86400
}

// empty reports whether a response omits the cell at the end of a row.
func (v Value) empty() bool { return v.kind == blank }

// Shown returns what the cell shows in the spreadsheet: the API's FORMATTED_VALUE.
func (v Value) Shown() string {
	switch v.kind {
	case text, errorText:
		return v.text
	case number:
		if v.text != "" {
			return showPattern(v.num, v.text)
		}
		return showNumber(v.num)
	case boolean:
		if v.num != 0 {
			return "TRUE"
		}
		return "FALSE"
	case date:
		return showDate(v.num, v.text)
	case blank, emptyFormula:
	}
	return ""
}

// typed returns what a person would type to get the cell, see Parse.
func (v Value) typed() string {
	shown := v.Shown()
	switch v.kind {
	case number:
		if Parse(shown) != v {
			return strconv.FormatFloat(v.num, 'f', -1, 64)
		}
	case text:
		if Parse(shown) != v {
			return "'" + shown
		}
	case emptyFormula:
		return v.text
	case blank, boolean, date, errorText:
	}
	return shown
}

// showNumber formats a number as the automatic format does: integers of up to 15 digits in full,
// others with 10 significant digits.
func showNumber(f float64) string {
	abs := math.Abs(f)
	if f == math.Trunc(f) && abs < 1e15 {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	if abs >= 1e15 || abs < 1e-9 {
		return strings.Replace(strconv.FormatFloat(f, 'G', 6, 64), "E+0", "E+", 1)
	}
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(f, 'g', 10, 64), 64)
	if err != nil {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return strconv.FormatFloat(rounded, 'f', -1, 64)
}

// showPattern formats a number with a display pattern.
func showPattern(f float64, pattern string) string {
	if strings.Contains(pattern, "%") {
		f *= 100
	}
	sign := ""
	if f < 0 {
		sign, f = "-", -f
	}
	at := digitsOf.FindStringIndex(pattern)
	if at == nil {
		return strings.ReplaceAll(pattern, `"`, "")
	}
	form := pattern[at[0]:at[1]]
	_, decimals, _ := strings.Cut(form, ".")
	whole, fraction, _ := strings.Cut(strconv.FormatFloat(f, 'f', len(decimals), 64), ".")
	if strings.Contains(form, ",") {
		for i := len(whole) - 3; i > 0; i -= 3 {
			whole = whole[:i] + "," + whole[i:]
		}
	}
	if fraction != "" {
		whole += "." + fraction
	}
	return strings.ReplaceAll(sign+pattern[:at[0]]+whole+pattern[at[1]:], `"`, "")
}

// elapsed matches a run for total hours, minutes or seconds.
var elapsed = regexp.MustCompile(`^\[(h+|m+|s+)\]`)

// showElapsed formats a run for total hours, minutes or seconds.
func showElapsed(serial float64, run string) string {
	sign, seconds := "", int64(math.Round(serial*86400))
	if seconds < 0 {
		sign, seconds = "-", -seconds
	}
	in := map[byte]int64{'h': 3600, 'm': 60, 's': 1}[run[0]]
	return fmt.Sprintf("%s%0*d", sign, len(run), seconds/in)
}

// showDate formats a serial number with a display pattern. A run of m means minutes after hours or
// before seconds, otherwise months.
func showDate(serial float64, pattern string) string {
	days := math.Floor(serial)
	lower := strings.ToLower(pattern)
	if strings.Contains(lower, "[") && serial < 0 { // runs after the first one ignore the sign of the duration
		days = math.Ceil(serial)
	}
	t := time.Date(1899, 12, 30+int(days), 0, 0, int(math.Round(math.Abs(serial-days)*86400)), 0, time.UTC)
	twelve := strings.Contains(lower, "am/pm") || strings.Contains(lower, "a/p")
	var out strings.Builder
	afterHours := false
	for i := 0; i < len(pattern); {
		c := lower[i]
		run := 1
		for i+run < len(lower) && lower[i+run] == c {
			run++
		}
		total := elapsed.FindStringSubmatch(lower[i:])
		switch {
		case total != nil:
			out.WriteString(showElapsed(serial, total[1]))
			run = len(total[0])
			afterHours = total[1][0] == 'h'
		case strings.HasPrefix(lower[i:], "am/pm"):
			out.WriteString(t.Format("PM"))
			run = 5
		case strings.HasPrefix(lower[i:], "a/p"):
			out.WriteString(t.Format("PM")[:1])
			run = 3
		case c == 'y' && run > 2:
			out.WriteString(t.Format("2006"))
		case c == 'y':
			out.WriteString(t.Format("06"))
		case c == 'm' && (afterHours || strings.HasPrefix(strings.TrimLeft(lower[i+run:], ":. "), "s")):
			fmt.Fprintf(&out, "%0*d", run, t.Minute())
			afterHours = false
		case c == 'm':
			out.WriteString(t.Format([]string{"1", "01", "Jan", "January"}[min(run, 4)-1]))
		case c == 'd':
			out.WriteString(t.Format([]string{"2", "02", "Mon", "Monday"}[min(run, 4)-1]))
		case c == 'h':
			hour := t.Hour()
			if twelve {
				hour = (hour+11)%12 + 1
			}
			fmt.Fprintf(&out, "%0*d", run, hour)
			afterHours = true
		case c == 's':
			fmt.Fprintf(&out, "%0*d", run, t.Second())
		case c == '\\' && i+1 < len(pattern):
			out.WriteByte(pattern[i+1])
			run = 2
		case c == '"':
			end := strings.IndexByte(pattern[i+1:], '"')
			if end < 0 {
				end = len(pattern) - i - 2
			}
			out.WriteString(pattern[i+1 : i+1+max(end, 0)])
			run = min(end+2, len(pattern)-i)
		default:
			out.WriteString(pattern[i : i+run])
		}
		i += max(run, 1)
	}
	return out.String()
}

// MarshalJSON returns null for an empty cell, otherwise {"kind","shown","typed"}, and "number" for
// numbers and dates.
func (v Value) MarshalJSON() ([]byte, error) {
	if v.kind == blank {
		return []byte("null"), nil
	}
	cell := struct {
		Kind   string   `json:"kind"`
		Shown  string   `json:"shown"`
		Typed  string   `json:"typed"`
		Number *float64 `json:"number,omitempty"`
	}{Kind: v.kind.String(), Shown: v.Shown(), Typed: v.typed()}
	if v.kind == number || v.kind == date {
		cell.Number = &v.num
	}
	return json.Marshal(cell)
}

// UnmarshalJSON accepts a JSON string as typed by a person (see [Parse]), a number, a boolean,
// null, or one of {"text":"007"}, {"date":45000.5,"pattern":"dd/mm/yyyy"},
// {"number":0.1,"pattern":"0%"}, {"error":"#REF!"} and {"formula":"=\"\""} (which yields "").
func (v *Value) UnmarshalJSON(b []byte) error {
	switch {
	case string(b) == "null":
		*v = Value{}
		return nil
	case string(b) == "true" || string(b) == "false":
		*v = Bool(string(b) == "true")
		return nil
	case len(b) > 0 && b[0] == '"':
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		*v = Parse(s)
		return nil
	case len(b) > 0 && b[0] == '{':
		return v.unmarshalObject(b)
	}
	var f float64
	if err := json.Unmarshal(b, &f); err != nil {
		return errors.New(`a cell must be a string, a number, a boolean, null, or one of {"text"}, {"date","pattern"}, {"number","pattern"}, {"error"}, {"formula"}`)
	}
	*v = Number(f)
	return nil
}

func (v *Value) unmarshalObject(b []byte) error {
	var o struct {
		Text    *string
		Date    *float64
		Number  *float64
		Pattern string
		Error   *string
		Formula *string
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&o); err != nil {
		return err
	}
	switch {
	case o.Text != nil:
		*v = Text(*o.Text)
	case o.Date != nil:
		*v = Date(*o.Date, o.Pattern)
	case o.Number != nil:
		*v = Formatted(*o.Number, o.Pattern)
	case o.Error != nil:
		*v = ErrorText(*o.Error)
	case o.Formula != nil:
		*v = EmptyFormula(*o.Formula)
	default:
		return errors.New(`a cell object needs one of "text", "date", "number", "error" and "formula"`)
	}
	return nil
}
