package engine

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rowtap/rowtap/internal/sandbox"
)

// newNeighbours makes a bubble of zaps of one spreadsheet: small of Signups, and those of the large
// worksheets Big and Large, which take several pages.
func newNeighbours(t *testing.T) *bubble {
	t.Helper()
	at := func(worksheet string) string {
		text := strings.Replace(bubbleEvents(), "worksheet: Signups", "worksheet: "+worksheet, 1)
		return strings.Replace(text, "start: beginning", "start: now", 1)
	}
	b := newBubble(t, "resend", map[string]string{"a-big": at("Big"), "large": strings.Replace(at("Large"), "start: now", "start: now, recheck: 1m", 1), "small": bubbleProfiles()})
	for gid, title := range map[int64]string{1: "Big", 2: "Large"} {
		rows := [][]sandbox.Value{{sandbox.Text("Email"), sandbox.Text("Score")}}
		for i := range map[string]int{"Big": 60_000, "Large": 20_000}[title] {
			rows = append(rows, []sandbox.Value{sandbox.Text(fmt.Sprintf("user-%d@%s", i, title)), sandbox.Number(float64(i))})
		}
		if err := b.box.Sheets().AddWorksheet("book", title, gid, rows...); err != nil {
			t.Fatal(err)
		}
	}
	b.until(t, "the baselines are read", 5*time.Minute, func() bool {
		return b.zap(t, "a-big").Reason == "" && b.zap(t, "large").Reason == "" && b.loaded("a-big") && b.loaded("large")
	})
	return b
}

func (b *bubble) loaded(name string) bool {
	polled, ok := b.poller.State(name)
	return ok && polled.Err == nil && polled.Report.Rows > 0
}

// slowPages is a handler that delays responses to requests for a page of a worksheet and nothing
// else.
func slowPages(h http.Handler, worksheet string, long time.Duration) http.Handler {
	page := regexp.MustCompile(`^'` + worksheet + `'!(\d+):(\d+)$`)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rows := 0
		for _, text := range r.URL.Query()["ranges"] {
			m := page.FindStringSubmatch(text)
			if m == nil {
				rows = 0
				break
			}
			first, _ := strconv.Atoi(m[1])
			last, _ := strconv.Atoi(m[2])
			rows += last - first
		}
		if rows > 500 {
			select {
			case <-time.After(long):
			case <-r.Context().Done():
			}
		}
		h.ServeHTTP(w, r)
	})
}

// TestOperatorDelaysNobodyElse has an operator poll, or backfill, a large worksheet with slow
// responses. Other zaps of the spreadsheet are polled on schedule in the meantime, including one
// that is due for a complete read.
func TestOperatorDelaysNobodyElse(t *testing.T) {
	for what, ask := range map[string]func(context.Context, *bubble) error{
		"poll": func(ctx context.Context, b *bubble) error { _, err := b.PollNow(ctx, "a-big"); return err },
		"backfill": func(ctx context.Context, b *bubble) error {
			_, err := b.Backfill(ctx, "a-big", "", true, nil)
			return err
		},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newNeighbours(t)
				b.google.handler = slowPages(b.box.Handler(), "Big", 50*time.Second)
				done := make(chan error, 1)
				began := time.Now()
				go func() { done <- ask(t.Context(), b) }()
				b.pass(2 * time.Second)
				slow := true
				for i := 0; slow && i < 12; i++ {
					b.add(t, [2]string{"a", fmt.Sprint(i + 1)})
					if _, err := b.box.Sheets().Append("book", "Large", []sandbox.Value{sandbox.Text(fmt.Sprint("new-", i)), sandbox.Number(1)}); err != nil {
						t.Fatal(err)
					}
					sent := func(name string) func() bool {
						return func() bool { return b.states(t, name) == strings.Repeat("s", i+1) }
					}
					b.until(t, "the small worksheet's row is sent", prompt, sent("small"))
					b.until(t, "the large worksheet's row is sent with it", 5*time.Second, sent("large"))
					select {
					case err := <-done:
						if took := time.Since(began); err != nil || took < 90*time.Second {
							t.Errorf("the %s took %s: %v; want it to last longer than a poll", what, took, err)
						}
						slow = false
					default:
					}
				}
			})
		})
	}
}
