package row

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestShownDate(t *testing.T) {
	tests := []struct {
		serial float64
		shown  string
		clock  bool
		want   string
	}{
		{2, "1/1/1900", false, "1900-01-01"},
		{306, "11/1/1900", false, "1900-11-01"},
		{306, "01.11.1900", false, "1900-11-01"},
		{306, "Nov 1900", false, "1900-11-01"},
		{2, "1/1/1900 0:00:00", false, "1900-01-01"},
		{2.5, "1900-01-01 12:00:00", false, "1900-01-01 12:00:00"},
		{0.5, "12/30/1899 12:00:00", false, "1899-12-30 12:00:00"},
		{-18260, "1850-01-03", false, "1850-01-01"},
		{45000.5, "15.03.2023 12.00", false, "2023-03-15 12:00:00"},
		{45000.5, "2023:03:15", false, "2023-03-15 12:00:00"},
		{45000.5, "12:00 15/3/23", false, "2023-03-15 12:00:00"},
		{45000, "15/3/2566", false, "2023-03-15"}, // Buddhist calendar
		{45000, "Wednesday", false, "2023-03-15"},
		{45000, "15", false, "2023-03-15"},
		{45272, "12", false, "2023-12-12"}, // the day, or the hour at midnight
		{37623.04309028, "03.01.01", false, "2003-01-02 01:02:03"},
		{45000.5, "१५/३/२०२३", false, "2023-03-15 12:00:00"},

		{400.5, "9612:00:00", true, "9612:00:00"},
		{400.5, "9612", true, "9612:00:00"},
		{400.5, "9612 h", true, "9612:00:00"},
		{-1, "-24:00:00", true, "-24:00:00"},
		{-0.5, "-12:00:00", true, "-12:00:00"},
		{1, "24:00:00", true, "24:00:00"},
		{1.0625, "25:30", true, "25:30:00"},
		{1.0625, "1530:00", true, "25:30:00"},
		{1.0625, "25:30:00.000", true, "25:30:00"},
		{1.0625, "25 h 30 min", true, "25:30:00"},

		{0.25, "06:00", true, "06:00:00"},
		{0.75, "6:00 PM", true, "18:00:00"},
		{0.75, "6 PM", true, "18:00:00"},
		{0.75, "下午6:00:00", true, "18:00:00"},
		{0.7508, "18.01.09", true, "18:01:09"},
		{0.7508, "18h01", true, "18:01:09"},
		{0.7508, "٦:٠١:٠٩ م", true, "18:01:09"},
		{0.0007, "01:00", true, "00:01:00"}, // minutes and seconds
		{45000.5, "12:00:00", true, "12:00:00"},
		{37623.04309028, "01:02:03", true, "01:02:03"}, // of 2003-01-02
		{45000.5, "12:00:07", true, "12:00:00"},        // recalculated between the two reads
		{400.5, "9612:00:07", true, "9612:00:00"},
		{0, "0:00", true, "00:00:00"},

		{200, "Tuesday", true, "4800:00:00"}, // no number to judge by, as with stored cells without a shape
	}
	for _, tt := range tests {
		c := ShownDate(tt.serial, tt.shown)
		if got := c.String(); got != tt.want || c.Clock() != tt.clock || c.Num != tt.serial {
			t.Errorf("%v shown as %q is %q, clock %v; want %q, %v", tt.serial, tt.shown, got, c.Clock(), tt.want, tt.clock)
		}
	}
}

func TestShows(t *testing.T) {
	tests := []struct {
		serial float64
		shown  string
		want   string
	}{
		{45000, "2023-03-15", "all"},
		{45000, "15.03.23", "all"},
		{45000, "Wednesday, March 15, 2023", "all"},
		{45000, "2023年3月15日", "all"},
		{45000, "15/3/2566", "most"}, // Buddhist calendar
		{45000, "令和5年3月15日", "most"},
		{45000, "१५/३/२०२३", "all"},
		{45000, "Mar 2023", "all"},
		{45000.5, "3/15/2023 12:00:00 PM", "all"},
		{45000.75, "15. März 6:00 PM", "all"},
		{45000.5, "2023-03-15T12:00:00.000+05:30", "most"},
		{45000.5, "2023-03-15 12:00:07", "most"}, // recalculated
		{0.25, "06:00", "all"},
		{45000.75, "6 PM", "all"},
		{400.5, "9612:00:00", "all"},
		{1.0625, "25 h 30 min", "all"},
		{45000, "Wednesday", "none"},
		{45000, "pending", "none"},
		{45000, "", "none"},
		{45000, "16.04.2024", "none"},
		{45000, "2024-04-16 09:30:00", "none"},
		{45000, "order 1189-3", "none"},
		{906, "2020-01-01", "none"},
		{0.25, "09:30", "none"},
		{0.45, "45%", "none"},
		{1234.5, "1,234.50", "none"},
		{120000, "₹ 1.2L", "none"},
	}
	for _, tt := range tests {
		all, most := Shows(tt.serial, tt.shown)
		got := "none"
		switch {
		case all && most:
			got = "all"
		case most:
			got = "most"
		}
		if got != tt.want || all && !most {
			t.Errorf("%q for %v: %s of its numbers, want %s", tt.shown, tt.serial, got, tt.want)
		}
	}
}

func TestShownDateTakesAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		serial := rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{math.Inf(1), math.NaN(), math.MaxFloat64})).Draw(t, "serial")
		shown := rapid.OneOf(rapid.String(), rapid.StringMatching(`[-0-9:. /]{0,40}`)).Draw(t, "shown")
		Shows(serial, shown)
		if c := ShownDate(serial, shown); c.Shape > ShapeDuration || c.Kind != Date {
			t.Fatalf("%+v", c)
		}
	})
}
