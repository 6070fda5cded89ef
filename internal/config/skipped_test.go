package config

import (
	"strings"
	"testing"
	"time"
	_ "time/tzdata"
)

// TestSkippedRuns: a warning names a run in the hour that a zone skips in spring, if no other run
// is near.
func TestSkippedRuns(t *testing.T) {
	now := time.Date(2026, time.November, 29, 12, 0, 0, 0, time.UTC)
	tests := []struct{ line, missing, next string }{
		{"CRON_TZ=Europe/Berlin 30 2 * * *", "Europe/Berlin has no 2027-03-28 02:30", "until 2027-03-29 02:30"},
		{"TZ=America/New_York 0 2 * * *", "America/New_York has no 2027-03-14 02:00", "until 2027-03-15 02:00"},
		{"CRON_TZ=America/New_York 15 2,14 * * *", "no 2027-03-14 02:15", "until 2027-03-14 14:15"},
		{"CRON_TZ=Africa/Cairo @daily", "no 2027-04-30 00:00", "until 2027-05-01 00:00"},
		{"CRON_TZ=Europe/Berlin 30 2 * * SUN", "no 2027-03-28 02:30", "until 2027-04-04 02:30"},
		{"CRON_TZ=Europe/Berlin 0 3 * * *", "", ""},
		{"CRON_TZ=Europe/Berlin 59 1 * * *", "", ""},
		{"CRON_TZ=Europe/Berlin 30 2 * * MON", "", ""},
		{"CRON_TZ=Europe/Berlin 30 * * * *", "", ""},
		{"CRON_TZ=Europe/Berlin 0 */2 * * *", "", ""},
		{"CRON_TZ=Europe/Berlin @every 24h", "", ""},
		{"CRON_TZ=Asia/Kolkata 30 2 * * *", "", ""},
		{"30 2 * * *", "", ""},
	}
	for _, tt := range tests {
		parsed, err := ParseSchedule(tt.line)
		if err != nil {
			t.Fatal(err)
		}
		d, ok := Schedule{Text: tt.line, Cron: parsed}.Skipped(now)
		if ok != (tt.missing != "") || !strings.Contains(d.Message, tt.missing) || !strings.Contains(d.Message, tt.next) {
			t.Errorf("%s: %v %q, want %q and %q in it", tt.line, ok, d.Message, tt.missing, tt.next)
		}
	}
}

func TestScheduleZone(t *testing.T) {
	for line, want := range map[string]string{
		"0 9 * * *": "UTC", "@hourly": "UTC", "CRON_TZ=Asia/Kolkata 0 9 * * *": "Asia/Kolkata", " TZ=Europe/Berlin @every 30s": "Europe/Berlin",
	} {
		if got := (Schedule{Text: line}).Zone().String(); got != want {
			t.Errorf("%q is in %s, want %s", line, got, want)
		}
	}
}
