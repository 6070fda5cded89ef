package mapping_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/row"
)

func phoneOf(t testing.TB, country string, cell any) string {
	p := config.Property{Type: config.Phone, Country: country, Value: at("{{C}}")}
	return strings.TrimPrefix(propertyOf(t, p, cells("C", cell)), "row 7, column C: ")
}

func TestPhones(t *testing.T) {
	const (
		letters = "not a phone number: use digits, spaces, ( ) - . / and one leading +"
		noPlus  = "a phone number without + and country code"
	)
	tests := []struct {
		country string
		cell    any
		want    string
	}{
		{"IN", "9876543210", `"+919876543210"`},
		{"IN", " 98765 43210 ", `"+919876543210"`},
		{"IN", "98765\u00a043210", `"+919876543210"`},
		{"IN", "(98765)-432.10", `"+919876543210"`},
		{"IN", "09876543210", `"+919876543210"`},
		{"IN", "+919876543210", `"+919876543210"`},
		{"IN", "(+91) 98765 43210", `"+919876543210"`},
		{"IN", "+35922333232", `"+35922333232"`},
		{"IN", 9876543210, `"+919876543210"`},
		{"IN", 919876543210, `"+919876543210"`},
		{"DE", 4915112345678, "a phone number that may or may not begin with the country code"},
		{"DE", "015112345678", `"+4915112345678"`},
		{"US", "4155550132", `"+14155550132"`},
		{"GB", "+44 (0)20 7946 0958", `"+442079460958"`},
		{"", "+919876543210", `"+919876543210"`},
		{"", "9876543210", noPlus},
		{"", 919876543210, noPlus},
		{"IN", "9.87654321E9", letters},
		{"IN", "98765x43210", letters},
		{"IN", "tel:9876543210", letters},
		{"IN", "९८७६५४३२१०", `"+919876543210"`},
		{"IN", "٩٨٧٦٥٤٣٢١٠", `"+919876543210"`},
		{"IN", "９８７６５４３２１０", `"+919876543210"`},
		{"", "＋９１（９８７６５）－４３２１０", `"+919876543210"`},
		{"IN", "９８７６５Ａ４３２１０", letters},
		{"IN", "²876543210", letters},
		{"IN", "+91+9876543210", letters},
		{"IN", "98+76543210", letters},
		{"IN", "98765/43210", `"+919876543210"`},
		{"DE", "030/123456", `"+4930123456"`},
		{"DE", "+49 30/123456", `"+4930123456"`},
		{"DE", "030/123456/7", letters},
		{"DE", "030 123456/7", letters}, // the last digit of a second number
		{"DE", "/030123456", letters},
		{"IN", "9876543210/9876543211", "not a phone number for country IN (20 digits)"},
		{"IN", "\u202a+91 98765\u200b 43210\u202c", `"+919876543210"`},
		{"IN", "\ufeff98765\u206043210", `"+919876543210"`},
		{"IN", "\u200e\u200b", letters},
		{"IN", "987\u206665 43210", "not a phone number: an invisible character, U+2066 after the 3rd digit"},
		{"IN", "\u00ad9876543210", "not a phone number: an invisible character, U+00AD before the first digit"},
		{"IN", "98765\n43210", "not a phone number: an invisible character, U+000A after the 5th digit"},

		// A zero in brackets.
		{"GB", "(0)20 7946 0958", `"+442079460958"`},
		{"", "+44 (0)20 7946 0958", `"+442079460958"`},
		{"", "+49 ( 0 ) 30 123456", `"+4930123456"`},
		{"", "+91 (0) 98765 43210", `"+919876543210"`},
		{"", "+34 (0) 612 345 678", `"+34612345678"`}, // no Spanish number has the zero
		{"", "+39 (0)6 5123 4567", `"+390651234567"`}, // every number in Rome has the zero
		{"", "+39 (0) 3123456789", "a phone number whose 0 in brackets may or may not be part of it"},
		{"IT", "(0) 3123456789", "a phone number whose 0 in brackets may or may not be part of it"},
		{"", "+39 (0) 12", "not a phone number of any country (+ and 5 digits)"},
		{"", "+39 (06) 5123 4567", `"+390651234567"`},
		{"IN", "+", letters},
		{"IN", "()", letters},
		{"IN", ")9876543210(", `"+919876543210"`},
		{"IN", strings.Repeat("9", 65), letters},
		{"IN", "987654321", "not a phone number for country IN (9 digits)"},
		{"IN", "12345", "not a phone number for country IN (5 digits)"},
		{"IN", "+44 123", "not a phone number of any country (+ and 5 digits)"},
		{"US", "9876543210", "not a phone number for country US (10 digits)"},
		{"IN", 98765.5, "a number that is not a phone number"},
		{"IN", 1e15, "a number that is not a phone number"},
		{"IN", -9876543210, "a number that is not a phone number"},
		{"IN", true, "a boolean, not a phone number"},
		{"IN", row.DateCell(43164), "a date, not a phone number"},
		{"IN", "", ""},
		{"IN", " ", ""},
	}
	for _, tt := range tests {
		if got := phoneOf(t, tt.country, tt.cell); got != tt.want {
			t.Errorf("%v, country %q\n got %s\nwant %s", tt.cell, tt.country, got, tt.want)
		}
	}
}

// TestCountryOfTheRow checks that the country in the row applies only to numbers without + and
// country code.
func TestCountryOfTheRow(t *testing.T) {
	const (
		none    = "row 7, column Country: no country for a phone number without + and country code"
		unknown = "row 7, column Country: neither the code nor the English name of a country"
	)
	tests := []struct {
		country any
		phone   string
		want    string
	}{
		{"IN", "9876543210", `"+919876543210"`},
		{" in ", "9876543210", `"+919876543210"`},
		{"IND", "9876543210", `"+919876543210"`},
		{"India", "9876543210", `"+919876543210"`},
		{"INDIA", "9876543210", `"+919876543210"`},
		{"Germany", "030 123456", `"+4930123456"`},
		{"UK", "020 7946 0958", `"+442079460958"`},
		{"The United Kingdom", "020 7946 0958", `"+442079460958"`},
		{"U.S.A.", "415 555 0132", `"+14155550132"`},
		{"USA", "415 555 0132", `"+14155550132"`},
		{"United States of America", "415 555 0132", `"+14155550132"`},
		{"Cote d'Ivoire", "0123456789", `"+2250123456789"`},
		{"Saint Lucia", "7584567890", `"+17584567890"`},
		{"Bosnia and Herzegovina", "061 123 456", `"+38761123456"`},
		{"Hong Kong", "2123 4567", `"+85221234567"`},
		{"Turkey", "0501 234 56 78", `"+905012345678"`},
		{"United States", "9876543210", "row 7, column Phone: not a phone number for country US (10 digits)"},
		{"Bharat", "9876543210", unknown},
		{"ZZ", "9876543210", unknown},
		{"EU", "9876543210", unknown},
		{91, "9876543210", unknown},
		{nil, "9876543210", none},
		{" ", "9876543210", none},
		{"Bharat", "+919876543210", `"+919876543210"`},
		{nil, "+919876543210", `"+919876543210"`},
		{"#REF!", "9876543210", "row 7, column Country: the cell shows an error, or is still loading"},
		{nil, "", ""},
	}
	for _, tt := range tests {
		from := at("{{Country}}")
		p := config.Property{Type: config.Phone, CountryFrom: &from, Value: at("{{Phone}}")}
		if got := propertyOf(t, p, cells("Phone", tt.phone, "Country", tt.country)); got != tt.want {
			t.Errorf("%s of %v\n got %s\nwant %s", tt.phone, tt.country, got, tt.want)
		}
	}
	from := at("{{Land}}")
	p := config.Property{Type: config.Phone, CountryFrom: &from, Value: at("{{Phone}}")}
	if got := propertyOf(t, p, cells("Phone", "1")); got != `bind: z.yaml:18:14: the worksheet has no column "Land"` {
		t.Errorf("a column that is not there: %s", got)
	}
	m, err := mapping.Compile(profile(p))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(m.Columns(), ","); got != "Phone,Land" {
		t.Errorf("the mapping uses %s", got)
	}
}

func FuzzPhone(f *testing.F) {
	for _, s := range []string{"9876543210", "+44 (0)20 7946 0958", "9.87654321E9", "+1 (650) 253-0000", "00919876543210", "+"} {
		f.Add(s)
	}
	e164 := regexp.MustCompile(`^"\+[1-9]\d{1,14}"$`)
	f.Fuzz(func(t *testing.T, s string) {
		got := phoneOf(t, "IN", s)
		if got != "" && got[0] == '"' && !e164.MatchString(got) {
			t.Errorf("%q: %s is not E.164", s, got)
		}
		if got != "" && got[0] == '"' && strings.ContainsAny(strings.ToLower(s), "abcdefghijklmnopqrstuvwxyz") {
			t.Errorf("%q: letters read as a phone number: %s", s, got)
		}
	})
}
