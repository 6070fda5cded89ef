package engine

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rowtap/rowtap/internal/sandbox"
	"github.com/rowtap/rowtap/internal/sandbox/lab"
)

// prompt is how long a row may take until it is sent if nothing is wrong: a poll per minute, with
// jitter.
const prompt = 70 * time.Second

// TestStallsDelayNobodyElse has an account that never responds: of CleverTap, of Google, or of
// Google's token endpoint. Rows of other accounts are sent at each poll, over twenty minutes, and
// those of the account itself once it has recovered.
func TestStallsDelayNobodyElse(t *testing.T) {
	for _, api := range []string{"clevertap", "sheets", "token"} {
		t.Run(api, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBubble(t, "resend", map[string]string{"e": bubbleEvents(), "w": bubbleWitness()})
				if err := b.box.Fault(lab.Fault{API: api, Delay: "24h", Reset: "before"}); err != nil {
					t.Fatal(err)
				}
				if api == "token" {
					b.box.ExpireTokens()
				}
				longest := time.Duration(0)
				for i := range 20 {
					b.add(t, [2]string{"a", fmt.Sprint(i + 1)})
					took := b.until(t, "the witness's row is sent", prompt, func() bool { return b.states(t, "w") == strings.Repeat("s", i+1) })
					longest = max(longest, took)
				}
				if got := b.seen(t, 20); strings.ContainsAny(got, "12+") {
					t.Errorf("CleverTap accepted %s of an account that stalls", got)
				}
				b.box.Heal("")
				all := strings.Repeat("s", 20)
				took := b.until(t, "all is sent", 10*time.Minute, func() bool { return strings.ToLower(b.marked(t, "e")) == all })
				if got := b.seen(t, 20); strings.Trim(got, "0 ") != strings.Repeat("1", 20) {
					t.Errorf("seen %s, want each once", got)
				}
				t.Logf("rows of others took %s at most; recovered after %s", longest, took)
			})
		})
	}
}

// TestBacklogDelaysNobodyElse has a zap with a backlog of many uploads: a row of another zap of the
// same account waits only for uploads in flight.
func TestBacklogDelaysNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const backlog = 30_000
		b := newBubble(t, "resend", map[string]string{
			"big":   strings.Replace(bubbleEvents(), "worksheet: Signups", "worksheet: Big", 1),
			"small": bubbleProfiles(),
		})
		rows := [][]sandbox.Value{{sandbox.Text("Email"), sandbox.Text("Score")}}
		for i := range backlog {
			rows = append(rows, []sandbox.Value{sandbox.Text(fmt.Sprint("user-", i)), sandbox.Number(float64(i))})
		}
		if err := b.box.Sheets().AddWorksheet("book", "Big", 1, rows...); err != nil {
			t.Fatal(err)
		}
		if err := b.box.Fault(lab.Fault{API: "clevertap", Delay: "20s"}); err != nil { // 30 uploads, 3 at once: 200 s
			t.Fatal(err)
		}
		b.until(t, "the backlog is being sent", 2*prompt, func() bool { return b.zap(t, "big").Sent > 0 })
		b.add(t, [2]string{"a", "1"})
		b.until(t, "the row is found", prompt, func() bool { return b.states(t, "small") != "" })
		before := b.cleverTap.requests()
		took := b.until(t, "the row is sent", time.Hour, func() bool { return b.states(t, "small") == "s" })
		z := b.zap(t, "big")
		if uploads := b.cleverTap.requests() - before; uploads > 6 || took > 45*time.Second || z.Queued == 0 {
			t.Errorf("the row was sent after %s and %d uploads, with %d rows of the backlog left; want it next in turn", took, uploads, z.Queued)
		}
		t.Logf("the row was sent after %s, with %d rows of the backlog left", took, z.Queued)
	})
}
