package detect

import (
	"math"
	"testing"

	"github.com/rowtap/rowtap/internal/row"
)

// TestDecimal: which texts are numbers, and in which form.
func TestDecimal(t *testing.T) {
	const none = 99
	for _, tt := range []struct {
		text string
		want float64
		form uint32
	}{
		{"0", 0, 0},
		{"7", 7, 0},
		{"-7", -7, 0},
		{"1.5", 1.5, 0},
		{"0.5", 0.5, 0},
		{"123456789012345", 123456789012345, 0},
		{"1234567890123456", 0, none},
		{"1.23456789012345", 1.23456789012345, 0},
		{"1.234567890123456", 0, none},
		{"007", 7, 2},
		{"-007", -7, 2},
		{"00", 0, 1},
		{"0000001", 1, 6},
		{"00000001", 1, 6},
		{"1.50", 1.5, formShown},
		{"1.0", 1, formShown},
		{".5", 0, none},
		{"5.", 0, none},
		{"-", 0, none},
		{"", 0, none},
		{"1e5", 0, none},
		{"0x10", 0, none},
		{"inf", 0, none},
		{"+7", 7, formShown},
		{"$5", 5, formShown},
		{"5 €", 5, formShown},
		{"-$5", -5, formShown},
		{"$-5", -5, formShown},
		{"$-123,456", -123456, formShown},
		{"$ 1,234.50", 1234.5, formShown},
		{"10%", 0.1, formShown},
		{"-2.5%", -0.025, formShown},
		{"10 %", 0.1, formShown},
		{"%", 0, none},
		{"$", 0, none},
		{"5 kg", 0, none},
		{"1,234", 1234, formShown},
		{"1,234,567", 1234567, formShown},
		{"1,234,567.5", 1234567.5, formShown},
		{"12,34,567", 1234567, formShown},
		{"12,34,567.50", 1234567.5, formShown},
		{"1.234,50", 1234.5, formShown},
		{"1.234.567", 1234567, formShown},
		{"1'234.50", 1234.5, formShown},
		{"1 234,50", 1234.5, formShown},
		{"1,5", 1.5, formShown},
		{"1,50", 1.5, formShown},
		{"1234,5", 1234.5, formShown},
		{"1234,567", 1234.567, formShown},
		{"1,2,3", 0, none},
		{"1,23,45", 0, none},
		{"1.23.456", 0, none},
		{"1234,567,890", 0, none},
		{"1,234.567,8", 0, none},
		{"1,,234", 0, none},
		{"1,", 0, none},
		{",5", 0, none},
		{"1,234.", 0, none},
		{"1,234.5.6", 0, none},
		{"1,234 567", 0, none},
		{"123,456,789,012,345", 123456789012345, formShown},
		{"1,234,567,890,123,456", 0, none},
		{",555,666", 0, none},
		{"123,456", 123456, formShown},
		{"1,2,345", 0, none},
		{"1,2345,678", 0, none},
		{"1,234.5e3", 0, none},
		{"1.234,5e3", 0, none},
		{"5x,234", 0, none},
		{"1e1,234", 0, none},
		{"0x1,234", 0, none},
		{"--5", 0, none},
	} {
		v, form, ok := decimal(tt.text)
		if !ok {
			v, form = 0, none
		}
		if v != tt.want || form != tt.form {
			t.Errorf("%q is %v in form %d, want %v in form %d", tt.text, v, form, tt.want, tt.form)
		}
	}
}

// TestDaySerial: which texts are dates, and of which day. 2024-03-04 is 45,355.
func TestDaySerial(t *testing.T) {
	for text, want := range map[string]float64{
		"2024-03-04": 45_355,
		"2024/3/4":   45_355,
		"3/4/2024":   45_355,
		"4.3.2024":   45_355,
		"4-3-2024":   45_355,
		"04 03 2024": 45_355,
		"13/4/2024":  45_395,
		"13.4.2024":  45_395,
		"4.13.2024":  45_395,
		"1900-01-01": 2,
		"1899-12-31": 0,
		"29.2.2024":  45_351,
		"29.2.2023":  0,
		"13/13/2024": 0,
		"0/4/2024":   0,
		"4/0/2024":   0,
		"3/4/24":     0,
		"3/4-2024":   0,
		"3/4/2024/5": 0,
		"2024-3":     0,
		"3/4/20245":  0,
		"123/4/2024": 0,
		"3/123/2024": 0,
		"2024-3-123": 0,
		"4.12.2024":  45_630,
		"3/4/2024/":  0,
		"3//4/2024":  0,
		"3/a/2024":   0,
		"3/4/abcd":   0,
		"32.1.2024":  0,
		"a/4/2024":   0,
		"2024 03":    0,
		"12345":      0,
	} {
		got, ok := daySerial(text)
		if got != want || ok != (want != 0) {
			t.Errorf("%q is day %v, %t; want %v", text, got, ok, want)
		}
	}
}

// TestPhoneDigits: which texts look like phone numbers, and which can be nothing else.
func TestPhoneDigits(t *testing.T) {
	for _, tt := range []struct {
		text, want string
		dials      bool
	}{
		{"+91 98450 12345", "919845012345", true},
		{"0091 98450 12345", "919845012345", true},
		{"00919845012345", "919845012345", true},
		{"(080) 2345-678", "0802345678", true},
		{"98450-12345", "9845012345", false},
		{"98450.12345", "9845012345", false},
		{"98450/12345", "9845012345", false},
		{"080) 2345678", "0802345678", false},
		{"080(2345678", "0802345678", false},
		{"9845012345", "", false},
		{"123 4567", "1234567", false},
		{"123 456", "", false},
		{"+123456", "", false},
		{"98450 12345 x", "", false},
		{"98450+12345", "", false},
		{"98450:12345", "", false},
		{"12.11.2024", "", false},
		{"2024-11-12", "", false},
		{"01-02-03", "", false},
		{"12-345-6789", "123456789", false},
		{"123-45-6789", "123456789", false},
		{"123-45-67", "1234567", false},
		{"2024-12-345", "202412345", false},
		{"#1234567", "", false},
	} {
		digits, dials := phoneDigits(tt.text)
		if digits != tt.want || dials != tt.dials {
			t.Errorf("%q has the digits %q, %t; want %q, %t", tt.text, digits, dials, tt.want, tt.dials)
		}
	}
}

// TestFoldedCells: cells with the same meaning fold alike, and some have an alternative fold.
func TestFoldedCells(t *testing.T) {
	f := newFolder()
	text := func(s string) foldedCell { return f.fold(row.TextCell(s)) }
	number := func(v float64) foldedCell { return f.fold(row.NumberCell(v)) }
	for _, same := range [][]foldedCell{
		{text("Asha  Rao"), text("asha rao"), text(" ASHA RAO "), text("asha\trao"), text("asha\u00a0rao"), text("\ufeffasha\u200b rao")},
		{text("é"), text("e\u0301"), text("É")},
		{text("ab\x7f"), text("AB\x7f")},
		{text("a\rb"), text("a\nb"), text("a b")},
		{text("Zoe"), text("zOE")},
		{text("€5"), text("$5"), text("+5")},
		{text("true"), text("TRUE"), f.fold(row.BoolCell(true))},
		{text("false"), f.fold(row.BoolCell(false)), {hash: falseHash}},
		{text(""), text("  "), text("\u200b"), f.fold(row.Cell{}), {}},
		{text("#N/A"), text("#REF!"), {hash: errorHash}},
		{text("7"), number(7)},
		{text("0"), number(0), number(math.Copysign(0, -1))},
		{text("#"), text(" #")},
	} {
		for _, c := range same {
			if c != same[0] {
				t.Errorf("%+v is not %+v", c, same[0])
			}
		}
	}
	for _, other := range []string{"ab", "a\x08b", "a\x0eb"} {
		if text(other).hash == text("a b").hash {
			t.Errorf("%q folds like a blank between letters", other)
		}
	}
	for _, h := range []uint32{falseHash, errorHash} {
		if withoutForm(h) != h {
			t.Errorf("%d has a form", h)
		}
	}
	if text("4.3.2024").hash != number(45_355).hash|formShown {
		t.Error("a date does not fold to its serial")
	}
	for _, tt := range []struct {
		name                      string
		cell                      foldedCell
		phone, dials, local, long bool
	}{
		{"98450 12345", text("98450 12345"), true, false, true, false},
		{"98450 12345 x", text("98450 12345 x"), false, false, false, false},
		{"98450 1234", text("98450 1234"), true, false, false, false},
		{"98450 12345 123456", text("98450 12345 123456"), true, false, false, false},
		{"98450 12345 12345", text("98450 12345 12345"), true, false, true, false},
		{"+91 98450 12345", text("+91 98450 12345"), false, true, false, false},
		{"1,234,567,890", text("1,234,567,890"), false, false, false, false},
		{"12 345 678 901", text("12 345 678 901"), true, false, false, false},
		{"123456789012345", text("123456789012345"), false, false, false, false},
		{"1234567890123456", text("1234567890123456"), false, false, false, true},
		{"0123456789012345", text("0123456789012345"), false, false, false, false},
		{"1234567890123456a", text("1234567890123456a"), false, false, false, false},
		{"999999999999999", number(999999999999999), false, false, false, false},
		{"1000000000000000", number(1e15), false, false, false, true},
		{"-1000000000000000", number(-1e15), false, false, false, true},
	} {
		if c := tt.cell; (c.phone != 0) != tt.phone || c.prefixed != tt.dials || c.unprefixed != tt.local || (c.long != 0) != tt.long {
			t.Errorf("%s: %+v", tt.name, c)
		}
	}
	if text("98450 12345").phone != number(9845012345).hash || text("+91 98450 12345").hash != number(919845012345).hash {
		t.Error("a phone number does not fold to its digits")
	}
	if text("1234567890123456").long != number(1234567890123456).hash || number(1234567890123456).long != text("1234567890123456").hash {
		t.Error("a long number and its text do not fold to each other")
	}
}

// TestVisible: invisible differences between texts do not count.
func TestVisible(t *testing.T) {
	for text, want := range map[string]string{
		"":                "",
		"a b":             "a b",
		" a":              "a",
		"a ":              "a",
		"a  b":            "a b",
		"a\tb":            "a b",
		"a\u00a0b":        "a b",
		"\u200ba\ufeff b": "a b",
		"e\u0301":         "é",
		"a\x7fb":          "a\x7fb",
		" ":               "",
	} {
		if got := visible(text); got != want {
			t.Errorf("%q shows %q, want %q", text, got, want)
		}
	}
}
