package mapping

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nyaruka/phonenumbers"

	"github.com/rowtap/rowtap/internal/clevertap"
)

// e164Digits is the most digits that an international number may have (https://www.itu.int/rec/T-REC-E.164).
const e164Digits = 15

// phone makes a value an E.164 number, as CleverTap wants it (https://developer.clevertap.com/docs/upload-user-profiles-api).
// Only what [parseDialled] takes is let through to the library, which would read letters as digits: it takes 9.87654321E9 for a number of a
// stranger. country returns the ISO 3166-1 code of numbers without +; "" means that they must have it.
func phone(v value, country func() (string, *fault)) (value, *fault) {
	var s string
	switch v.kind {
	case text:
		s = strings.TrimSpace(v.text)
	case number:
		const tooLong = 1e15 // of more digits than e164Digits
		if v.num < 0 || v.num >= tooLong || !isExactInteger(v.num) {
			return value{}, phoneFault("a number that is no phone number")
		}
		s = formatNumber(v.num)
	case blank, boolean, date, timeOfDay, list, object:
		return value{}, phoneFault(v.kind.String() + ", not a phone number")
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
				f.hint += "; a + before the digits of a number is lost: format the column as plain text"
			}
			return value{}, f
		}
	}
	e164, why := dialled.e164(region)
	if why != nil {
		return value{}, why
	}
	if len(e164) > 1+e164Digits { // the library knows some national numbers that are longer, such as German freephone
		return value{}, phoneFault("a phone number of more than 15 digits, country code included")
	}
	if other, ok := withCode(dialled.text, region); ok && other != e164 {
		return value{}, phoneFault("a phone number that may begin with the country code, or not").
			withHint("write it with + and country code; a number cell loses the +, so format the column as plain text")
	}
	return value{kind: text, text: e164}, nil
}

// e164 returns the number as the library reads it. A zero alone in brackets, as in +44 (0)20 7946 0958, is dialled within some countries
// only, and is a part of the number in others: where both numbers are different and valid, the row fails.
func (d dialled) e164(country string) (string, *fault) {
	e164, ok := validNumber(d.text, country)
	if d.zero > 0 {
		without, valid := validNumber(d.text[:d.zero-1]+d.text[d.zero:], country)
		switch {
		case ok && valid && without != e164:
			return "", phoneFault("a phone number whose 0 in brackets may be a part of it, or not").
				withHint("write it without brackets: with the 0 or without it, as it is dialled from abroad")
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

// validNumber returns a number as the library reads it; ok is false for one that it does not know.
func validNumber(text, country string) (e164 string, ok bool) {
	n, err := phonenumbers.Parse(text, country)
	if err != nil || !phonenumbers.IsPossibleNumber(n) || !phonenumbers.IsValidNumber(n) {
		return "", false
	}
	return phonenumbers.Format(n, phonenumbers.E164), true
}

// withCode reads digits that begin with the country's own code as if a + were before them: a spreadsheet drops that of a number.
func withCode(digits, country string) (e164 string, ok bool) {
	if country == "" || !strings.HasPrefix(digits, strconv.Itoa(phonenumbers.GetCountryCodeForRegion(country))) {
		return "", false
	}
	return validNumber("+"+digits, "")
}

func phoneFault(message string) *fault { return faultf("%s", message).withCode(clevertap.CodePhone) }

// maxPhone is the longest text that is looked at as a phone number, in bytes.
const maxPhone = 64

// dialled is a phone number as it is dialled.
type dialled struct {
	text string // digits, after a + if it has one
	zero int    // the length of text with a zero that stands alone in brackets; 0: there is none
}

// parseDialled reads a phone number as people write it: digits of any script, spaces, ( ) - . / and a + before them. Full-width signs are those
// signs. Characters that nobody sees, and that come with a number which is copied from elsewhere, are dropped.
func parseDialled(s string) (dialled, *fault) {
	wrong := phoneFault("not a phone number: use digits, spaces, ( ) - . / and one leading +")
	if len(s) > maxPhone {
		return dialled{}, wrong
	}
	var d dialled
	b := make([]byte, 0, len(s))
	digits, slash, open := 0, -1, -1 // the digits before the slash, and before the open bracket
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
				withHint("delete the cell's text and type it again")
		default:
			return dialled{}, wrong
		}
	}
	// Behind a slash that parts no area code stand the last digits of another number: 123456/7.
	if digits == 0 || slash >= 0 && (slash == 0 || digits-slash < minSlashed) {
		return dialled{}, wrong
	}
	d.text = string(b)
	return d, nil
}

// minSlashed is the least number of digits behind the slash of 030/123456.
const minSlashed = 4

// fullWidth is the full-width form of the sign !, the first of those that ASCII has too, in its order
// (https://www.unicode.org/charts/PDF/UFF00.pdf).
const fullWidth = '\uff01'

// digitOf returns the value of a decimal digit of any script. Unicode has those of a script in a row, from zero on
// (https://www.unicode.org/versions/Unicode16.0.0/core-spec/chapter-4/#G124206).
func digitOf(r rune) (digit byte, ok bool) {
	if r < utf8.RuneSelf {
		return byte(r - '0'), '0' <= r && r <= '9'
	}
	for _, t := range unicode.Nd.R16 {
		if r >= rune(t.Lo) && r <= rune(t.Hi) {
			return byte((r - rune(t.Lo)) % 10), true
		}
	}
	for _, t := range unicode.Nd.R32 {
		if r >= rune(t.Lo) && r <= rune(t.Hi) {
			return byte((r - rune(t.Lo)) % 10), true
		}
	}
	return 0, false
}

// isInvisible tells of the invisible characters that chats, web pages and address books put around a number: zero-width spaces and joiners,
// marks of the direction of text, the byte order mark.
func isInvisible(r rune) bool {
	return r >= '\u200b' && r <= '\u200f' || r >= '\u202a' && r <= '\u202e' || r == '\u2060' || r == '\ufeff'
}

// afterDigit says behind which digit something stands.
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
