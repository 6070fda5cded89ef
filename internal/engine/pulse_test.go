package engine

import (
	"context"
	"testing"
	"time"
)

// TestPulse: the scheduler's loop is heard while it goes round, though no zap is due, and no longer once it hangs.
func TestPulse(t *testing.T) {
	r := newRig(t, nil)
	heard := make(chan struct{})
	r.opts.Pulse, r.opts.PulseEvery = func() { poke(heard) }, 2*time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.schedule(ctx) }()
	for range 5 {
		<-heard
	}
	r.mu.Lock() // as a deadlock would
	silent := time.After(50 * time.Millisecond)
	for again := 0; silent != nil; {
		select {
		case <-heard:
			if again++; again > 1 { // one round may have begun before
				t.Error("heard of a scheduler that hangs")
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
