package ledger_test

import (
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/ledger"
)

// TestTimedPauses: a timer survives a restart and a rename, ends only the pause that it began, and
// no earlier than its time.
func TestTimedPauses(t *testing.T) {
	f := newFile(t)
	until := noon.Add(time.Hour)
	pause := func(reason string, until time.Time, want bool) {
		t.Helper()
		if paused, err := f.PauseUntil(t.Context(), signups, reason, noon, until); err != nil || paused != want {
			t.Fatalf("PauseUntil: %t, %v; want %t", paused, err, want)
		}
	}
	end := func(at time.Time, want bool) {
		t.Helper()
		if ended, err := f.EndPause(t.Context(), signups, at); err != nil || ended != want {
			t.Fatalf("EndPause at %s: %t, %v; want %t", at, ended, err, want)
		}
	}
	is := func(paused bool, reason string, until time.Time) {
		t.Helper()
		if z := f.zap(signups); z.Paused != paused || z.PausedReason != reason || !z.ResumeAt.Equal(until) {
			t.Fatalf("%t %q until %s; want %t %q until %s", z.Paused, z.PausedReason, z.ResumeAt, paused, reason, until)
		}
	}
	pause("a break", until, true)
	f.reopen()
	is(true, "a break", until)
	end(until.Add(-time.Millisecond), false)
	is(true, "a break", until)
	pause("a longer one", until.Add(time.Hour), true)
	end(until, false)
	is(true, "a longer one", until.Add(time.Hour))
	end(until.Add(time.Hour), true)
	is(false, "", time.Time{})
	end(until.Add(2*time.Hour), false)

	must(t, f.SetPaused(t.Context(), signups, true, "for good", noon))
	pause("a break", until, false)
	is(true, "for good", time.Time{})
	end(until, false)
	is(true, "for good", time.Time{})

	must(t, f.SetPaused(t.Context(), signups, false, "", noon))
	pause("a break", until, true)
	must(t, f.SetPaused(t.Context(), signups, true, "for good", noon)) // the timer must not end it
	end(until.Add(time.Hour), false)
	is(true, "for good", time.Time{})

	must(t, f.SetPaused(t.Context(), signups, false, "", noon))
	pause("a break", until, true)
	must(t, f.Rename(t.Context(), signups, "renamed"))
	if z := f.zap("renamed"); !z.ResumeAt.Equal(until) {
		t.Errorf("renamed: until %s", z.ResumeAt)
	}
	if wrong, err := f.Check(t.Context()); err != nil || len(wrong) > 0 {
		t.Errorf("check: %v, %v", wrong, err)
	}
}

func TestRestored(t *testing.T) {
	for reason, want := range map[string]bool{
		"restored from a backup of 2026-11-24 10:00:00 UTC: resume continues from the backup, resume --skip from now": true,
		"paused by an operator": false, "": false,
	} {
		if z := (ledger.Zap{Paused: true, PausedReason: reason}); z.Restored() != want {
			t.Errorf("%q: %t", reason, z.Restored())
		}
	}
}
