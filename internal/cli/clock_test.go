package cli

import (
	"bytes"
	"testing"
	"time"
)

func TestClock(t *testing.T) {
	kolkata, err := time.LoadLocation("Asia/Kolkata")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, time.November, 29, 18, 45, 0, 0, time.UTC)
	if got := (clock{kolkata}).shown(&at); got != "2026-11-30 00:15:00 IST" {
		t.Errorf("shown as %q", got)
	}
	if got := (clock{kolkata}).text("replay by an operator, 2026-11-29 18:45:00 UTC; Day 2026-11-29"); got != "replay by an operator, 2026-11-30 00:15:00 IST; Day 2026-11-29" {
		t.Errorf("the text is %q", got)
	}
	var pipe bytes.Buffer
	for _, utc := range []bool{false, true} {
		if got := (&globals{utc: utc}).clock(&pipe).shown(&at); got != "2026-11-29 18:45:00 UTC" {
			t.Errorf("utc %v: off a terminal shown as %q", utc, got)
		}
	}
	if got := (clock{kolkata}).shown(nil) + (clock{kolkata}).shown(&time.Time{}); got != "--" {
		t.Errorf("no time is shown as %q", got)
	}
}
