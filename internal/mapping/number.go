package mapping

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/currency"

	"github.com/rowtap/rowtap/internal/config"
)

// numerals says how the texts of a property are parsed as numbers. Nothing is guessed. The zero
// value accepts digits with a decimal point.
type numerals struct {
	decimal   string // before the decimals; "": a point
	thousands string // between groups of digits; "": none
	currency  bool   // a currency may precede or follow the number
}

// numeralsOf returns the numerals of a property, and reports separators that are the same.
func (c *compilation) numeralsOf(p config.Property) numerals {
	n := numerals{decimal: p.Decimal, thousands: p.Thousands, currency: p.Currency}
	if n.thousands == n.point() {
		c.mistake(p.NamePos, fmt.Sprintf("%q separates both decimals and thousands", n.thousands), `set both, such as thousands: ".", decimal: ","`)
	}
	return n
}

func (n numerals) point() string { return cmp.Or(n.decimal, ".") }

// of converts a value to a number.
func (n numerals) of(v value) (value, *fault) {
	if v.kind == number {
		return v, nil
	}
	if v.kind != text {
		return value{}, faultf("%s, not a number", v.kind)
	}
	s := strings.TrimSpace(v.text)
	plain, ok := n.plain(s)
	if !ok {
		return value{}, n.refused(s)
	}
	if strings.Contains(plain, ".") {
		if f, err := strconv.ParseFloat(plain, 64); err == nil {
			return numberValue(f)
		}
	} else if whole, err := strconv.ParseInt(plain, 10, 64); err == nil {
		return wholeValue(whole), nil
	}
	return value{}, faultf("a number with too many digits").withHint("send it as text: type: text")
}

// refused returns an error that describes why a text is not a number, with the option that would
// accept it.
func (n numerals) refused(s string) *fault {
	signs := fmt.Sprintf("digits, a sign, %q before the decimals; no thousands separators, units or exponents", n.point())
	switch {
	case n.thousands != "" && n.currency:
		signs = fmt.Sprintf("digits, %q between groups of them, a sign, %q before the decimals, a currency; no other units, no exponents", n.thousands, n.point())
	case n.thousands != "":
		signs = fmt.Sprintf("digits, %q between groups of them, a sign, %q before the decimals; no units or exponents", n.thousands, n.point())
	case n.currency:
		signs = fmt.Sprintf("digits, a sign, %q before the decimals, a currency; no thousands separators, other units or exponents", n.point())
	}
	f := faultf("not a number in plain notation (%s)", signs)
	if !n.currency {
		if _, ok := (numerals{n.decimal, n.thousands, true}).plain(s); ok {
			f.hint = "currency: true allows a currency before or after the number"
			return f
		}
	}
	for _, other := range []numerals{{".", ",", true}, {",", ".", true}, {",", " ", true}, {".", "'", true}} {
		if _, ok := other.plain(s); ok && n.thousands == "" {
			f.hint = fmt.Sprintf("if the column is written that way, set thousands: %q, decimal: %q", other.thousands, other.decimal)
			if _, ok := (numerals{other.decimal, other.thousands, false}).plain(s); !ok {
				f.hint += ", currency: true"
			}
			return f
		}
	}
	return f
}

// plain returns s as digits with a decimal point and, if negative, a leading minus; ok is false if
// it is not a number.
func (n numerals) plain(s string) (plain string, ok bool) {
	s, negative, signed := cutSign(s)
	if n.currency {
		if s, ok = withoutCurrency(s); !ok {
			return "", false
		}
		if !signed {
			s, negative, _ = cutSign(s)
		}
	}
	whole, decimals, found := strings.Cut(s, n.point())
	if whole, ok = n.ungrouped(whole); !ok || !digits(decimals) || whole == "" && decimals == "" {
		return "", false
	}
	if negative {
		whole = "-" + whole
	}
	if !found || decimals == "" {
		return whole, true
	}
	return whole + "." + decimals, true
}

// cutSign removes the sign of a number.
func cutSign(s string) (rest string, negative, signed bool) {
	if rest, ok := strings.CutPrefix(s, "-"); ok {
		return rest, true, true
	}
	rest, signed = strings.CutPrefix(s, "+")
	return rest, false, signed
}

// grouped matches digits in groups of three, or of two with a last group of three, as in India:
// 12,34,567.
var grouped = regexp.MustCompile(`^(\d{1,3}(,\d{3})+|\d{1,2}(,\d{2})+,\d{3})$`)

// ungrouped returns the digits of an integer without separators. A separator of " " also matches a
// non-breaking space, and "'" a typographic apostrophe.
func (n numerals) ungrouped(s string) (plain string, ok bool) {
	if n.thousands == "" || digits(s) {
		return s, digits(s)
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case string(r) == n.thousands, n.thousands == " " && unicode.Is(unicode.Zs, r), n.thousands == "'" && r == '’':
			return ','
		case r == ',': // not the separator
			return '.'
		}
		return r
	}, s)
	return strings.ReplaceAll(s, ",", ""), grouped.MatchString(s)
}

// withoutCurrency removes a currency before or after a number: a sign such as $, or an ISO 4217
// code. ok is false if there is one on both sides.
func withoutCurrency(s string) (rest string, ok bool) {
	front, end := frontCurrency(s), endCurrency(s)
	if front > 0 && end > 0 {
		return "", false
	}
	return strings.TrimSpace(s[front : len(s)-end]), true
}

// codeLength is the length of a currency code.
const codeLength = 3

// frontCurrency returns the length of the currency before a number; 0: none.
func frontCurrency(s string) int {
	if r, size := utf8.DecodeRuneInString(s); unicode.Is(unicode.Sc, r) {
		return size
	}
	if len(s) > codeLength && isCurrency(s[:codeLength]) {
		return codeLength
	}
	return 0
}

// endCurrency returns the length of the currency after a number; 0: none.
func endCurrency(s string) int {
	if r, size := utf8.DecodeLastRuneInString(s); unicode.Is(unicode.Sc, r) {
		return size
	}
	if len(s) > codeLength && isCurrency(s[len(s)-codeLength:]) {
		return codeLength
	}
	return 0
}

func isCurrency(code string) bool {
	_, err := currency.ParseISO(code)
	return err == nil
}

// digits reports whether s consists of the digits 0 to 9. It is true for "".
func digits(s string) bool { return strings.Trim(s, "0123456789") == "" }
