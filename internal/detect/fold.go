package detect

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/rowtap/rowtap/internal/row"
)

// A folded hash ignores what tidying changes: Unicode form, invisible characters, runs of white
// space, letter case. A decimal text folds to its number, a phone number to its digits, TRUE and
// FALSE to checkboxes. The lowest bits are the form of a number: two forms of one number, such as
// 007 and 7, are alike, but only the rest of the row can show whether they are the same.

const (
	foldSalt   = 0x666f6c6465640004
	textSalt   = 0x7465787400000005
	formBits   = 3
	formMask   = 1<<formBits - 1
	formShown  = formMask // formatted: 1,234.50, $5, 10 %
	formZeros  = formShown - 1
	leastFold  = formMask + 1 // smallest hash except for errors and unticked checkboxes
	mostDigits = 15           // that a double always holds exactly
	leastPhone = 7            // minimum digits of a phone number
	leastLocal = 10           // the same without a prefix, to tell one from a code: 98450 12345
)

// foldedCell is a cell's folded hashes; hash is 0 for blank cells.
type foldedCell struct {
	hash       uint32
	phone      uint32 // hash to use in a column of phone numbers; 0: same as hash
	prefixed   bool   // starts as only phone numbers do
	unprefixed bool   // does not, but has enough digits, with separators
	// long is the hash as text of a number of more than mostDigits digits, or the hash as number of
	// such a text; 0: neither.
	long uint32
}

// withoutForm returns a folded hash without the form bits.
func withoutForm(h uint32) uint32 {
	if h < leastFold {
		return h
	}
	return h &^ formMask
}

// folder folds cells. It must not be used concurrently.
type folder struct {
	caser cases.Caser
	room  [256]byte
}

func newFolder() folder { return folder{caser: cases.Fold()} }

// fold returns the folded hash of a cell.
func (f *folder) fold(c row.Cell) foldedCell {
	switch c.Kind {
	case row.Blank:
		return foldedCell{}
	case row.Bool:
		if c.Num == 0 {
			return foldedCell{hash: falseHash}
		}
		return foldedCell{hash: foldedText("true")}
	case row.Text:
		if c.ErrorText() {
			return foldedCell{hash: errorHash}
		}
		return f.text(c.Text)
	default:
		folded := foldedCell{hash: foldedNumber(c.Num, 0)}
		if math.Abs(c.Num) >= 1e15 {
			folded.long = foldedText(strconv.FormatFloat(c.Num, 'f', -1, 64))
		}
		return folded
	}
}

// text folds a text.
func (f *folder) text(s string) foldedCell {
	s = f.plain(s)
	switch s {
	case "":
		return foldedCell{}
	case "false":
		return foldedCell{hash: falseHash}
	}
	folded := foldedCell{hash: foldedText(s)}
	if s[0] > '9' && s[0] < 0x80 {
		return folded // neither a number nor a phone number
	}
	if digits, dials := phoneDigits(s); digits != "" {
		if dials {
			return foldedCell{hash: foldedDigits(digits), prefixed: true}
		}
		folded.phone = foldedDigits(digits)
	}
	v, form, ok := decimal(s)
	if n := leadingDigits(s); n > mostDigits && n == len(s) && s[0] != '0' {
		v, _ := strconv.ParseFloat(s, 64)
		folded.long = foldedNumber(v, 0)
	}
	if ok {
		folded.hash = foldedNumber(v, form)
	} else if serial, ok := daySerial(s); ok {
		folded.hash = foldedNumber(serial, formShown)
	}
	folded.unprefixed = folded.phone != 0 && !ok && countDigits(s) >= leastLocal && countDigits(s) <= mostDigits
	return folded
}

// plain returns a text without invisible differences: in NFC, case folded, without invisible
// characters, white space collapsed.
func (f *folder) plain(s string) string {
	b := f.room[:0]
	blank := false
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 0x80:
			return f.plainUnicode(s)
		case c == ' ' || c >= '\t' && c <= '\r':
			blank = len(b) > 0
			continue
		case c >= 'A' && c <= 'Z':
			c += 'a' - 'A'
		}
		if blank {
			b, blank = append(b, ' '), false
		}
		b = append(b, c)
	}
	if string(b) == s {
		return s
	}
	return string(b)
}

func (f *folder) plainUnicode(s string) string {
	return norm.NFC.String(f.caser.String(visible(s)))
}

// visible returns a text in NFC, without invisible characters, with white space trimmed and
// collapsed.
func visible(s string) string {
	if tidy(s) {
		return s
	}
	s = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, norm.NFC.String(s))
	return strings.Join(strings.Fields(s), " ")
}

// tidy reports whether a text is ASCII with at most single blanks between words.
func tidy(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c <= ' ' && (c != ' ' || i == 0 || i == len(s)-1 || s[i-1] == ' ') || c >= 0x7f {
			return false
		}
	}
	return true
}

// foldedText returns the folded hash of a text that is already plain.
func foldedText(s string) uint32 {
	return formless(xxhash.Sum64String(s) + textSalt)
}

// foldedNumber returns the folded hash of a number in the given form.
func foldedNumber(v float64, form uint32) uint32 {
	return formless(math.Float64bits(v+0)+numberSalt) | form
}

// formless reduces a hash to 32 bits with form 0, avoiding the reserved hashes.
func formless(h uint64) uint32 {
	f := uint32(mix(h+foldSalt)>>32) &^ formMask
	return max(f, leastFold)
}

// foldedDigits returns the folded hash of digits: that of their number if a double holds it, else
// of the text.
func foldedDigits(digits string) uint32 {
	if v, form, ok := decimal(digits); ok {
		return foldedNumber(v, form)
	}
	return foldedText(digits)
}

// phoneDigits returns the digits of a text that looks like a phone number, without an international
// prefix, and whether it starts as only phone numbers do. It returns "" for other texts, including
// those shaped like a date.
func phoneDigits(s string) (digits string, dials bool) {
	plain := true
	n := 0
	for i := range len(s) {
		switch c := s[i]; {
		case isDigit(c):
			n++
		case c == '+' && i == 0, c == ' ', c == '(', c == ')', c == '-', c == '.', c == '/':
			plain = false
		default:
			return "", false
		}
	}
	dials = strings.HasPrefix(s, "+") || strings.HasPrefix(s, "00") || strings.HasPrefix(s, "(")
	if n < leastPhone || plain && !dials || dated(s) {
		return "", false
	}
	b := make([]byte, 0, n)
	for i := range len(s) {
		if isDigit(s[i]) {
			b = append(b, s[i])
		}
	}
	if strings.HasPrefix(s, "00") {
		b = b[2:]
	}
	return string(b), dials
}

// daySerial returns the serial of a date with a four-digit year; ok is false for other texts.
// Ambiguous dates are read as Google Sheets shows them in locales with that separator: 3/4/2024 is
// March 4, 3.4.2024 and 3-4-2024 are April 3 (https://support.google.com/docs/answer/56470).
func daySerial(s string) (serial float64, ok bool) {
	if !dated(s) {
		return 0, false
	}
	separator := strings.IndexAny(s, "-/. ")
	groups := strings.Split(s, s[separator:separator+1])
	if len(groups) != 3 {
		return 0, false
	}
	var n [3]int
	for i, group := range groups {
		n[i], _ = strconv.Atoi(group) // 0 is not a valid day, month or year
	}
	year, month, day := n[2], n[1], n[0]
	switch {
	case len(groups[0]) == 4:
		year, day = n[0], n[2]
	case s[separator] == '/':
		month, day = day, month
	}
	if month > 12 {
		month, day = day, month
	}
	t := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	if year < 1900 || t.Month() != time.Month(month) {
		return 0, false
	}
	return float64(t.Unix()/86_400 + 25_569), true // the serial of 1970-01-01
}

// dated reports whether a text is shaped like a date: three groups separated by - / . or blanks,
// one of them a four-character year.
func dated(s string) bool {
	groups := strings.FieldsFunc(s, func(r rune) bool { return r == '-' || r == '/' || r == '.' || r == ' ' })
	if len(groups) != 3 {
		return false
	}
	short := func(g string) bool { return len(g) == 1 || len(g) == 2 }
	return short(groups[1]) && (short(groups[0]) && len(groups[2]) == 4 || len(groups[0]) == 4 && short(groups[2]))
}

// decimal returns the number that a text shows, and its form; ok is false if there is none, or a
// double may not hold it exactly.
func decimal(s string) (v float64, form uint32, ok bool) {
	digits, shown := unformatted(s)
	v, err := strconv.ParseFloat(digits, 64)
	if err != nil {
		return 0, 0, false
	}
	whole, _, _ := strings.Cut(strings.TrimPrefix(digits, "-"), ".")
	zeros := min(len(whole)-len(strings.TrimLeft(whole, "0")), len(whole)-1)
	switch {
	case shown:
		return v, formShown, true
	case zeros > 0:
		return v, uint32(min(zeros, formZeros)), true
	case strconv.FormatFloat(v, 'f', -1, 64) != digits: // 1.50
		return v, formShown, true
	}
	return v, 0, true
}

// unformatted returns the number that a text shows in a form for strconv.ParseFloat, which rejects
// the result if there is none. formatted reports whether it has a currency sign, a plus sign,
// grouped digits, a decimal comma or a percent sign.
func unformatted(s string) (number string, formatted bool) {
	if isPlain(s) {
		return s, false
	}
	sign, exponent := "", ""
	if rest, ok := strings.CutSuffix(s, "%"); ok {
		s, exponent = rest, "e-2"
	}
	s, sign = cutSign(s)
	s = strings.TrimSpace(strings.TrimFunc(s, func(r rune) bool { return unicode.Is(unicode.Sc, r) }))
	if sign == "" {
		s, sign = cutSign(s)
	}
	whole, fraction := ungrouped(s)
	if len(whole)+len(fraction) > mostDigits {
		return "", false
	}
	return sign + whole + "." + fraction + exponent, true
}

// isPlain reports whether a text is an unformatted decimal number that a double holds exactly.
func isPlain(s string) bool {
	s = strings.TrimPrefix(s, "-")
	whole, fraction, _ := strings.Cut(s, ".")
	return whole != "" && leadingDigits(whole) == len(whole) && leadingDigits(fraction) == len(fraction) &&
		!strings.HasSuffix(s, ".") && len(whole)+len(fraction) <= mostDigits
}

func cutSign(s string) (rest, sign string) {
	if rest, ok := strings.CutPrefix(s, "-"); ok {
		return rest, "-"
	}
	return strings.TrimPrefix(s, "+"), ""
}

// ungrouped returns the digits before and after the decimal separator of a number whose digits may
// be grouped by threes, or as in 12,34,567. For other texts the results are empty or contain
// characters that are not digits. A single comma before three digits is a group separator.
func ungrouped(s string) (whole, fraction string) {
	by := strings.IndexAny(s, ".,' ")
	if by <= 0 {
		by = len(s)
	}
	b := append(make([]byte, 0, len(s)), s[:by]...)
	for rest := s[by:]; rest != ""; {
		n := leadingDigits(rest[1:])
		last := 1+n == len(rest)
		switch c := rest[0]; {
		case n == 0:
			return "", ""
		case last && c == '.' && (s[by] != '.' || by+1+n == len(s)), last && c == ',' && (s[by] != ',' || by+1+n == len(s) && (n != 3 || by > 3)):
			return string(b), rest[1:]
		case c != s[by], by > 3, n != 3 && (n != 2 || c != ',' || last):
			return "", ""
		}
		b = append(b, rest[1:1+n]...)
		rest = rest[1+n:]
	}
	return string(b), ""
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func countDigits(s string) int {
	n := 0
	for i := range len(s) {
		if isDigit(s[i]) {
			n++
		}
	}
	return n
}

// leadingDigits returns the number of digits at the start of a text.
func leadingDigits(s string) int {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return n
}
