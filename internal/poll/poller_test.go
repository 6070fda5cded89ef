package poll

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/ledger"
)

// TestAPanicOfAPollHoldsNothingBack checks that the zap and its account recover from a panic,
// because net/http recovers panics in requests.
func TestAPanicOfAPollHoldsNothingBack(t *testing.T) {
	r := newRig(t, map[string]string{"e": testZap})
	recovered := func(do func()) (what any) {
		defer func() { what = recover() }()
		do()
		return nil
	}
	broken := func(p *poll) { p.poller = nil }
	if recovered(func() { r.pollAll(t.Context(), []string{"e"}, broken, func([]End) {}) }) == nil {
		t.Fatal("the poll does not panic: the test is none")
	}
	slots := r.slotsOf("marketing", false)
	left := make(chan any)
	go func() {
		left <- recovered(func() { slots.quick(t.Context(), func() { slots.full(t.Context(), func() { panic("a mistake") }) }) })
	}()
	select {
	case what := <-left:
		if what == nil {
			t.Fatal("the slots keeps a panic")
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the slots keeps who panics")
	}
	if quickly, wholly := len(slots.quickSlots), len(slots.fullSlots); quickly+wholly > 0 {
		t.Errorf("%d polls and %d complete reads still count as running", quickly, wholly)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	r.append(t, [2]string{"a@example.com", "1"})
	if report, err := r.Poll(ctx, "e"); err != nil || report.Rows != 1 {
		t.Errorf("the next poll: %+v, %v", report, err)
	}
}

// TestGoneZaps checks that the zaps missing from a plan are listed once per plan, and again after a
// poll that was running at the reload adds one.
func TestGoneZaps(t *testing.T) {
	r := newRig(t, map[string]string{"a": testZap, "b": testZap})
	r.poll(t, "a")
	gone := func() string {
		t.Helper()
		names, err := r.removed.zaps(t.Context(), r.plan, r.opts.Ledger.Zaps)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(names, " ")
	}
	if got := gone(); got != "" {
		t.Errorf("gone: %q", got)
	}
	r.write(t, "a", "")
	if got := gone(); got != "a" {
		t.Errorf("gone after a reload without a: %q", got)
	}
	p, err := r.claim(t.Context(), "b", true) // a poll of b starts
	if err != nil {
		t.Fatal(err)
	}
	if err := p.prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.write(t, "b", "")
	if got := gone(); got != "a" {
		t.Errorf("gone before the first read of b ends: %q", got)
	}
	if _, err := r.opts.Ledger.Commit(t.Context(), "b", ledger.Poll{SpreadsheetID: "book", At: r.opts.Now()}); err != nil {
		t.Fatal(err)
	}
	r.polled(t.Context(), p, Report{Baseline: true}, nil)
	if got := gone(); got != "a b" {
		t.Errorf("gone after it: %q", got)
	}
}

// TestClaimedZapIsWaitedForAlone claims a zap before its poll starts. The other zaps of the
// spreadsheet must be polled without waiting.
func TestClaimedZapIsWaitedForAlone(t *testing.T) {
	r := newRig(t, map[string]string{"a": testZap, "b": testZap})
	if !r.opts.Claims.TryPoll("a") {
		t.Fatal("a is polled already")
	}
	ended := make(chan string, 2)
	go func() {
		r.Visit(t.Context(), []string{"a", "b"}, func(End) { ended <- "" })
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Error("b waits for a")
	}
	r.opts.Claims.EndPoll("a")
	for range ended {
	}
	for _, name := range []string{"a", "b"} {
		r.mu.Lock()
		if r.schedules[name].last.IsZero() {
			t.Errorf("%s was not polled", name)
		}
		r.mu.Unlock()
	}
}
