package mapping_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/row"
)

// dateOf returns a cell as a property of type date parses it, as RFC 3339 in UTC, or the error.
func dateOf(t testing.TB, p config.Property, cell any) string {
	p.Type = config.Date
	p.Value = at("{{C}}")
	got := propertyOf(t, p, cells("C", cell))
	var seconds int64
	if _, err := fmt.Sscanf(got, `"$D_%d"`, &seconds); err != nil {
		return strings.TrimPrefix(got, "row 7, column C: ")
	}
	return time.Unix(seconds, 0).UTC().Format(time.RFC3339)
}

const (
	noForm    = "not a date in a known form"
	ambiguous = "an ambiguous date: which of its numbers is the day?"
	notEpoch  = "a number that is not Unix epoch seconds between 1970 and 2100"
	millis    = "could be Unix milliseconds or a phone number"
	compact   = "could be a date such as 20180305 or Unix epoch seconds"
	tooSmall  = "a number too small for Unix epoch seconds"
)

func TestDates(t *testing.T) {
	tests := []struct {
		cell any
		want string
	}{
		// The four forms, with CleverTap's own examples.
		{"1521611063", "2018-03-21T05:44:23Z"},
		{"2018-03-05T15:16:0Z", "2018-03-05T15:16:00Z"},
		{"2018-03-5 15:16:0", "2018-03-05T15:16:00Z"},
		{"March 05, 2018 15:16:0", "2018-03-05T15:16:00Z"},

		{1521611063, "2018-03-21T05:44:23Z"},
		{1521611063.75, "2018-03-21T05:44:23Z"},
		{"86400", "1970-01-02T00:00:00Z"},
		{"86399", tooSmall},
		{43164.5, tooSmall}, // a date cell shown as a number
		{"4102444799", "2099-12-31T23:59:59Z"},
		{"4102444800", notEpoch},
		{"9876543210", notEpoch},
		{1521611063123, "2018-03-21T05:44:23Z"},
		{"1521611063123", "2018-03-21T05:44:23Z"},
		{"1000000000000", "2001-09-09T01:46:40Z"},
		{"999999999999", millis},
		{"919876543210", millis}, // a phone number
		{100000000000, millis},
		{"4102444799999", "2099-12-31T23:59:59Z"},
		{"4102444800000", notEpoch},
		{"$D_1521611063", "2018-03-21T05:44:23Z"},
		{"$D_-5", "1969-12-31T23:59:55Z"},
		{"$D_", "$D_ is not followed by Unix epoch seconds"},
		{"$D_1521611063123", "$D_ is not followed by Unix epoch seconds"},
		{"$D_-99999999999", "$D_ is not followed by Unix epoch seconds"},
		{"0", notEpoch},
		{0, notEpoch},
		{-5, notEpoch},
		{"-1521611063", noForm},
		{"99999999999999999999999", notEpoch},
		{"20180305", compact},
		{20180305, compact},
		{"20181399", "1970-08-22T13:56:39Z"}, // not a date, but valid seconds

		{"2018-03-05", "2018-03-05T00:00:00Z"},
		{" 2018-3-5 ", "2018-03-05T00:00:00Z"},
		{"2018-03-05T15:16:00.123Z", "2018-03-05T15:16:00Z"},
		{"2018-03-05T15:16:00,5Z", "2018-03-05T15:16:00Z"},
		{"2018-3-5T5:6:7", "2018-03-05T05:06:07Z"},
		{"2018-03-05T15:16", "2018-03-05T15:16:00Z"},
		{"2018-03-05T15:16Z", "2018-03-05T15:16:00Z"},
		{"2018-03-05T15:16:00+05:30", "2018-03-05T09:46:00Z"},
		{"2018-03-05T15:16:00-0530", "2018-03-05T20:46:00Z"},
		{"2018-03-05T15:16:00+05", "2018-03-05T10:16:00Z"},
		{"2018-03-05 15:16", "2018-03-05T15:16:00Z"},
		{"2018-03-05  15:16:1", "2018-03-05T15:16:01Z"},
		{"2018-03-05 15:16:00Z", "2018-03-05T15:16:00Z"},
		{"2018-03-05 15:16:00.5", "2018-03-05T15:16:00Z"},
		{"1950-01-01", "1950-01-01T00:00:00Z"},
		{"0018-03-05", "a date before the year 1000"},
		{"2018-02-30", noForm},
		{"2018-13-01", noForm},
		{"2018-03-05T24:00:00Z", noForm},
		{"2018-03-05T15:16:60Z", noForm},
		{"2018-03-05T15", noForm},
		{"2018-03-05T", noForm},
		{"2018-03-05T15:16:00+5", noForm},
		{"2018-03-05T15:16:00 IST", noForm},
		{"2018-03", noForm},

		{"Monday, March 05, 2018 15:16:0", "2018-03-05T15:16:00Z"},
		{"monday, march 5, 2018 5:6:7", "2018-03-05T05:06:07Z"},
		{"Monday,March 05, 2018 15:16:00Z", "2018-03-05T15:16:00Z"},
		{"Mon, March 5, 2018 15:16", "2018-03-05T15:16:00Z"},
		{"March 5, 2018", "2018-03-05T00:00:00Z"},
		{"Monday, March 5, 2018", "2018-03-05T00:00:00Z"},
		{"March 5, 2018 15:16", "2018-03-05T15:16:00Z"},
		{"Tuesday, March 05, 2018 15:16:0", "the weekday does not match the date"},
		{"Someday, March 05, 2018 15:16:0", noForm},
		{"March 35, 2018", noForm},
		{"Mar 5, 2018", "2018-03-05T00:00:00Z"},
		{"Mar 05, 2018 15:16:0", "2018-03-05T15:16:00Z"},
		{"MAR 05, 2018 15:16", "2018-03-05T15:16:00Z"},
		{"Mon, Mar 05, 2018 15:16Z", "2018-03-05T15:16:00Z"},
		{"Sept 5, 2018", "2018-09-05T00:00:00Z"},
		{"Marc 5, 2018", noForm},
		{"March 05, 2018 15:16Z", "2018-03-05T15:16:00Z"},
		{"March 05, 2018 15:16 +0530", "2018-03-05T09:46:00Z"},

		{"2018-03-21 18:21:14 +0200", "2018-03-21T16:21:14Z"},
		{"2018-03-21 18:21:14 +02:00", "2018-03-21T16:21:14Z"},
		{"2018-03-21 18:21 -02", "2018-03-21T20:21:00Z"},
		{"2018-03-21 18:21:14 UTC", "2018-03-21T18:21:14Z"},
		{"2018-03-21 18:21:14 gmt", "2018-03-21T18:21:14Z"},
		{"2018-03-21 18:21:14.503 Z", "2018-03-21T18:21:14Z"},
		{"2018-03-21T18:21:14 UTC", "2018-03-21T18:21:14Z"},
		{"2018-03-21T18:21+05", "2018-03-21T13:21:00Z"},
		{"2018-03-21t18:21:14z", "2018-03-21T18:21:14Z"},
		{"2018-03-21t18:21:14.5+05:30", "2018-03-21T12:51:14Z"},
		{"2018-03-21\u00a018:21:14\u202fUTC", "2018-03-21T18:21:14Z"},
		{"2018-03-21 18:21:14 CET", noForm},
		{"2018-03-21 18:21:14 +0270", noForm},
		{"2018-03-21 18:21:14 +02:", noForm},
		{"2018-03-21 18:21:14 +1500", noForm},
		{"2018-03-21 18:21:14 +02000", noForm},
		{"2018-03-21 +0200", noForm},

		{"03/04/2018", ambiguous},
		{"3/4/18", ambiguous},
		{"5.3.2018", ambiguous},
		{"05-03-2018 15:16", ambiguous},
		{"2018/03/04", ambiguous},
		// This one is unambiguous, but the next cell of the column might not be.
		{"25/12/2018", ambiguous},

		{"tomorrow", noForm},
		{"5 pm", noForm},
		{strings.Repeat("2018-03-05", 20), noForm},
		{true, "a boolean, not a date"},
		{"  ", ""},
		{nil, ""},

		{row.DateCell(43164), "2018-03-04T18:30:00Z"}, // midnight in Kolkata
		{row.DateCell(43164.636111111), "2018-03-05T09:46:00Z"},
		{row.DateCell(-0.5), "a time without a day, not a date"},
		{row.DateCell(1.0625), "a time without a day, not a date"},
		{row.DateCell(0.5), "a time without a day, not a date"},
		{row.DateCell(1e300), "the date is not between the years 1 and 9999"},
		{row.DateCell(-1e9), "the date is not between the years 1 and 9999"},
		{row.DateCell(-693593), "0000-12-31T18:06:32Z"},
		{row.DateCell(2958465), "9999-12-30T18:30:00Z"},
		{row.DateCell(2958466), "the date is not between the years 1 and 9999"},
	}
	for _, tt := range tests {
		if got := dateOf(t, config.Property{}, tt.cell); got != tt.want {
			t.Errorf("%v\n got %s\nwant %s", tt.cell, got, tt.want)
		}
	}
}

func TestDateFormats(t *testing.T) {
	tests := []struct {
		format string
		cell   any
		want   string
	}{
		{"dd/MM/yyyy", "03/04/2018", "2018-04-03T00:00:00Z"},
		{"dd/MM/yyyy", "3/4/2018", "2018-04-03T00:00:00Z"},
		{"MM/dd/yyyy", "03/04/2018", "2018-03-04T00:00:00Z"},
		{"d.M.yyyy", "03.4.2018", "2018-04-03T00:00:00Z"},
		{"yyyy/dd/MM", "2018/03/04", "2018-04-03T00:00:00Z"},
		{"dd MMM yyyy", "3 apr 2018", "2018-04-03T00:00:00Z"},
		{"dd MMMM yyyy", "03 April 2018", "2018-04-03T00:00:00Z"},
		{"dd/MM/yyyy HH:mm:ss", "03/04/2018 5:06:07", "2018-04-03T05:06:07Z"},
		{"dd/MM/yyyy HH:mm", "03/04/2018 15:06", "2018-04-03T15:06:00Z"},
		{"dd/MM/yyyy hh:mm a", "03/04/2018 03:06 PM", "2018-04-03T15:06:00Z"},
		{"dd/MM/yyyy h:mm a", "03/04/2018 12:06 am", "2018-04-03T00:06:00Z"},
		{"EEEE, dd/MM/yyyy", "Tuesday, 03/04/2018", "2018-04-03T00:00:00Z"},
		{"EEE dd/MM/yyyy", "Tue 03/04/2018", "2018-04-03T00:00:00Z"},
		{"EEEE, dd/MM/yyyy", "Monday, 03/04/2018", "the weekday does not match the date"},
		{"yyyyMMdd", "20180403", "2018-04-03T00:00:00Z"},
		{"yyyyMMdd", 20180403, "2018-04-03T00:00:00Z"},
		{"yyyyMMddHHmmss", "20180403050607", "2018-04-03T05:06:07Z"},
		{"ddMMyyyy", "03042018", "2018-04-03T00:00:00Z"},
		{"yyyy-MM-dd'T'HH:mm", "2018-04-03T05:06", "2018-04-03T05:06:00Z"},
		{"dd. 'de' MMMM 'o''clock' yyyy", "3. de April o'clock 2018", "2018-04-03T00:00:00Z"},
		{"dd''MM''yyyy", "3'4'2018", "2018-04-03T00:00:00Z"},
		{"dd/MM/yyyy", "13/13/2018", `not a date in the property's format "dd/MM/yyyy"`},
		{"dd/MM/yyyy", "31/02/2018", `not a date in the property's format "dd/MM/yyyy"`},
		{"dd/MM/yyyy", "3/4/18", `not a date in the property's format "dd/MM/yyyy"`},
		{"dd/MM/yyyy", "3/4/2018 x", `not a date in the property's format "dd/MM/yyyy"`},
		{"dd/MM/yyyy", 1521611063, `not a date in the property's format "dd/MM/yyyy"`},
		{"dd/MM/yyyy", row.DateCell(43164), "2018-03-04T18:30:00Z"},

		{"dd/MM/yy", "03/04/00", "2000-04-03T00:00:00Z"},
		{"dd/MM/yy", "3/4/68", "2068-04-03T00:00:00Z"},
		{"dd/MM/yy", "3/4/69", "1969-04-03T00:00:00Z"},
		{"dd/MM/yy", "03/04/99", "1999-04-03T00:00:00Z"},
		{"dd/MM/yy", "03/04/2018", `not a date in the property's format "dd/MM/yy"`},
		{"yyMMdd", "180403", "2018-04-03T00:00:00Z"},
		{"dd MMM yyyy", "3 April 2018", "2018-04-03T00:00:00Z"},
		{"dd MMMM yyyy", "3 Apr 2018", "2018-04-03T00:00:00Z"},
		{"EEE dd/MM/yyyy", "Tuesday 03/04/2018", "2018-04-03T00:00:00Z"},
		{"yyyy-MM-dd HH:mm:ss.SSS", "2018-04-03 05:06:07.123", "2018-04-03T05:06:07Z"},
		{"yyyy-MM-dd HH:mm:ss,SSS", "2018-04-03 05:06:07,123", "2018-04-03T05:06:07Z"},
		{"yyyyMMddHHmmssSSS", "20180403050607123", "2018-04-03T05:06:07Z"},
		{"yyyy-MM-dd HH:mm:ss.SSS", "2018-04-03 05:06:07.12", `not a date in the property's format "yyyy-MM-dd HH:mm:ss.SSS"`},
		{"dd/MM/yyyy HH:mm:ss", "03/04/2018 05:06:07.123456", "2018-04-03T05:06:07Z"},
		{"dd/MM/yyyy HH:mm Z", "03/04/2018 05:06 +0530", "2018-04-02T23:36:00Z"},
		{"dd/MM/yyyy HH:mm Z", "03/04/2018 05:06 Z", "2018-04-03T05:06:00Z"},
		{"dd/MM/yyyy HH:mmZ", "03/04/2018 05:06+05:30", "2018-04-02T23:36:00Z"},
		{"dd/MM/yyyy'T'HH:mm:ss.SSSXXX", "03/04/2018t05:06:07.123+05:30", "2018-04-02T23:36:07Z"},
		{"dd/MM/yyyy HH:mm XXX", "03/04/2018 05:06", `not a date in the property's format "dd/MM/yyyy HH:mm XXX"`},
		{"EEE MMM dd HH:mm:ss Z yyyy", "Tue Apr 03 05:06:07 UTC 2018", "2018-04-03T05:06:07Z"},
		{"ISO", "2018-04-03", "2018-04-03T00:00:00Z"},
		{"ISO", "2018-04-03 05:06 +0530", "2018-04-02T23:36:00Z"},
		{"ISO", "03/04/2018", `not a date in the property's format "ISO"`},
		{"ISO", "1521611063", `not a date in the property's format "ISO"`},
		{"dd/MM/yyyy'Jan'", "03/04/2018Jan", "2018-04-03T00:00:00Z"},
		{"dd/MM/yyyy '2018'", "03/04/2017 2018", "2017-04-03T00:00:00Z"},
		{"_d/MM/yyyy", "_3/04/2018", "2018-04-03T00:00:00Z"},

		{"dd/MM/yyy", "", "compile: unknown field yyy"},
		{"dd/MM/yyyy yy", "", "compile: yy repeats a field"},
		{"dd/MM/yyyy SSS", "", "compile: it has a fraction of a second without seconds"},
		{"dd/MM/yyyy HH:mm Z XXX", "", "compile: it has the same field twice"},
		{"iso", "", "compile: unknown field i"},
		{"DD/MM/yyyy", "", "compile: unknown field DD"},
		{"dd/mm/yyyy", "", "compile: it needs a year, a month and a day"},
		{"MM/yyyy", "", "compile: it needs a year, a month and a day"},
		{"dd/MM/yyyy h:mm", "", "compile: hh and a (AM or PM) go together"},
		{"dd/MM/yyyy HH:mm a", "", "compile: hh and a (AM or PM) go together"},
		{"dd/MM/yyyy mm", "", "compile: it has minutes without hours, or seconds without minutes"},
		{"dd/MM/MMM/yyyy", "", "compile: it has the same field twice"},
		{"dd/MM/dd/yyyy", "", "compile: dd repeats a field"},
		{"yyyyMd", "", "compile: M next to other digits is ambiguous"},
		{"dd/MM/2018yyyy", "", "compile: digits must be in quotes"},
		{"dd/MM/yyyy 'x", "", "compile: a ' is not closed"},
		{"dd/MM/yyyy\xff", "x", `not a date in the property's format "dd/MM/yyyy\xff"`},
	}
	for _, tt := range tests {
		got := dateOf(t, config.Property{Formats: []string{tt.format}}, tt.cell)
		if mistake, ok := strings.CutPrefix(got, "compile: "); ok {
			_, mistake, _ = strings.Cut(mistake, fmt.Sprintf("format %q: ", tt.format))
			mistake, _, _ = strings.Cut(mistake, "; a format consists of")
			got = "compile: " + mistake
		}
		if got != tt.want {
			t.Errorf("%s of %v\n got %s\nwant %s", tt.format, tt.cell, got, tt.want)
		}
	}
}

func TestDateZones(t *testing.T) {
	tests := []struct {
		timezone, template string
		want               string
	}{
		{"", "{{Text}}", `"$D_1520263000"`},
		{"Asia/Kolkata", "{{Text}}", `"$D_1520243200"`},
		{"Asia/Kolkata", "{{UTC}}", `"$D_1520263000"`},
		{"America/New_York", "{{Cell}}", `"$D_1520188200"`}, // a date cell is in the spreadsheet's time zone
		{"", "{{Cell}} {{Clock}}", `"$D_1520231400"`},       // so are a day and a time together
		{"", "{{Cell}} {{Blank}}", `"$D_1520188200"`},
		{"America/New_York", "{{Cell}} {{Clock}}", `"$D_1520269200"`},
		{"", "{{Cell}} {{Hour}}:00", `"$D_1520265600"`}, // but not with other text
		{"Nowhere/Land", "{{Cell}}", `compile: z.yaml:18:5: unknown timezone "Nowhere/Land"; use a name such as Asia/Kolkata`},
	}
	for _, tt := range tests {
		p := config.Property{Type: config.Date, Timezone: tt.timezone, Value: at(tt.template)}
		got := propertyOf(t, p, cells("Text", "2018-03-05 15:16:40", "UTC", "2018-03-05T15:16:40Z",
			"Cell", row.DateCell(43164), "Clock", row.DateCell(0.5), "Blank", nil, "Hour", "16"))
		if got != tt.want {
			t.Errorf("%s in %q\n got %s\nwant %s", tt.template, tt.timezone, got, tt.want)
		}
	}
}

func TestTimeOfRecord(t *testing.T) {
	tests := []struct {
		cell any
		want string // ts
	}{
		{nil, "1700000000"},
		{" ", "1700000000"},
		{1521611063, "1521611063"},
		{"2018-03-05T15:16:40Z", "1520263000"},
		{row.DateCell(43164), "1520188200"},
		{"soon", "row 7, column When: not a date in a known form"},
		{"1950-01-01", "row 7, column When: time is before 1970, which CleverTap does not accept"},
		{row.DateCell(0.5), "row 7, column When: a time without a day, not a date"},
		{row.DateCell(1e10), "row 7, column When: the date is not between the years 1 and 9999"},
	}
	for _, tt := range tests {
		z := profile(config.Property{Value: at("x")})
		when := at("{{When}}")
		z.Actions[0].Time = &when
		got := outcome(t, z, cells("When", tt.cell))
		got = strings.TrimPrefix(got, `{"type":"profile","identity":"me","ts":`)
		got, _, _ = strings.Cut(got, ",\"profile")
		if got != tt.want {
			t.Errorf("time %v\n got %s\nwant %s", tt.cell, got, tt.want)
		}
	}
}

func TestNoTimeAtAll(t *testing.T) {
	m, err := mapping.Compile(profile(config.Property{Value: at("x")}))
	if err != nil {
		t.Fatal(err)
	}
	b, err := m.Bind(row.HeaderOf(nil))
	if err != nil {
		t.Fatal(err)
	}
	rec, _, err := b.Record(0, row.Row{Number: 2}, mapping.Context{})
	if want := `{"type":"profile","identity":"me","profileData":{"P":"x"}}`; err != nil || string(rec.JSON) != want {
		t.Errorf("got %s, %v; want %s", rec.JSON, err, want)
	}
}

// TestDateFormatLists checks that formats are tried in order, and that a list whose order would
// matter is refused.
func TestDateFormatLists(t *testing.T) {
	tests := []struct {
		formats string // separated by ;
		cell    any
		want    string
	}{
		{"dd/MM/yyyy;ISO", "03/04/2018", "2018-04-03T00:00:00Z"},
		{"dd/MM/yyyy;ISO", "2018-04-03", "2018-04-03T00:00:00Z"},
		{"dd/MM/yyyy;ISO", "2018-04-03T05:06:07Z", "2018-04-03T05:06:07Z"},
		{"dd/MM/yyyy;ISO", "3 April", `not a date in the property's format "dd/MM/yyyy" or "ISO"`},
		{"dd/MM/yyyy;dd/MM/yy", "03/04/18", "2018-04-03T00:00:00Z"},
		{"dd/MM/yyyy;d/M/yyyy", "3/4/2018", "2018-04-03T00:00:00Z"},
		{"MMM d yyyy;MMMM d yyyy", "April 3 2018", "2018-04-03T00:00:00Z"},
		{"dd/MM/yyyy HH:mm;MM/dd/yyyy h:mm a", "03/04/2018 1:02 pm", "2018-03-04T13:02:00Z"},
		{"yyyyMMdd;dd.MM.yyyy", 20180403, "2018-04-03T00:00:00Z"},
		{"EEE dd/MM/yyyy;dd.MM.yyyy", "Mon 03/04/2018", "the weekday does not match the date"},

		{"dd/MM/yyyy;MM/dd/yyyy", "", `compile: "dd/MM/yyyy" and "MM/dd/yyyy" read 05/04/2003 as different dates`},
		{"ISO;yyyy-dd-MM", "", `compile: "ISO" and "yyyy-dd-MM" read 2003-05-04 as different dates`},
		{"ISO;yyyy-dd-MM HH:mm", "", `compile: "ISO" and "yyyy-dd-MM HH:mm" read 2003-05-04 03:12 as different dates`},
		{"dd/MM/yy;yy/MM/dd", "", `compile: "dd/MM/yy" and "yy/MM/dd" read 05/04/03 as different dates`},
		{"ISO;dd.MM.yyyy;MM.dd.yyyy", "", `compile: "dd.MM.yyyy" and "MM.dd.yyyy" read 05.04.2003 as different dates`},
		{"yyyyMMdd;ddMMyyyy", "", `compile: "yyyyMMdd" and "ddMMyyyy" read 20031005 as different dates`},
		{"ddMMyyHHmm;yyyyMMddHH", "", `compile: "ddMMyyHHmm" and "yyyyMMddHH" read 2003040503 as different dates`},
		{"EEE dd/MM/yyyy;EEE MM/dd/yyyy", "", `compile: "EEE dd/MM/yyyy" and "EEE MM/dd/yyyy" read Friday 11/07/2003 as different dates`},
		{"dd/MM/yyyy HH:mm:ss;dd/MM/yyyy mm:HH:ss", "", `compile: "dd/MM/yyyy HH:mm:ss" and "dd/MM/yyyy mm:HH:ss" read 05/04/2003 03:12:09 as different dates`},
	}
	for _, tt := range tests {
		got := dateOf(t, config.Property{Formats: strings.Split(tt.formats, ";")}, tt.cell)
		if mistake, ok := strings.CutPrefix(got, "compile: z.yaml:18:5: format: "); ok {
			mistake, _, _ = strings.Cut(mistake, "; keep the one")
			got = "compile: " + mistake
		}
		if got != tt.want {
			t.Errorf("%s of %v\n got %s\nwant %s", tt.formats, tt.cell, got, tt.want)
		}
	}
}

// TestBirthDateInTheFuture checks that a birth date with a two-digit year is not read as one in the
// future.
func TestBirthDateInTheFuture(t *testing.T) {
	for cell, want := range map[string]string{
		"03/04/23": `"$D_1680480000"`,
		"03/04/64": "row 7, column C: a birth date in the future, from a two-digit year",
		"03/04/69": `"$D_-23587200"`,
	} {
		z := profile(config.Property{Type: config.Date, Formats: []string{"dd/MM/yy"}, Value: at("{{C}}")})
		z.Actions[0].Properties[0].Name = "DOB"
		got := outcome(t, z, cells("C", cell))
		got = strings.TrimPrefix(got, `{"type":"profile","identity":"me","ts":1700000000,"profileData":{"DOB":`)
		if got = strings.TrimSuffix(got, "}}"); got != want {
			t.Errorf("DOB %s\n got %s\nwant %s", cell, got, want)
		}
		if other := dateOf(t, config.Property{Formats: []string{"dd/MM/yy"}}, cell); strings.Contains(other, "birth") {
			t.Errorf("P %s: %s", cell, other)
		}
	}
}

// TestFormatListsReadOneDate checks that a valid list of formats reads a date that one of them
// writes as that date, in any order of the list.
func TestFormatListsReadOneDate(t *testing.T) {
	days := []string{"dd/MM/yyyy", "MM/dd/yyyy", "dd/MM/yy", "yy/MM/dd", "yyyy/MM/dd", "yyyy/dd/MM", "ddMMyyyy", "yyyyMMdd", "yyMMdd", "ddMMyy", "d MMM yyyy", "EEE d/M/yyyy"}
	clocks := []string{"", " HH:mm", " h:mm a", "'T'HH:mm:ss", " HHmm", " HH:mm:ss.SSSXXX"}
	layouts := strings.NewReplacer("yyyy", "2006", "yy", "06", "MMM", "Jan", "MM", "01", "dd", "02", "d", "2", "M", "1", "HH", "15", "h", "3", "mm", "04", "ss", "05", "SSS", "000", "a", "PM", "XXX", "Z07:00", "EEE", "Mon", "'", "")
	rapid.Check(t, func(rt *rapid.T) {
		draw := func() string {
			return rapid.SampledFrom(days).Draw(rt, "day") + rapid.SampledFrom(clocks).Draw(rt, "clock")
		}
		first, second := draw(), draw()
		at := time.Unix(rapid.Int64Range(0, 3000000000).Draw(rt, "seconds"), 0).UTC() // 1970 to 2065
		for _, formats := range [][]string{{first, second}, {second, first}} {
			text := at.Format(layouts.Replace(first))
			got := dateOf(t, config.Property{Formats: formats}, text)
			alone := dateOf(t, config.Property{Formats: []string{first}}, text)
			if !strings.HasPrefix(got, "compile") && got != alone {
				rt.Errorf("%v of %s\n got %s\nwant %s", formats, text, got, alone)
			}
		}
	})
}

// TestDatesRoundTrip checks that a time in a documented form is read as the same time.
func TestDatesRoundTrip(t *testing.T) {
	layouts := []string{
		"2006-01-02T15:04:05Z07:00", "2006-1-2T15:4:5Z07:00", "2006-01-02T15:04:05.000Z0700", "2006-1-2 15:4:5Z07:00",
		"January 2, 2006 15:4:5Z07:00", "Monday, January 02, 2006 15:04:05Z07:00",
	}
	rapid.Check(t, func(rt *rapid.T) {
		seconds := rapid.Int64Range(-30000000000, 200000000000).Draw(rt, "seconds") // the years 1019 to 8307
		zone := time.FixedZone("", 60*rapid.IntRange(-12*60, 14*60).Draw(rt, "zone"))
		s := time.Unix(seconds, 0).In(zone).Format(rapid.SampledFrom(layouts).Draw(rt, "layout"))
		if got, want := dateOf(t, config.Property{}, s), time.Unix(seconds, 0).UTC().Format(time.RFC3339); got != want {
			rt.Errorf("%s\n got %s\nwant %s", s, got, want)
		}
	})
}

func FuzzDate(f *testing.F) {
	for _, s := range []string{
		"1521611063", "2018-03-05T15:16:0Z", "2018-03-5 15:16:0", "March 05, 2018 15:16:0", "Monday, March 5, 2018",
		"03/04/2018", "20180305", "2018-03-05T15:16:00+0530", "2018-03-21 18:21:14 UTC", "Mar 05, 2018 15:16 z", "1.2.3.4", ",", "T", "99999999999999999999",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got := dateOf(t, config.Property{}, s); strings.TrimSpace(s) != "" && got == "" {
			t.Errorf("%q: neither a date nor an error", s)
		}
	})
}

func FuzzDateFormat(f *testing.F) {
	f.Add("dd/MM/yyyy", "03/04/2018")
	f.Add("yyyyMMddHHmmss", "20180403050607")
	f.Add("EEEE, MMMM d, yyyy h:mm a", "Tuesday, April 3, 2018 5:06 PM")
	f.Add("dd'T'MM''yyyy", "03T04'2018")
	f.Add("dd/MM/yy HH:mm:ss.SSS Z", "03/04/18 05:06:07.123 +0530")
	f.Add("d\xff.M_yyyy", "x")
	f.Fuzz(func(t *testing.T, format, s string) {
		got := dateOf(t, config.Property{Formats: []string{format}}, s)
		if format == "" || strings.TrimSpace(s) == "" || strings.HasPrefix(got, "compile: ") || strings.HasPrefix(got, "not a date") || strings.HasPrefix(got, "the weekday") {
			return
		}
		if _, err := time.Parse(time.RFC3339, got); err != nil && !strings.Contains(got, "before the year") && !strings.Contains(got, "years") {
			t.Errorf("%q of %q: %s", format, s, got)
		}
	})
}
