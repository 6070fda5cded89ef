package engine

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rowtap/rowtap/internal/sandbox/lab"
)

// endless is a filter that exceeds the budget of each row.
const endless = "\nfilter: 'let a = 1..1000; all(a, {all(a, {all(a, {Email != nil})})})'\n"

// TestSlowExpressionsDelayNobodyElse has a zap whose rows each use up their budget. The row of
// another zap is sent when few of them have been tried, and all of them fail with a reason.
func TestSlowExpressionsDelayNobodyElse(t *testing.T) {
	const rows = 12
	var r *rig
	states := "" // of the slow zap, when the other zap's row arrives
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
	if err != nil || d.Problem == nil || !strings.Contains(d.Problem.Message, "exceeds the limit for one row") {
		t.Errorf("delivery %+v, %v", d.Problem, err)
	}
}

// TestHealthySeesTheSender: a sender whose loop hangs is unhealthy; one that waits for uploads or
// breakers is not.
func TestHealthySeesTheSender(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := readyBubble(t, "resend", nil)
		ctx, cancel := context.WithCancel(t.Context())
		polling := make(chan error, 1)
		go func() { polling <- b.poller.Run(ctx) }()
		b.pass(time.Second)
		if err := b.Healthy(t.Context()); err != nil {
			t.Error(err)
		}
		b.pass(60 * time.Second)
		if err := b.Healthy(t.Context()); err == nil || !strings.Contains(err.Error(), "the sender has not run for 1m1s") {
			t.Errorf("a sender that hangs: %v", err)
		}
		cancel()
		if err := errors.Join(<-polling, b.sender.Run(ctx)); err != nil {
			t.Fatal(err)
		}
		if err := b.Healthy(t.Context()); err != nil {
			t.Errorf("after a round: %v", err)
		}
		if err := b.ledger.Close(); err != nil {
			t.Error(err)
		}
	})

	for name, fault := range map[string]lab.Fault{
		"no response": {API: "clevertap", Delay: "24h"},
		"refused":     {API: "clevertap", Status: 401},
		"failing":     {API: "clevertap", Status: 503},
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

// TestStopDoesNotWaitForSlowExpressions: a sender that is asked to stop does not process the rest
// of the queue.
func TestStopDoesNotWaitForSlowExpressions(t *testing.T) {
	const rows = 12
	r := newRig(t, map[string]string{"slow": profileZap("production") + endless})
	for i := range rows {
		r.append(t, [2]string{fmt.Sprintf("user-%d@example.com", i), "1"})
	}
	r.poll(t, "slow")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.sender.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if states := r.states(t, "slow"); strings.Count(states, "q") < rows/2 {
		t.Errorf("states %s", states)
	}
}
