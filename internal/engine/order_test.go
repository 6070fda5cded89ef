package engine

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rowtap/rowtap/internal/sandbox"
	"github.com/rowtap/rowtap/internal/sandbox/lab"
)

// TestOrderInChaos has CleverTap respond late, out of order and wrong in all ways, at random, while
// rows of a few users are added. The records that it accepts of each user and zap arrive in row
// order, ending with the last row. An upload holds at most one profile record of a user, and no two
// concurrent uploads of a zap share a user. Events of a user that were once in the same upload may
// change order among themselves: CleverTap may have accepted a later one and ask for an earlier one
// again.
func TestOrderInChaos(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testOrder(t, seed) })
		})
	}
}

func testOrder(t *testing.T, seed uint64) {
	b := newBubble(t, "resend", map[string]string{"p": bubbleProfiles(), "e": bubbleEvents()})
	c := &chaos{t: t, inner: b.cleverTap.handler, random: rand.New(rand.NewPCG(seed, 1)), underway: map[string]int{}, in: map[int]map[int]bool{}}
	b.cleverTap.handler = c
	random := rand.New(rand.NewPCG(seed, 2))
	score := 0
	users := map[string][]int{} // scores of the rows
	for range 12 {
		for range random.IntN(30) {
			score++
			user := fmt.Sprint("user-", random.IntN(6))
			if random.IntN(2) == 0 {
				user = fmt.Sprint("once-", score)
			}
			users[user] = append(users[user], score)
			b.add(t, [2]string{user, fmt.Sprint(score)})
		}
		if random.IntN(4) == 0 {
			b.box.CleverTap().Refuse(lab.Refusal{Identity: fmt.Sprint("user-", random.IntN(6)), Code: 555, Times: 1 + random.IntN(4)})
		}
		b.pass(time.Duration(random.IntN(90)) * time.Second)
	}
	b.pass(time.Minute)
	c.heal()
	b.until(t, "all is sent", 20*time.Minute, func() bool {
		got := b.all(t)
		return len(got) == 2*score+1 && !strings.ContainsAny(got, "qQ")
	})
	held := strings.Count(b.all(t), "H") // sent too often without a response
	repeats := 0
	accepted := map[string][]int{}
	for _, r := range b.box.CleverTap().Records(sandbox.RecordQuery{}) {
		accepted[r.Type+" "+r.Identity] = append(accepted[r.Type+" "+r.Identity], int(scoreOf(t, r)))
	}
	marked := b.marked(t, "e")
	for user, want := range users {
		for _, kind := range []string{"profile", "event"} {
			got := accepted[kind+" "+user]
			times, newest := map[int]int{}, 0
			for _, s := range got {
				times[s]++
				if s < newest && (kind == "profile" || times[s] == 1 && !c.together(s, newest)) {
					t.Errorf("%ss of %s arrived as %v", kind, user, got)
				}
				newest = max(newest, s)
			}
			for _, s := range want {
				if times[s] == 0 && (kind == "profile" || marked[s-1] != 'H') {
					t.Errorf("the %s of row %d was lost", kind, s+1)
				}
				if kind == "event" && times[s] > 1 {
					if repeats++; marked[s-1] < 'A' || marked[s-1] > 'Z' {
						t.Errorf("the event of row %d arrived %d times and is not marked", s+1, times[s])
					}
				}
			}
			last := want[len(want)-1]
			if n := len(got); n > 0 && got[n-1] != last && (kind == "profile" || !c.together(got[n-1], last)) {
				t.Errorf("the last %s of %s is %d, want %d: %v", kind, user, got[n-1], last, got)
			}
		}
	}
	t.Logf("%d rows, %d uploads, %d at once at most; %d events repeated, %d held", score, c.uploads, c.most, repeats, held)
}

// chaos is a CleverTap that responds when and how it likes. It checks which uploads are concurrent.
type chaos struct {
	t     *testing.T
	inner http.Handler

	mu       sync.Mutex
	random   *rand.Rand
	well     bool
	underway map[string]int       // uploads in flight, by type and user
	now      int                  // uploads in flight
	in       map[int]map[int]bool // by score of an event: the uploads that contained it
	uploads  int
	most     int
}

func (c *chaos) heal() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.well = true
}

// together reports whether the events of two rows were in the same upload.
func (c *chaos) together(a, b int) bool {
	for upload := range c.in[a] {
		if c.in[b][upload] {
			return true
		}
	}
	return false
}

func (c *chaos) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		c.t.Error(err)
	}
	var upload struct {
		D []struct {
			Type, Identity string
			EvtData        struct{ Score int }
		}
	}
	if err := json.Unmarshal(body, &upload); err != nil {
		c.t.Error(err)
	}
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	if r.URL.RawQuery != "" {
		c.inner.ServeHTTP(w, r)
		return
	}
	keys := map[string]int{}
	for _, d := range upload.D {
		keys[d.Type+" "+d.Identity]++
	}
	c.mu.Lock()
	c.uploads++
	c.now++
	c.most = max(c.most, c.now)
	for _, d := range upload.D {
		score := d.EvtData.Score
		if c.in[score] == nil {
			c.in[score] = map[int]bool{}
		}
		c.in[score][c.uploads] = true
	}
	of := map[string]int{}
	for _, d := range upload.D {
		of[d.Identity]++
	}
	for key, n := range keys {
		if c.underway[key]++; c.underway[key] > 1 {
			c.t.Errorf("two concurrent uploads contain %s", key)
		}
		if id, ok := strings.CutPrefix(key, "profile "); ok && of[id] > 1 {
			c.t.Errorf("an upload holds %d records of %s next to a profile: %d", of[id], id, n)
		}
	}
	before, after := time.Duration(c.random.IntN(8))*time.Second, time.Duration(c.random.IntN(8))*time.Second
	fault := c.random.IntN(24)
	if c.well {
		fault = -1
	}
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.now--
		for key := range keys {
			c.underway[key]--
		}
	}()
	<-time.After(before)
	switch fault {
	case 0: // neither processed nor answered
		<-r.Context().Done()
		return
	case 1:
		panic(http.ErrAbortHandler)
	case 2:
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	case 3:
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusTooManyRequests)
		return
	}
	answer := &answerWriter{header: http.Header{}, code: http.StatusOK}
	c.inner.ServeHTTP(answer, r)
	<-time.After(after)
	switch fault {
	case 4: // processed, not answered
		<-r.Context().Done()
		return
	case 5:
		panic(http.ErrAbortHandler)
	case 6:
		w.WriteHeader(http.StatusBadGateway)
		return
	case 7: // one is refused, but not which
		if len(upload.D) == 1 {
			break // that would be a lie
		}
		_, _ = fmt.Fprintf(w, `{"status":"partial","processed":%d,"unprocessed":[{"code":555,"error":"?"}]}`, len(upload.D)-1)
		return
	}
	w.WriteHeader(answer.code)
	_, _ = w.Write(answer.body.Bytes())
}
