package mapping

import (
	"strconv"
	"strings"
	"unicode"

	"github.com/nyaruka/phonenumbers"

	"github.com/rowtap/rowtap/internal/clevertap"
)

// e164Digits is the most digits that an international number may have (https://www.itu.int/rec/T-REC-E.164).
const e164Digits = 15

// phone makes a value an E.164 number, as CleverTap wants it (https://developer.clevertap.com/docs/upload-user-profiles-api).
// Only digits, spaces, ( ) - . and a leading + are let through to the library, which would read letters as digits:
// it takes 9.87654321E9 for a number of a stranger. country is the ISO 3166-1 code of numbers without +; "" means that
// they must have it.
func phone(v value, country string) (value, *fault) {
	var s string
	switch v.kind {
	case text:
		s = strings.TrimSpace(v.text)
	case number:
		const tooLong = 1e15 // of more digits than e164Digits
		if v.num < 0 || v.num >= tooLong || !whole(v.num) {
			return value{}, phoneFault("a number that is no phone number")
		}
		s = formatNumber(v.num)
	case blank, boolean, date, timeOfDay, list, object:
		return value{}, phoneFault(v.kind.String() + ", not a phone number")
	}
	dialled, ok := dialled(s)
	if !ok {
		return value{}, phoneFault("not a phone number: only digits, spaces, ( ) - . and one + before them may be in it")
	}
	if country == "" && dialled[0] != '+' {
		f := phoneFault("a phone number without + and country code").withHint("give the property a country, such as country: IN")
		if v.kind == number {
			f.hint += "; a + before the digits of a number is lost: format the column as plain text"
		}
		return value{}, f
	}
	n, err := phonenumbers.Parse(dialled, country)
	if err != nil || !phonenumbers.IsPossibleNumber(n) || !phonenumbers.IsValidNumber(n) {
		count := len(strings.TrimPrefix(dialled, "+"))
		if dialled[0] == '+' {
			return value{}, faultf("not a phone number of any country (+ and %d digits)", count).withCode(clevertap.CodePhone)
		}
		return value{}, faultf("not a phone number for country %s (%d digits)", country, count).withCode(clevertap.CodePhone)
	}
	e164 := phonenumbers.Format(n, phonenumbers.E164)
	if len(e164) > 1+e164Digits { // the library knows some national numbers that are longer, such as German freephone
		return value{}, phoneFault("a phone number of more than 15 digits, country code included")
	}
	if other, ok := withCode(dialled, country); ok && other != e164 {
		return value{}, phoneFault("a phone number that may begin with the country code, or not").
			withHint("write it with + and country code; a number cell loses the +, so format the column as plain text")
	}
	return value{kind: text, text: e164}, nil
}

// withCode reads digits that begin with the country's own code as if a + were before them: a spreadsheet drops that of a number.
func withCode(digits, country string) (e164 string, ok bool) {
	if country == "" || !strings.HasPrefix(digits, strconv.Itoa(phonenumbers.GetCountryCodeForRegion(country))) {
		return "", false
	}
	n, err := phonenumbers.Parse("+"+digits, "")
	if err != nil || !phonenumbers.IsValidNumber(n) {
		return "", false
	}
	return phonenumbers.Format(n, phonenumbers.E164), true
}

func phoneFault(message string) *fault { return faultf("%s", message).withCode(clevertap.CodePhone) }

// maxPhone is the longest text that is looked at as a phone number, in bytes.
const maxPhone = 64

// dialled returns the digits of a phone number as people write it, after a + if it has one; ok is false if there is anything
// else in it, or no digit.
func dialled(s string) (digits string, ok bool) {
	if len(s) > maxPhone {
		return "", false
	}
	b := make([]byte, 0, len(s))
	found := false
	for _, r := range s {
		switch {
		case '0' <= r && r <= '9':
			b, found = append(b, byte(r)), true
		case r == '+' && len(b) == 0:
			b = append(b, '+')
		case r == '(' || r == ')' || r == '-' || r == '.' || unicode.Is(unicode.Zs, r):
		default:
			return "", false
		}
	}
	return string(b), found
}
