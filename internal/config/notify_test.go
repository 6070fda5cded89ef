package config_test

import (
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/config"
)

// TestDaily: there is one summary for each day, also where the clock skips its time or shows it
// twice.
func TestDaily(t *testing.T) {
	zone := func(name string) *time.Location {
		z, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		return z
	}
	berlin, kolkata, apia := zone("Europe/Berlin"), zone("Asia/Kolkata"), zone("Pacific/Apia")
	for _, tt := range []struct {
		name      string
		daily     config.Daily
		now, want string
	}{
		{"just before", config.Daily{Minute: 480, Zone: time.UTC}, "2026-11-30T07:59:59Z", "2026-11-29T08:00:00Z"},
		{"at the time", config.Daily{Minute: 480, Zone: time.UTC}, "2026-11-30T08:00:00Z", "2026-11-30T08:00:00Z"},
		{"another zone is a day ahead", config.Daily{Minute: 60, Zone: kolkata}, "2026-11-29T20:00:00Z", "2026-11-29T19:30:00Z"},
		{"midnight", config.Daily{Minute: 0, Zone: kolkata}, "2026-11-29T18:29:59Z", "2026-11-28T18:30:00Z"},
		{"the first of a month", config.Daily{Minute: 600, Zone: time.UTC}, "2026-03-01T09:00:00Z", "2026-02-28T10:00:00Z"},
		{"a skipped time", config.Daily{Minute: 150, Zone: berlin}, "2026-03-29T12:00:00Z", "2026-03-29T01:30:00Z"},
		{"the day after", config.Daily{Minute: 150, Zone: berlin}, "2026-03-30T12:00:00Z", "2026-03-30T00:30:00Z"},
		{"a time that is shown twice", config.Daily{Minute: 150, Zone: berlin}, "2026-10-25T12:00:00Z", "2026-10-25T01:30:00Z"},
		{"a skipped day", config.Daily{Minute: 480, Zone: apia}, "2011-12-30T12:00:00Z", "2011-12-29T18:00:00Z"},
	} {
		now, err := time.Parse(time.RFC3339, tt.now)
		if err != nil {
			t.Fatal(err)
		}
		if got := tt.daily.Last(now).UTC().Format(time.RFC3339); got != tt.want {
			t.Errorf("%s: Last(%s) = %s, want %s", tt.name, tt.now, got, tt.want)
		}
	}
	for _, z := range []*time.Location{berlin, kolkata, apia, zone("Africa/Cairo"), zone("America/Santiago"), zone("Australia/Lord_Howe")} {
		for _, minute := range []int{0, 30, 120, 150, 1439} {
			daily := config.Daily{Minute: minute, Zone: z}
			count, last := 0, daily.Last(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
			for at := last; at.Year() < 2027; at = at.Add(10 * time.Minute) {
				if next := daily.Last(at); !next.Equal(last) {
					if gap := next.Sub(last); gap < 22*time.Hour || gap > 26*time.Hour {
						t.Fatalf("%s: %s after %s", daily, next, last)
					}
					count, last = count+1, next
				}
			}
			if count < 364 || count > 366 {
				t.Errorf("%s is on %d days", daily, count)
			}
		}
	}
}

// TestNotifyID: a target stays the same when its events and its password change.
func TestNotifyID(t *testing.T) {
	load := func(text string) []config.Notify {
		t.Helper()
		c, err := config.LoadAccounts(directory(t, map[string]string{"rowtap.yaml": text}), environment(t, nil))
		if err != nil {
			t.Fatal(err)
		}
		return c.Notify
	}
	const email = `notify: [{email: {to: [a@example.com], from: b@example.com, server: "h:25", username: u, password: `
	one, other := load(email+"p}}]"), load(email+"q}, events: [held]}]")
	if one[0].ID() != other[0].ID() || len(one[0].ID()) != 16 {
		t.Errorf("IDs %s and %s", one[0].ID(), other[0].ID())
	}
	if !one[0].Tells(config.NoticeBlocked) || other[0].Tells(config.NoticeBlocked) || !other[0].Tells(config.NoticeHeld) {
		t.Error("events are told that were not asked for, or the reverse")
	}
	if moved := load(`notify: {email: {to: [a@example.com], from: b@example.com, server: "h:26"}}`); moved[0].ID() == one[0].ID() {
		t.Error("another server has the same ID")
	}
}
