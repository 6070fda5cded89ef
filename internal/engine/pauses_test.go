package engine

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rowtap/rowtap/internal/hint"
)

// TestAPauseEndsByItself: rows added meanwhile are sent then; the pause is shown with the time left.
func TestAPauseEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, "resend", map[string]string{"e": bubbleEvents(), "w": bubbleWitness()})
		done, err := b.PauseFor(t.Context(), "e", "", time.Hour)
		if err != nil || done.Kept || done.ResumeAt.Sub(b.now()).Round(time.Second) != time.Hour {
			t.Fatalf("%+v, %v", done, err)
		}
		b.add(t, [2]string{"a", "1"})
		b.pass(55 * time.Minute)
		z := b.zap(t, "e")
		if z.State != Paused || z.Reason != "paused by an operator; resumes in 5m" || z.ResumeAt == nil || !z.ResumeAt.Equal(done.ResumeAt) || z.Restored {
			t.Errorf("%s, %q, %v", z.State, z.Reason, z.ResumeAt)
		}
		if w, err := b.Why(t.Context(), "e", 2); err != nil || !strings.HasSuffix(w.Reason, "; the zap is paused and resumes in 5m") {
			t.Errorf("why: %q, %v", w.Reason, err)
		}
		b.pass(4*time.Minute + 40*time.Second)
		if got := b.states(t, "e") + " " + b.states(t, "w"); got != " s" || b.zap(t, "e").State != Paused {
			t.Errorf("just before its end: %s, %s", got, b.zap(t, "e").State)
		}
		b.until(t, "the row is sent", prompt, func() bool { return b.states(t, "e") == "s" })
		if z := b.zap(t, "e"); z.State != Running || z.ResumeAt != nil {
			t.Errorf("%s until %v", z.State, z.ResumeAt)
		}
	})
}

// TestATimerSurvivesARestart, and runs on while rowtap is down.
func TestATimerSurvivesARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := readyBubble(t, "resend", map[string]string{"e": bubbleEvents(), "p": bubbleProfiles()})
		run := func(d time.Duration) {
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- b.Run(ctx) }()
			b.pass(d)
			cancel()
			if err := errors.Join(<-done, b.ledger.Close()); err != nil {
				t.Fatal(err)
			}
		}
		for name, d := range map[string]time.Duration{"e": time.Hour, "p": 3 * time.Hour} {
			if _, err := b.PauseFor(t.Context(), name, "a break", d); err != nil {
				t.Fatal(err)
			}
		}
		b.add(t, [2]string{"a", "1"})
		run(10 * time.Minute)
		b.pass(time.Hour)
		b.open(t)
		if z := b.zap(t, "e"); z.State != Paused || z.Reason != "a break; resumes within a minute" {
			t.Errorf("after its time, before the start: %s, %q", z.State, z.Reason)
		}
		b.start(t)
		b.pass(2 * time.Minute)
		if got := b.states(t, "e") + " " + b.states(t, "p"); got != "s " {
			t.Errorf("states %q, want e to be sent", got)
		}
		if z := b.zap(t, "p"); z.Reason != "a break; resumes in 1h48m" {
			t.Errorf("%q", z.Reason)
		}
	})
}

// TestATimerEndsOnlyItsOwnPause.
func TestATimerEndsOnlyItsOwnPause(t *testing.T) {
	r := newRig(t, map[string]string{"a": eventZap("production"), "b": eventZap("production"), "c": eventZap("production")})
	clock := r.clocked()
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(r.Pause(ctx, "a", "broken list"))
	for _, name := range []string{"a", "b", "c"} {
		done, err := r.PauseFor(ctx, name, "", time.Hour)
		if err != nil || done.Kept != (name == "a") {
			t.Fatalf("%s: %+v, %v", name, done, err)
		}
	}
	must(r.Pause(ctx, "b", "")) // now for good
	clock.set(61 * time.Minute)
	r.endPauses(ctx)
	for name, want := range map[string]string{"a": "broken list", "b": "paused by an operator", "c": ""} {
		if z, _, err := r.ledger.Zap(ctx, name); err != nil || z.PausedReason != want || z.Paused != (want != "") || !z.ResumeAt.IsZero() {
			t.Errorf("%s: %+v, %v; want %q", name, z, err, want)
		}
	}

	_, err := r.PauseFor(ctx, "c", "", time.Hour)
	must(err)
	must(r.Resume(ctx, "c", false))
	must(r.Pause(ctx, "c", "later"))
	clock.set(3 * time.Hour)
	r.endPauses(ctx)
	if z, _, err := r.ledger.Zap(ctx, "c"); err != nil || !z.Paused {
		t.Errorf("c: %+v, %v; want the pause that came later", z, err)
	}

	must(r.Resume(ctx, "c", false))
	_, err = r.PauseFor(ctx, "c", "", time.Hour)
	must(err)
	_, err = r.PauseFor(ctx, "c", "", 3*time.Hour)
	must(err)
	clock.set(5 * time.Hour)
	r.endPauses(ctx)
	if z, _, err := r.ledger.Zap(ctx, "c"); err != nil || !z.Paused {
		t.Errorf("c: %+v, %v; want it extended", z, err)
	}
	clock.set(7 * time.Hour)
	r.once(t)
	if z, _, err := r.ledger.Zap(ctx, "c"); err != nil || z.Paused {
		t.Errorf("c: %+v, %v; want its pause ended by run --once", z, err)
	}
}

func TestPauseForRefuses(t *testing.T) {
	r := newRig(t, map[string]string{"a": eventZap("production")})
	for _, d := range []time.Duration{0, -time.Hour, time.Millisecond, 400 * 24 * time.Hour} {
		if _, err := r.PauseFor(t.Context(), "a", "", d); !errors.Is(err, ErrPauseTime) || hint.Of(err) == "" {
			t.Errorf("%s: %v", d, err)
		}
	}
	if _, err := r.PauseFor(t.Context(), "b", "", time.Hour); !errors.Is(err, ErrNoZap) {
		t.Errorf("no such zap: %v", err)
	}
}
