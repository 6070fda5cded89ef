package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/config"
)

func TestParseSchedule(t *testing.T) {
	// 2026-01-01 is a Thursday.
	from := time.Date(2026, time.January, 1, 0, 0, 30, 0, time.UTC)
	tests := []struct{ line, next string }{
		{"*/5 * * * *", "2026-01-01T00:05:00Z"},
		{"  0 9 * * MON-FRI ", "2026-01-01T09:00:00Z"},
		{"0 9 * * mon", "2026-01-05T09:00:00Z"},
		{"0 0 29 feb ?", "2028-02-29T00:00:00Z"},
		{"1,31 */12 * * *", "2026-01-01T00:01:00Z"},
		{"5/20 * * * *", "2026-01-01T00:05:00Z"},
		{"0-10/5 * * * *", "2026-01-01T00:05:00Z"},
		{"CRON_TZ=Asia/Kolkata 0 9 * * *", "2026-01-01T03:30:00Z"},
		{"TZ=UTC  0 9 * * *", "2026-01-01T09:00:00Z"},
		{"@hourly", "2026-01-01T01:00:00Z"},
		{"TZ=Asia/Kolkata @daily", "2026-01-01T18:30:00Z"},
		{"@every 30s", "2026-01-01T00:01:00Z"},
		{"@every 1h30m", "2026-01-01T01:30:30Z"},
	}
	for _, test := range tests {
		s, err := config.ParseSchedule(test.line)
		if err != nil {
			t.Errorf("ParseSchedule(%q): %v", test.line, err)
			continue
		}
		for _, zone := range []*time.Location{time.UTC, time.FixedZone("of the machine", 5*3600+1800)} {
			if got := s.Next(from.In(zone)).UTC().Format(time.RFC3339); got != test.next {
				t.Errorf("ParseSchedule(%q).Next(%s) = %s, want %s", test.line, from.In(zone).Format(time.RFC3339), got, test.next)
			}
		}
	}
}

func TestParseScheduleRefuses(t *testing.T) {
	tests := []struct{ line, hint string }{
		{"", "*/5"},
		{"* * * *", "has 4 fields"},
		{"0 * * * * *", "@every 30s"},
		{"0 9 * * 7", "SUN"},
		{"0 9 * * 1-7", "SUN"},
		{"*/60 * * * *", "past its range 0-59"},
		{"* */24 * * *", "past its range 0-23"},
		{"5-10/6 * * * *", "past its range 5-10"},
		{"*/0 * * * *", "1 or more"},
		{"*/x * * * *", "1 or more"},
		{"1/2/3 * * * *", "1 or more"},
		{"10-5 * * * *", "write 10-59,0-5"},
		{"1-2-3 * * * *", `"2-3" is not a number`},
		{"1,,2 * * * *", `"" is not a number`},
		{"* * 0 * *", "not in 1-31"},
		{"* * * foo *", `"foo" is not a number`},
		{"0 0 31 2 *", "never fires"},
		{"0 0 30-31 FEB *", "never fires"},
		{"TZ=UTC", "needs a time zone, a space"},
		{"TZ=0", "needs a time zone, a space"},
		{"CRON_TZ=", "needs a time zone, a space"},
		{"CRON_TZ= * * * * *", "needs a time zone, a space"},
		{"CRON_TZ=asia/kolkata * * * * *", "is not a time zone"},
		{"CRON_TZ=Local * * * * *", "is not a time zone"},
		{"CRON_TZ=UTC ", "needs a time zone, a space"},
		{"TZ=UTC CRON_TZ=UTC * * * * *", "has 6 fields"},
		{"0 9 * * MON-FRI Asia/Kolkata", "a time zone is in front of the five: CRON_TZ=Asia/Kolkata 0 9 * * MON-FRI"},
		{"0 0 9 * * MON", "without seconds"},
		{"0 0 9 * * *", "without seconds"},
		{"@reboot", "catches up"},
		{"@dayly", `"@daily"`},
		{"@hourly 5", "unexpected text after @hourly"},
		{"@every", "needs a duration"},
		{"@every 0s", "1s or more"},
		{"@every -5m", "1s or more"},
		{"@every 500ms", "whole seconds"},
		{"@every 1.5s", "whole seconds"},
		{"@every 1d", "24h"},
		{"@EVERY 5m", `"@every"`},
		{strings.Repeat("1,", 200) + "1 * * * *", "at most 256"},
	}
	for _, test := range tests {
		_, err := config.ParseSchedule(test.line)
		if err == nil || !strings.Contains(err.Error(), test.hint) {
			t.Errorf("ParseSchedule(%q) = %v, want %q in it", test.line, err, test.hint)
		}
	}
}

func FuzzParseSchedule(f *testing.F) {
	for _, seed := range []string{"*/5 * * * *", "TZ=UTC", "CRON_TZ=Asia/Kolkata 0 9 * * MON-FRI", "@every 30s", "0 0 31 2 *", "TZ=UTC @every 1h", "* * * * 7", "@"} {
		f.Add(seed)
	}
	from := time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, line string) {
		s, err := config.ParseSchedule(line)
		if err != nil {
			return
		}
		if next := s.Next(from); !next.After(from) {
			t.Errorf("ParseSchedule(%q).Next(%s) = %s, which is not later", line, from, next)
		}
	})
}
