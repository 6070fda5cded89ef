package row

import (
	"testing"
	"time"
)

func TestZone(t *testing.T) {
	tests := []struct {
		name string
		want string // noon on 2026-07-01 in that zone, in UTC; "" if there is no such zone
	}{
		{"", "12:00"},
		{"Etc/UTC", "12:00"},
		{"Asia/Kolkata", "06:30"},
		{"America/New_York", "16:00"},
		{"GMT-07:00", "19:00"},
		{"GMT+05:30", "06:30"},
		{"GMT+5:30", "06:30"},
		{"GMT+25:00", ""},
		{"Local", ""},
		{"Mars/Olympus", ""},
		{"../etc/passwd", ""},
	}
	for _, tt := range tests {
		got := ""
		if zone, ok := Zone(tt.name); ok {
			got = time.Date(2026, 7, 1, 12, 0, 0, 0, zone).UTC().Format("15:04")
		}
		if got != tt.want {
			t.Errorf("Zone(%q): noon is %q UTC, want %q", tt.name, got, tt.want)
		}
	}
}
