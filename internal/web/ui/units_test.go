package ui

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rowtap/rowtap/internal/ledger"
)

func TestDescribeSchedule(t *testing.T) {
	for line, want := range map[string]string{
		"*/2 * * * *": "every 2 minutes", "* * * * *": "every minute", "0 * * * *": "every hour", "15 * * * *": "every hour at minute 15 UTC",
		"CRON_TZ=Asia/Kolkata 15 * * * *": "every hour at minute 15 (Asia/Kolkata)", "CRON_TZ=Asia/Kolkata */20 * * * *": "every 20 minutes",
		"@monthly": "on the first of every month at 00:00 UTC", "CRON_TZ=Asia/Kolkata @yearly": "every 1 January at 00:00 (Asia/Kolkata)",
		"*/1 * * * *": "every minute", "*/45 * * * *": "on schedule */45 * * * * UTC", "*/7 * * * *": "on schedule */7 * * * * UTC",
		"*/60 * * * *": "every hour", "*/90 * * * *": "on schedule */90 * * * * UTC",
		"@every 30s": "every 30 seconds", "@every 1m": "every minute", "@every 90s": "every 90 seconds", "@hourly": "every hour",
		"@daily": "every day at 00:00 UTC", "CRON_TZ=Asia/Kolkata @weekly": "every Sunday at 00:00 (Asia/Kolkata)",
		"0 9 * * *": "every day at 09:00 UTC", "CRON_TZ=Asia/Kolkata 30 9 * * *": "every day at 09:30 (Asia/Kolkata)",
		"TZ=Asia/Kolkata 30 9 * * *": "every day at 09:30 (Asia/Kolkata)", "CRON_TZ=Asia/Kolkata */45 * * * *": "on schedule */45 * * * * (Asia/Kolkata)",
		"0 9 * * 1-5": "on schedule 0 9 * * 1-5 UTC", "*/5 9-17 * * *": "on schedule */5 9-17 * * * UTC",
	} {
		if got := describeSchedule(line); got != want {
			t.Errorf("describeSchedule(%q) = %q, want %q", line, got, want)
		}
	}
}

func TestPlot(t *testing.T) {
	now := time.Date(2026, 11, 25, 14, 30, 0, 0, time.UTC)
	at := func(hours int) time.Time { return now.Truncate(time.Hour).Add(time.Duration(hours) * time.Hour) }
	hours := []ledger.Hour{{At: at(-30 * 24), Sent: 3}, {At: at(-29 * 24), Sent: 5}, {At: at(-7*24 + 1), Skipped: 2}, {At: at(-24), Sent: 7}, {At: at(-23), Sent: 400}, {At: at(0), Sent: 1}}
	for _, c := range []struct {
		span, label, data string
		most              int64
		axis              []time.Time
		drawn             []string
	}{
		{
			"", "Rows in the last 24 hours: 1,001 sent, 2 validated, 1 failed", "1000" + strings.Repeat(" ", 23) + "1,2,,,1", 1000,
			[]time.Time{at(-23), at(-17), at(-11), at(-5)},
			[]string{`<path class="sent" d="M3.5 5v19M187.5 23v1"/>`, `<path class="failed" d="M187.5 21v1"/>`, `data-bar="3600"`},
		},
		{
			"7d", "Rows in the last 7 days: 1,008 sent, 2 validated, 2 skipped, 1 failed", ",,2" + strings.Repeat(" ", 143) + "7 1000" + strings.Repeat(" ", 23) + "1,2,,,1", 1000,
			[]time.Time{at(-167), at(-143), at(-119), at(-95), at(-71), at(-47), at(-23)},
			nil,
		},
		{
			"30d", "Rows in the last 30 days: 1,013 sent, 2 validated, 2 skipped, 1 failed", "5" + strings.Repeat(" ", 22) + ",,2" + strings.Repeat(" ", 6) + "1007 1,2,,,1", 1007,
			[]time.Time{at(-14 - 29*24), at(-14 - 24*24), at(-14 - 19*24), at(-14 - 14*24), at(-14 - 9*24), at(-14 - 4*24)},
			[]string{`data-bar="86400"`},
		},
	} {
		p := newPlot(spanOf(c.span), now, false)
		p.add(hours, time.Time{})
		p.add([]ledger.Hour{{At: at(-23), Sent: 600}, {At: at(0), Failed: 1, Validated: 2}}, time.Time{})
		if got := p.Label(); got != c.label {
			t.Errorf("label %q, want %q", got, c.label)
		}
		if got := p.data(); got != c.data {
			t.Errorf("%s: data %q, want %q", c.label, got, c.data)
		}
		if p.Most() != c.most || !slices.Equal(p.Axis(), c.axis) {
			t.Errorf("%s: highest %d, axis %v; want %d, %v", c.label, p.Most(), p.Axis(), c.most, c.axis)
		}
		for _, want := range c.drawn {
			if svg := string(p.svg()); !strings.Contains(svg, want) {
				t.Errorf("%s is not in %s", want, svg)
			}
		}
	}
}

// A plot says which of its bars may miss rows.
func TestPlotsSayWhatIsMissing(t *testing.T) {
	now := time.Date(2026, 11, 25, 14, 30, 0, 0, time.UTC)
	ago := func(days int) time.Time { return now.Add(time.Duration(-days) * 24 * time.Hour) }
	for span, want := range map[string]time.Time{"": {}, "7d": {}, "30d": ago(9)} {
		p := newPlot(spanOf(span), now, true)
		for _, from := range []time.Time{ago(12), ago(9), {}, ago(40)} {
			p.add(nil, from)
		}
		if !p.Missing.Equal(want) {
			t.Errorf("%s: rows before %s may be missing, want %s", p.Words, p.Missing, want)
		}
	}
}

func TestRecordFields(t *testing.T) {
	fields, differ := recordFields([]byte(`{"a":{"b":1,"c":[1,{"d":null}],"e":{}},"f":"x"}`), []byte(`{"a":{"b":2,"c":[1]},"g":true,"f":"x"}`))
	want := []recordField{
		{"a.b", "1", "2", "changed"},
		{"a.c[0]", "1", "1", ""},
		{"a.c[1].d", "null", "", "added"},
		{"a.e", "{}", "", "added"},
		{"f", `"x"`, `"x"`, ""},
		{"g", "", "true", "removed"},
	}
	if d := cmp.Diff(want, fields); d != "" || !differ {
		t.Errorf("fields, %t (-want +got):\n%s", differ, d)
	}
	for _, tt := range []struct{ path, value, want string }{
		{"profileData.Joined", `"$D_1521611063"`, "2018-03-21 05:44:23 UTC"},
		{"evtData.On", `"$D_-86400"`, "1969-12-31 00:00:00 UTC"},
		{"ts", "1521611063", "2018-03-21 05:44:23 UTC"},
		{"profileData.Score", "1521611063", ""},
		{"profileData.Joined", `"$D_soon"`, ""},
		{"ts", "", ""},
	} {
		if got := (recordField{Path: tt.path, Now: tt.value}).NowTime(); got != tt.want {
			t.Errorf("the time of %s %s: %q, want %q", tt.path, tt.value, got, tt.want)
		}
	}
	if fields, differ := recordFields([]byte(`{"a":1}`), nil); differ || len(fields) != 1 || fields[0].Mark != "" {
		t.Errorf("without a record that was tried: %v, %t", fields, differ)
	}
}

func TestLocal(t *testing.T) {
	for to, want := range map[string]string{
		"/zaps/a?state=held": "/zaps/a?state=held", "/%2Fevil.example": "/", "/%5Cevil.example": "/", "": "/", "zaps": "/", "//evil.example": "/", "https://evil.example/": "/", `/\evil.example`: "/",
		"javascript:alert(1)": "/", "/a\nb": "/",
	} {
		if got := local(to); got != want {
			t.Errorf("local(%q) = %q, want %q", to, got, want)
		}
	}
}

func TestAnOverviewIsPaged(t *testing.T) {
	tests := []struct {
		query         string
		zaps          int
		first, last   int
		before, after string
	}{
		{"", 50, 1, 50, "", ""},
		{"", 51, 1, 50, "", "/?page=2"},
		{"page=2", 51, 51, 51, "/", ""},
		{"page=2&q=sign+ups&show=running", 130, 51, 100, "/?q=sign+ups&show=running", "/?page=3&q=sign+ups&show=running"},
		{"page=9", 51, 51, 51, "/", ""},
		{"page=-1", 51, 1, 50, "", "/?page=2"},
		{"page=x", 3, 1, 3, "", ""},
		{"", 0, 1, 0, "", ""},
	}
	for _, tt := range tests {
		query, err := url.ParseQuery(tt.query)
		if err != nil {
			t.Fatal(err)
		}
		o := overview{Zaps: make([]zapLine, tt.zaps)}
		o.turnTo(choiceOf(query))
		if o.First != tt.first || o.Last != tt.last || len(o.Zaps) != tt.last-tt.first+1 || o.Before != tt.before || o.After != tt.after || o.Matching != tt.zaps {
			t.Errorf("%q of %d zaps: %d to %d (%d), before %q, after %q", tt.query, tt.zaps, o.First, o.Last, len(o.Zaps), o.Before, o.After)
		}
	}
}
