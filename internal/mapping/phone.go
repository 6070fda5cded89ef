package mapping

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/nyaruka/phonenumbers"

	"github.com/rowtap/rowtap/internal/clevertap"
)

// e164Digits is the most digits in an international number (https://www.itu.int/rec/T-REC-E.164).
const e164Digits = 15

// phone converts a value to an E.164 number, as CleverTap requires
// (https://developer.clevertap.com/docs/upload-user-profiles-api). Only numbers that [parseDialled]
// accepts reach the library, which reads letters as digits: 9.87654321E9 would become the number of
// a stranger. country returns the ISO 3166-1 code for numbers without +; "" requires a +.
func phone(v value, country func() (string, *fault)) (value, *fault) {
	s, why := phoneText(v)
	if why != nil {
		return value{}, why
	}
	dialled, why := parseDialled(s)
	if why != nil {
		return value{}, why
	}
	region := ""
	if dialled.text[0] != '+' {
		if region, why = country(); why != nil {
			return value{}, why
		}
		if region == "" {
			f := phoneFault("a phone number without + and country code").withHint("give the property a country, such as country: IN")
			if v.kind == number {
				f.hint += "; a number cell loses the +: format the column as plain text"
			}
			return value{}, f
		}
	}
	e164, why := dialled.e164(region)
	if why != nil {
		return value{}, why
	}
	// The library knows longer national numbers, such as German freephone.
	if len(e164) > 1+e164Digits {
		return value{}, phoneFault("a phone number of more than 15 digits, country code included")
	}
	if other, ok := withCode(dialled.text, region); ok && other != e164 {
		return value{}, phoneFault("a phone number that may or may not begin with the country code").
			withHint("write it with + and country code; a number cell loses the +, so format the column as plain text")
	}
	return value{kind: text, text: e164}, nil
}

// phoneText returns the text of a value that may be a phone number.
func phoneText(v value) (string, *fault) {
	switch v.kind {
	case text:
		return strings.TrimSpace(v.text), nil
	case number:
		const tooLong = 1e15 // more digits than e164Digits
		if v.num < 0 || v.num >= tooLong || !isExactInteger(v.num) {
			return "", phoneFault("a number that is not a phone number")
		}
		return formatNumber(v.num), nil
	case blank, boolean, date, timeOfDay, list, object:
	}
	return "", phoneFault(v.kind.String() + ", not a phone number")
}

// e164 returns the number in E.164. A zero in brackets, as in +44 (0)20 7946 0958, is dialled only
// within some countries and is part of the number in others. If both readings are valid and differ,
// the row fails.
func (d dialled) e164(country string) (string, *fault) {
	e164, ok := validNumber(d.text, country)
	if d.zero > 0 {
		without, valid := validNumber(d.text[:d.zero-1]+d.text[d.zero:], country)
		switch {
		case ok && valid && without != e164:
			return "", phoneFault("a phone number whose 0 in brackets may or may not be part of it").
				withHint("write it without brackets, as dialled from abroad")
		case !ok:
			e164, ok = without, valid
		}
	}
	if ok {
		return e164, nil
	}
	count := len(strings.TrimPrefix(d.text, "+"))
	if d.text[0] == '+' {
		return "", faultf("not a phone number of any country (+ and %d digits)", count).withCode(clevertap.CodePhone)
	}
	return "", faultf("not a phone number for country %s (%d digits)", country, count).withCode(clevertap.CodePhone)
}

// validNumber returns a number in E.164; ok is false if the library does not know it.
func validNumber(text, country string) (e164 string, ok bool) {
	n, err := phonenumbers.Parse(text, country)
	if err != nil || !phonenumbers.IsPossibleNumber(n) || !phonenumbers.IsValidNumber(n) {
		return "", false
	}
	return phonenumbers.Format(n, phonenumbers.E164), true
}

// withCode parses digits that begin with the country's own code as if they had a leading +, which a
// spreadsheet drops from a number.
func withCode(digits, country string) (e164 string, ok bool) {
	if country == "" || !strings.HasPrefix(digits, strconv.Itoa(phonenumbers.GetCountryCodeForRegion(country))) {
		return "", false
	}
	return validNumber("+"+digits, "")
}

func phoneFault(message string) *fault { return faultf("%s", message).withCode(clevertap.CodePhone) }

// maxPhone is the longest text that is parsed as a phone number, in bytes.
const maxPhone = 64

// dialled is a phone number without punctuation.
type dialled struct {
	text string // digits, with a leading + if the number has one
	// zero is the length of text up to and including a zero that is alone in brackets; 0: none.
	zero int
}

// parseDialled parses a phone number as people write it: digits of any script, spaces, ( ) - . /
// and a leading +, also in full width. It drops the invisible characters that copied numbers
// contain.
func parseDialled(s string) (dialled, *fault) {
	wrong := phoneFault("not a phone number: use digits, spaces, ( ) - . / and one leading +")
	if len(s) > maxPhone {
		return dialled{}, wrong
	}
	var d dialled
	b := make([]byte, 0, len(s))
	digits, slash, open := 0, -1, -1 // slash and open count the digits before them; -1: none
	for _, r := range s {
		if r >= fullWidth && r < fullWidth+'\u007f'-'!' {
			r -= fullWidth - '!'
		}
		digit, isDigit := digitOf(r)
		switch {
		case isDigit:
			b = append(b, '0'+digit)
			digits++
		case r == '+' && len(b) == 0:
			b = append(b, '+')
		case r == '(':
			open = digits
		case r == ')':
			if open >= 0 && open == digits-1 && b[len(b)-1] == '0' && d.zero == 0 {
				d.zero = len(b)
			}
			open = -1
		case r == '/' && slash < 0:
			slash = digits
		case r == '-', r == '.', unicode.Is(unicode.Zs, r), isInvisible(r):
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r):
			return dialled{}, phoneFault(fmt.Sprintf("not a phone number: an invisible character, U+%04X %s", r, afterDigit(digits))).
				withHint("clear the cell and type the number again")
		default:
			return dialled{}, wrong
		}
	}
	// Few digits after a slash are the last digits of a second number (123456/7), not what follows
	// an area code.
	if digits == 0 || slash >= 0 && (slash == 0 || digits-slash < minSlashed) {
		return dialled{}, wrong
	}
	d.text = string(b)
	return d, nil
}

// minSlashed is the fewest digits that may follow a slash, as in 030/123456.
const minSlashed = 4

// fullWidth is the full-width form of !, the first ASCII sign with one. The others follow in ASCII
// order (https://www.unicode.org/charts/PDF/UFF00.pdf).
const fullWidth = '\uff01'

// digitOf returns the value of a decimal digit of any script. Unicode places the digits of a script
// in order from zero (https://www.unicode.org/versions/Unicode16.0.0/core-spec/chapter-4/#G124206).
func digitOf(r rune) (digit byte, ok bool) {
	before := rune(0) // digits directly before r
	for unicode.IsDigit(r - before - 1) {
		before++
	}
	return byte(before % 10), unicode.IsDigit(r)
}

// isInvisible reports whether r is one of the invisible characters that chats, web pages and
// address books put around a number: zero-width spaces and joiners, direction marks and the byte
// order mark.
func isInvisible(r rune) bool {
	return r >= '\u200b' && r <= '\u200f' || r >= '\u202a' && r <= '\u202e' || r == '\u2060' || r == '\ufeff'
}

// afterDigit describes the position after n digits.
func afterDigit(n int) string {
	switch {
	case n == 0:
		return "before the first digit"
	case n%10 == 1 && n%100 != 11:
		return fmt.Sprintf("after the %dst digit", n)
	case n%10 == 2 && n%100 != 12:
		return fmt.Sprintf("after the %dnd digit", n)
	case n%10 == 3 && n%100 != 13:
		return fmt.Sprintf("after the %drd digit", n)
	}
	return fmt.Sprintf("after the %dth digit", n)
}
