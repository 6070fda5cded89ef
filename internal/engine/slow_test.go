package engine

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rowtap/rowtap/internal/sandbox"
)

// endless is a filter that no row gets through within its budget.
const endless = "\nfilter: 'let a = 1..1000; all(a, {all(a, {all(a, {Email != nil})})})'\n"

// TestSlowExpressionsDelayNobodyElse has a zap whose rows each use up their budget: the row of another is sent when few of them have
// been tried, and all of them fail with words.
func TestSlowExpressionsDelayNobodyElse(t *testing.T) {
	const rows = 12
	var r *rig
	states := "" // of the slow zap, when the row of the other arrives
	r = newRigAt(t, map[string]string{"a-slow": profileZap("production") + endless, "quick": profileZap("production")},
		func(w http.ResponseWriter, req *http.Request) {
			n := len(identities(t, req))
			if states == "" {
				states = r.states(t, "a-slow")
			}
			fmt.Fprintf(w, `{"status":"success","processed":%d,"unprocessed":[]}`, n)
		})
	for i := range rows {
		r.append(t, [2]string{fmt.Sprintf("user-%d@example.com", i), "1"})
	}
	r.once(t)
	if strings.Count(states, "q") < rows/2 {
		t.Errorf("when the other zap's rows arrived, the states of the slow one were %q", states)
	}
	if got := r.states(t, "a-slow") + r.states(t, "quick"); got != strings.Repeat("f", rows)+strings.Repeat("s", rows) {
		t.Errorf("states %s", got)
	}
	d, _, _, err := r.Delivery(t.Context(), "a-slow", 1)
	if err != nil || d.Problem == nil || !strings.Contains(d.Problem.Message, "more work than a row may") {
		t.Errorf("delivery %+v, %v", d.Problem, err)
	}
}

// TestTurnsMakeProgress has turns that are over after a single row is mapped. Rows that must wait take the turn of no others: they are
// not mapped again.
func TestTurnsMakeProgress(t *testing.T) {
	r := newRig(t, map[string]string{"p": profileZap("production")})
	r.append(t, [2]string{"a@example.com", "1"}, [2]string{"a@example.com", "2"}, [2]string{"a@example.com", "3"}, [2]string{"b@example.com", "4"})
	r.poll(t, "p")
	s := r.sender
	s.readInbox()
	q := s.queue("p", "production")
	q.busy["identity:a@example.com"] = 1
	for turn := 1; turn <= 4; turn++ {
		b, err := s.assemble(t.Context(), q, wallClock(), time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		if want := turn == 4; (len(b.items) == 1) != want || b.more == want || q.idle {
			t.Fatalf("turn %d: %d items, more %v, idle %v", turn, len(b.items), b.more, q.idle)
		}
	}
	delete(q.busy, "identity:a@example.com")
	q.flying[4] = struct{}{}
	if b, err := s.assemble(t.Context(), q, wallClock(), time.Time{}); err != nil || len(b.items) != 1 || b.items[0].number != 1 {
		t.Errorf("once the identity is free: %+v, %v", b.items, err)
	}
}

// TestHealthySeesTheSender: a sender that stands still is not healthy; one that waits for uploads or behind closed gates is.
func TestHealthySeesTheSender(t *testing.T) {
	r := newRig(t, nil)
	r.due(r.now()) // as the scheduler's loop does
	if err := r.Healthy(t.Context()); err != nil {
		t.Error(err)
	}
	r.sender.shown.round = time.Now().Add(-2*longestSleep - time.Second)
	if err := r.Healthy(t.Context()); err == nil || !strings.Contains(err.Error(), "the sender has not come round for 1m1s") {
		t.Errorf("a sender that hangs: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.sender.run(ctx, forever); err != nil {
		t.Fatal(err)
	}
	if err := r.Healthy(t.Context()); err != nil {
		t.Errorf("after a round: %v", err)
	}

	for name, fault := range map[string]sandbox.Fault{
		"no answer": {API: "clevertap", Delay: "24h"},
		"refused":   {API: "clevertap", Status: 401},
		"failing":   {API: "clevertap", Status: 503},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBubble(t, "resend", map[string]string{"e": bubbleEvents()})
				if err := b.box.Fault(fault); err != nil {
					t.Fatal(err)
				}
				b.add(t, [2]string{"a", "1"})
				for range 20 {
					b.pass(time.Minute)
					if err := b.Healthy(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
			})
		})
	}
}

// TestStopDoesNotWaitForSlowExpressions: a sender that is asked to stop leaves the rest of the queue alone.
func TestStopDoesNotWaitForSlowExpressions(t *testing.T) {
	const rows = 12
	r := newRig(t, map[string]string{"slow": profileZap("production") + endless})
	for i := range rows {
		r.append(t, [2]string{fmt.Sprintf("user-%d@example.com", i), "1"})
	}
	r.poll(t, "slow")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.sender.run(ctx, forever); err != nil {
		t.Fatal(err)
	}
	if states := r.states(t, "slow"); strings.Count(states, "q") < rows/2 {
		t.Errorf("states %s", states)
	}
}
