package poll

import (
	"context"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/plan"
)

// TestNextPoll checks that the next poll is after now, at most an interval and the jitter away,
// that none is skipped, and that zaps of one spreadsheet and schedule are polled together.
func TestNextPoll(t *testing.T) {
	lines := []string{"* * * * *", "*/2 * * * *", "0 9 * * 1", "@every 1s", "@every 30s", "@hourly", "CRON_TZ=Asia/Kolkata 30 8 * * *"}
	rapid.Check(t, func(t *rapid.T) {
		line := rapid.SampledFrom(lines).Draw(t, "schedule")
		cron, err := config.ParseSchedule(line)
		if err != nil {
			t.Fatal(err)
		}
		r := &plan.Recipe{Zap: &config.Zap{
			Schedule: config.Schedule{Text: line, Cron: cron},
			Trigger:  config.Trigger{SpreadsheetID: rapid.StringMatching(`[a-z]{1,8}`).Draw(t, "spreadsheet")},
		}}
		now := time.Unix(rapid.Int64Range(1_700_000_000, 1_900_000_000).Draw(t, "now"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns"))
		interval := r.Interval(now)
		room := min(interval/10, MaxSleep)
		next := nextPoll(r, now)
		if !next.After(now) || next.Sub(now) > 8*24*time.Hour {
			t.Fatalf("%s: the poll after %s is at %s", line, now, next)
		}
		if next.Sub(now) > interval+room+time.Second {
			// Only a schedule with unequal intervals may exceed it.
			if second := cron.Next(now); next.Sub(second) > room+time.Second {
				t.Fatalf("%s: the poll after %s is at %s, which skips that of %s", line, now, next, second)
			}
		}
		if again := nextPoll(r, now); !again.Equal(next) {
			t.Fatalf("%s: %s, then %s", line, next, again)
		}
	})
}

// TestSettleBringsTheNextPollForward also covers a requested poll. A paused zap must not be polled
// early.
func TestSettleBringsTheNextPollForward(t *testing.T) {
	text := strings.Replace(fromNow(testZap), "start: now}", "start: now, settle: 5s}", 1)
	r := newRig(t, map[string]string{"e": text})
	r.poll(t, "e")
	now := time.Now().UTC()
	r.due(now)
	r.pollsEnded([]string{"e"})
	r.append(t, [2]string{"a@example.com", "1"})
	if _, err := r.Poll(t.Context(), "e"); err != nil {
		t.Fatal(err)
	}
	next := func() time.Time {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.schedules["e"].next
	}
	if in := next().Sub(now); in > 10*time.Second {
		t.Errorf("the next poll is in %s, want about 5 s", in)
	}
	if err := r.opts.Ledger.SetPaused(t.Context(), "e", true, "", now); err != nil {
		t.Fatal(err)
	}
	later := now.Add(time.Minute)
	r.due(later)
	if _, err := r.Poll(t.Context(), "e"); err == nil {
		t.Fatal("a paused zap was polled")
	}
	r.pollsEnded([]string{"e"})
	if in := next().Sub(later); in < 30*time.Minute {
		t.Errorf("a paused zap is polled again in %s, want at its schedule", in)
	}
}

// TestClockSetBack checks that polls planned before the clock was set back do not wait for their
// old times.
func TestClockSetBack(t *testing.T) {
	r := newRig(t, map[string]string{"e": strings.Replace(testZap, "@every 1h", "* * * * *", 1)})
	now := time.Now().UTC()
	r.due(now.Add(48 * time.Hour))
	r.pollsEnded([]string{"e"})
	if _, sleep := r.due(now); sleep > MaxSleep {
		t.Errorf("sleeps %s", sleep)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if in := r.schedules["e"].next.Sub(now); in > 2*time.Minute {
		t.Errorf("the next poll is in %s, want within a minute or so", in)
	}
}

// TestPulse checks that the scheduler's loop pulses while no zap is due, and stops pulsing when it
// hangs.
func TestPulse(t *testing.T) {
	r := newRig(t, nil)
	heard := make(chan struct{})
	r.opts.Pulse, r.opts.PulseEvery = func() { poke(heard) }, 2*time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	for range 5 {
		<-heard
	}
	r.mu.Lock() // like a deadlock
	silent := time.After(50 * time.Millisecond)
	for again := 0; silent != nil; {
		select {
		case <-heard:
			if again++; again > 1 { // one round may already have started
				t.Error("a hanging scheduler pulses")
				silent = nil
			}
		case <-silent:
			silent = nil
		}
	}
	r.mu.Unlock()
	<-heard
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
