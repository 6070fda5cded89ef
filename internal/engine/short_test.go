package engine

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rowtap/rowtap/internal/sandbox/lab"
)

// shortly has CleverTap process the next uploads and count none of their records. Dry runs are not
// affected.
func (b *bubble) shortly(t *testing.T, times int) {
	t.Helper()
	b.spoilReal(t, lab.Fault{Status: 200, Body: `{"status":"success","processed":0,"unprocessed":[]}`, Works: true, Times: times})
}

// spoilReal applies a fault to uploads other than dry runs.
func (b *bubble) spoilReal(t *testing.T, f lab.Fault) {
	t.Helper()
	// A dry run's path ends in ?dryRun=1: a harmless fault for it comes first.
	if err := b.box.Fault(lab.Fault{API: "clevertap", PathContains: "dryRun", Delay: "1ms"}); err != nil {
		t.Fatal(err)
	}
	f.API = "clevertap"
	if err := b.box.Fault(f); err != nil {
		t.Fatal(err)
	}
}

// reload swaps in the plan in force, as if the files had been read again.
func (b *bubble) reload(ctx context.Context) {
	plan := *b.current()
	b.swap(ctx, &plan)
}

// wantStopped compares what an operator sees of account production and one of its zaps.
func (b *bubble) wantStopped(t *testing.T, zap string, stopped bool) {
	t.Helper()
	a, z := b.account(t, "production"), b.zap(t, zap)
	tells := strings.Contains(a.Reason, "fewer records than were sent") && strings.Contains(a.Hint, "rowtap reload") && z.Reason == a.Reason
	if stopped && (a.State != "blocked" || z.State != NeedsHand || !tells) || !stopped && (a.State != "ok" || z.State != Running) {
		t.Errorf("account %+v, zap %s: %q; want them stopped: %v", a, z.State, z.Reason, stopped)
	}
}

// TestShortAnswer: rows for which the response to an upload does not account are unknown. They are
// sent once more, alone and after a dry run.
func TestShortAnswer(t *testing.T) {
	for zap, want := range map[string]struct{ text, states, seen string }{
		"p": {bubbleProfiles(), "sss", "221 000"},
		"e": {bubbleEvents(), "SSs", "000 221"},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newBubble(t, "resend", map[string]string{zap: want.text})
			b.shortly(t, 1)
			b.add(t, [2]string{"a", "1"}, [2]string{"b", "2"})
			b.until(t, "the rows are sent", 3*time.Minute, func() bool { return strings.EqualFold(b.states(t, zap), "ss") })
			b.add(t, [2]string{"c", "3"})
			b.until(t, "the next row is sent", 3*time.Minute, func() bool { return strings.EqualFold(b.states(t, zap), "sss") })
			if got, seen := b.marked(t, zap), b.seen(t, 3); got != want.states || seen != want.seen {
				t.Errorf("%s: states %s, seen %s, want %s, %s", zap, got, seen, want.states, want.seen)
			}
			if n := b.box.CleverTap().Counts().DryRuns; zap == "e" && n != 1 {
				t.Errorf("%d dry runs before events were sent again, want 1", n)
			}
		})
	}
}

// TestShortAnswersStopTheAccount: after two short responses in a row nothing is uploaded until an
// operator reloads, and a record whose own response was inconclusive is held.
func TestShortAnswersStopTheAccount(t *testing.T) {
	for zap, want := range map[string]struct{ text, states, after string }{
		"p": {bubbleProfiles(), "hqq", "hss"},
		"e": {bubbleEvents(), "HQq", "HSs"},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newBubble(t, "resend", map[string]string{zap: want.text})
			b.shortly(t, 2)
			b.add(t, [2]string{"a", "1"}, [2]string{"b", "2"})
			b.pass(5 * time.Minute)
			b.add(t, [2]string{"c", "3"})
			requests := b.cleverTap.requests()
			b.pass(2 * time.Hour)
			if got := firstTwo(b.marked(t, zap)); got != want.states || b.cleverTap.requests() != requests {
				t.Errorf("states %s, %d more requests; want %s and none", got, b.cleverTap.requests()-requests, want.states)
			}
			b.wantStopped(t, zap, true)
			b.reload(t.Context())
			b.until(t, "nothing is queued", bySelf, func() bool { return !strings.ContainsAny(b.marked(t, zap), "qQ") })
			if got := firstTwo(b.marked(t, zap)); got != want.after {
				t.Errorf("after a reload: states %s, want %s", got, want.after)
			}
			b.wantStopped(t, zap, false)
		})
	}
}

// firstTwo sorts the letters of the first two rows: either may be sent again first.
func firstTwo(states string) string {
	letters := []byte(states)
	slices.Sort(letters[:min(2, len(letters))])
	return string(letters)
}

// TestShortInARow: a complete response to a row that is sent alone because of a short response does
// not end the series.
func TestShortInARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, "resend", map[string]string{"e": bubbleEvents()})
		b.shortly(t, 1)
		b.add(t, [2]string{"a", "1"}, [2]string{"b", "2"})
		b.until(t, "the rows are sent", 3*time.Minute, func() bool { return b.marked(t, "e") == "SS" })
		b.box.Heal("")
		b.shortly(t, 1)
		b.add(t, [2]string{"c", "3"})
		b.pass(5 * time.Minute)
		b.wantStopped(t, "e", true)
	})
}
