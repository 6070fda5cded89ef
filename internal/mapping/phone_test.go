package mapping_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/row"
)

func phoneOf(t testing.TB, country string, cell any) string {
	p := config.Property{Type: config.Phone, Country: country, Value: at("{{C}}")}
	return strings.TrimPrefix(propertyOf(t, p, cells("C", cell)), "row 7, column C: ")
}

func TestPhones(t *testing.T) {
	const (
		letters = "not a phone number: only digits, spaces, ( ) - . and one + before them may be in it"
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
		{"DE", 4915112345678, "a phone number that may begin with the country code, or not"},
		{"DE", "015112345678", `"+4915112345678"`},
		{"US", "4155550132", `"+14155550132"`},
		{"GB", "+44 (0)20 7946 0958", `"+442079460958"`},
		{"", "+919876543210", `"+919876543210"`},
		{"", "9876543210", noPlus},
		{"", 919876543210, noPlus},
		{"IN", "9.87654321E9", letters},
		{"IN", "98765x43210", letters},
		{"IN", "tel:9876543210", letters},
		{"IN", "९८७६५४३२१०", letters},
		{"IN", "+91+9876543210", letters},
		{"IN", "98+76543210", letters},
		{"IN", "98765/43210", letters},
		{"IN", "+", letters},
		{"IN", "()", letters},
		{"IN", strings.Repeat("9", 65), letters},
		{"IN", "987654321", "not a phone number for country IN (9 digits)"},
		{"IN", "12345", "not a phone number for country IN (5 digits)"},
		{"IN", "+44 123", "not a phone number of any country (+ and 5 digits)"},
		{"US", "9876543210", "not a phone number for country US (10 digits)"},
		{"IN", 98765.5, "a number that is no phone number"},
		{"IN", 1e15, "a number that is no phone number"},
		{"IN", -9876543210, "a number that is no phone number"},
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
