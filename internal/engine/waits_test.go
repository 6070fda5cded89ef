package engine

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rowtap/rowtap/internal/clevertap"
	"github.com/rowtap/rowtap/internal/sandbox"
	"github.com/rowtap/rowtap/internal/sandbox/lab"
)

// TestRetryAfter: the wait that CleverTap asks for is kept, in both forms, even if an upload in
// flight gets a response meanwhile.
func TestRetryAfter(t *testing.T) {
	for _, header := range []string{"300", "Sat, 01 Jan 2000 00:10:00 GMT"} { // a bubble's time starts at midnight
		synctest.Test(t, func(t *testing.T) {
			b := newBubble(t, "resend", map[string]string{"e": bubbleEvents()})
			for _, f := range []lab.Fault{
				{API: "clevertap", Status: 503, Headers: map[string]string{"Retry-After": header}, Times: 1},
				{API: "clevertap", Delay: "5s", Times: 1},
			} {
				if err := b.box.Fault(f); err != nil {
					t.Fatal(err)
				}
			}
			rows := make([][]sandbox.Value, clevertap.MaxRecords+1) // two concurrent uploads
			for i := range rows {
				rows[i] = []sandbox.Value{sandbox.Text(fmt.Sprint("user-", i)), sandbox.Number(float64(i))}
			}
			if _, err := b.box.Sheets().Append("book", "Signups", rows...); err != nil {
				t.Fatal(err)
			}
			b.until(t, "two uploads", 70*time.Second, func() bool { return b.cleverTap.requests() == 2 })
			asked := time.Now().Add(300 * time.Second)
			if header != "300" {
				asked = time.Date(2000, 1, 1, 0, 10, 0, 0, time.UTC)
			}
			b.pass(10 * time.Second)
			if a := b.account(t, "production"); a.State != "retrying" || a.RetryAt == nil || a.RetryAt.Sub(asked).Abs() > 5*time.Second {
				t.Errorf("Retry-After %s: account %s until %v, want retrying until %s", header, a.State, a.RetryAt, asked)
			}
			b.until(t, "all is sent", 10*time.Minute, func() bool { return b.zap(t, "e").Sent == int64(len(rows)) })
			// The requests include a dry run.
			if late := time.Since(asked); late < -time.Second || late > 10*time.Second || b.cleverTap.requests() != 4 {
				t.Errorf("Retry-After %s: sent %s after the time asked for, in %d requests, want at that time, in 4", header, late, b.cleverTap.requests())
			}
		})
	}
}

// TestClockJumps sets the wall clock by hours, forward and back, while rows are retried and a
// breaker holds back uploads. Neither waits for the clock to catch up, polls continue, nothing is
// sent twice, and the daemon is healthy.
func TestClockJumps(t *testing.T) {
	jumps := []struct {
		name string
		by   []time.Duration // offsets of the clock, for a few minutes each
	}{
		{"back", []time.Duration{-5 * time.Hour}},
		{"forward", []time.Duration{5 * time.Hour}},
		{"forward and back", []time.Duration{5 * time.Hour, 0}},
		{"back and forth", []time.Duration{-30 * time.Hour, 30 * time.Hour, -2 * time.Minute, 0}},
	}
	for _, tt := range jumps {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBubble(t, "resend", map[string]string{"p": bubbleProfiles(), "e": bubbleEvents()})
				b.box.CleverTap().Refuse(lab.Refusal{Identity: "a", Code: 555})
				b.add(t, [2]string{"a", "1"}, [2]string{"b", "2"})
				b.until(t, "rows are retried", 70*time.Second, func() bool { return b.all(t) == "qs qs" })
				score := 2
				for _, by := range tt.by {
					b.pass(10 * time.Minute) // waits have grown
					b.box.CleverTap().Relent()
					if err := b.box.Fault(lab.Fault{API: "clevertap", Status: 503}); err != nil {
						t.Fatal(err)
					}
					score++
					b.add(t, [2]string{"c", fmt.Sprint(score)})
					b.pass(5 * time.Minute)
					b.clock.set(by)
					b.pass(31 * time.Second)
					if err := b.Healthy(t.Context()); err != nil {
						t.Errorf("half a minute after the clock was set by %s: %v", by, err)
					}
					b.box.Heal("")
					b.until(t, "all is sent", 7*time.Minute, func() bool { return !strings.ContainsAny(b.all(t), "qQ") })
					score++
					b.add(t, [2]string{"d", fmt.Sprint(score)})
					all := strings.Repeat("s", score)
					b.until(t, "a row added after the clock was set is sent", prompt, func() bool { return b.states(t, "p") == all && b.states(t, "e") == all })
				}
				if want := strings.Repeat("1", score); b.seen(t, score) != want+" "+want {
					t.Errorf("seen %s, want each once", b.seen(t, score))
				}
			})
		})
	}
}

// TestManySkippedRows: more skipped rows than one batch reads do not end the queue.
func TestManySkippedRows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, "resend", map[string]string{"p": strings.Replace(bubbleProfiles(), "action:", "filter: Score == 1\naction:", 1)})
		rows := make([][]sandbox.Value, 2*5000+10)
		for i := range rows {
			rows[i] = []sandbox.Value{sandbox.Text(fmt.Sprint("user-", i)), sandbox.Number(0)}
		}
		rows[len(rows)-1][1] = sandbox.Number(1)
		if _, err := b.box.Sheets().Append("book", "Signups", rows...); err != nil {
			t.Fatal(err)
		}
		b.until(t, "the last row is sent", 70*time.Second, func() bool { z := b.zap(t, "p"); return z.Sent == 1 && z.Skipped == int64(len(rows)-1) })
	})
}

// TestRowsRefusedWhole has many rows in a row whose uploads are refused as a whole with 400, and
// good ones behind them: the good ones are sent and the bad ones fail, because dry runs succeed.
func TestRowsRefusedWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, "resend", map[string]string{"p": bubbleProfiles()})
		inner := b.cleverTap.handler
		b.cleverTap.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			if strings.Contains(string(body), "bad") {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			r.Body = io.NopCloser(strings.NewReader(string(body)))
			inner.ServeHTTP(w, r)
		})
		for i := range 8 {
			b.add(t, [2]string{fmt.Sprint("bad-", i), "0"})
		}
		b.add(t, [2]string{"good-1", "1"}, [2]string{"good-2", "2"})
		b.until(t, "nothing is queued", 70*time.Second, func() bool { return b.states(t, "p") == "ffffffffss" })
	})
}

// TestUploadsNeverAnswered has a record whose upload never gets a response while dry runs do: it is
// not sent without end.
func TestUploadsNeverAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, "resend", map[string]string{"e": bubbleEvents()})
		inner := b.cleverTap.handler
		sent := 0
		b.cleverTap.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			var d struct{ D []struct{ Identity string } }
			if err := json.Unmarshal(body, &d); err != nil {
				t.Error(err)
			}
			for _, record := range d.D {
				if record.Identity == "poison" && r.URL.RawQuery == "" {
					sent++
					<-r.Context().Done()
					return
				}
			}
			r.Body = io.NopCloser(strings.NewReader(string(body)))
			inner.ServeHTTP(w, r)
		})
		b.add(t, [2]string{"a", "1"}, [2]string{"b", "2"}, [2]string{"poison", "3"}, [2]string{"c", "4"})
		b.until(t, "nothing is queued", time.Hour, func() bool { got := b.marked(t, "e"); return len(got) == 4 && !strings.ContainsAny(got, "qQ") })
		if got := b.marked(t, "e"); got != "SSHS" || sent != 5 {
			t.Errorf("states %s after %d uploads with the poison, want SSHS after %d", got, sent, 5)
		}
	})
}
