package sheets_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rowtap/rowtap/internal/sheets"
)

// served is a handler that records the time of each request. The spreadsheet ID names the client.
type served struct {
	mu    sync.Mutex
	ids   []string
	times []time.Time
	busy  func() bool // responds 429 if true; nil: never
}

func (s *served) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ids = append(s.ids, strings.Split(r.URL.Path, "/")[4])
	s.times = append(s.times, time.Now())
	if s.busy != nil && s.busy() {
		apiError(w, 429, "RESOURCE_EXHAUSTED", "Quota exceeded", "RATE_LIMIT_EXCEEDED")
		return
	}
	_, _ = io.WriteString(w, `{"valueRanges":[{"range":"T!A1:B1"}]}`)
}

// most returns the highest number of requests in one minute.
func most(times []time.Time) int {
	most := 0
	for i, start := range times {
		n := 0
		for _, other := range times[i:] {
			if other.Sub(start) < time.Minute {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

// ask makes one request.
func ask(ctx context.Context, a *sheets.Account, id string, urgency sheets.Urgency) error {
	_, err := a.Ranges(ctx, id, []sheets.Range{{Title: "T", First: 1, Last: 1}}, sheets.Serials, urgency)
	return err
}

var urgencies = map[byte]sheets.Urgency{'f': sheets.Finishing, 'p': sheets.Polling, 'b': sheets.Bulk}

// TestTurns checks in which order waiting requests are served.
func TestTurns(t *testing.T) {
	tests := []struct{ name, come, want string }{
		{"first come first served", "p1 p2 p3", "p1 p2 p3"},
		{"urgent ones first", "b1 p1 f1", "f1 p1 b1"},
		{"first come first served among the equally urgent", "p1 f1 p2 f2", "f1 f2 p1 p2"},
		{"every fifth is for Bulk", "b1 b2 p1 p2 p3 p4 p5 p6 p7 p8 p9", "p1 p2 p3 b1 p4 p5 p6 p7 b2 p8 p9"},
		{"Bulk alone", "b1 b2 b3", "b1 b2 b3"},
		{"one that gives up is skipped", "p1 x1 p2 b1 x2", "p1 p2 b1"},
	}
	for _, test := range tests {
		synctest.Test(t, func(t *testing.T) {
			s := &served{}
			a := open(t, s, func(o *sheets.Options) { o.ReadsPerMinute = 5 }) // a turn every 12 s
			start := time.Now()
			if err := ask(t.Context(), a, "p0", sheets.Polling); err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			for id := range strings.FieldsSeq(test.come) {
				wg.Go(func() {
					urgency, stays := urgencies[id[0]]
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					if !stays {
						urgency = sheets.Polling
						time.AfterFunc(5*time.Second, cancel)
					}
					if err := ask(ctx, a, id, urgency); stays && err != nil || !stays && (!errors.Is(err, context.Canceled) || time.Since(start) != 5*time.Second) {
						t.Errorf("%s: %s: %v after %v", test.name, id, err, time.Since(start))
					}
				})
				synctest.Wait() // they arrive in this order
			}
			wg.Wait()
			if got := strings.Join(s.ids, " "); got != "p0 "+test.want {
				t.Errorf("%s: %s arrive, got %s, want %s", test.name, test.come, got, test.want)
			}
			for i, at := range s.times {
				// A second more for each minute whose quota was used up: some requests reach Google
				// faster than others.
				if want := time.Duration(i)*12*time.Second + time.Duration(i/5)*time.Second; (at.Sub(start) - want).Abs() > time.Millisecond {
					t.Errorf("%s: turn %d came after %v, want %v", test.name, i, at.Sub(start), want)
				}
			}
		})
	}
}

// TestPagesTurns checks that a complete read starts with a poll's urgency and continues as Bulk.
func TestPagesTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{title: "T", rows: numbered(5_000, 1, 1)}
		a := open(t, f, func(o *sheets.Options) { o.ReadsPerMinute = 5 })
		var wg sync.WaitGroup
		bulk := func(first int) {
			if _, err := a.Ranges(t.Context(), "id", []sheets.Range{{Title: "T", First: first, Last: first}}, sheets.Serials, sheets.Bulk); err != nil {
				t.Error(err)
			}
		}
		wg.Go(func() { bulk(11) })
		synctest.Wait()
		wg.Go(func() { bulk(12) })
		synctest.Wait()
		wg.Go(func() {
			if _, err := read(t.Context(), a, "id", "T", 1); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		wg.Go(func() { bulk(13) })
		wg.Wait()
		got := strings.Join(f.reads, " ")
		if want := "'T'!11:11 'T'!1:2000 'T'!12:12 'T'!13:13 'T'!1937:9999"; got != want {
			t.Errorf("requests in the order %s, want %s", got, want)
		}
	})
}

// TestNobodyStarves checks what complete reads and a rare client get next to clients that always
// read.
func TestNobodyStarves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &served{}
		a := open(t, s, func(o *sheets.Options) { o.ReadsPerMinute = 60 })
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for ask(ctx, a, "greedy", sheets.Polling) == nil && ask(ctx, a, "greedy", sheets.Finishing) == nil {
				}
			})
		}
		wg.Go(func() {
			for ask(ctx, a, "bulk", sheets.Bulk) == nil {
			}
		})
		var slowest time.Duration
		wg.Go(func() {
			for range 7 {
				<-time.After(time.Minute) // by the bubble's clock
				start := time.Now()
				if err := ask(ctx, a, "rare", sheets.Polling); err != nil {
					t.Error(err)
				}
				slowest = max(slowest, time.Since(start))
				if !a.Crowded() {
					t.Error("the account is not crowded")
				}
			}
		})
		wg.Wait()
		got := make(map[string]int)
		for _, id := range s.ids {
			got[id]++
		}
		if n := len(s.ids); n < 10*48 || most(s.times) > 60 || got["bulk"] < n/6 || slowest > 15*time.Second {
			t.Errorf("%d reads, %d in a minute, by client %v; the rare one waited %v", n, most(s.times), got, slowest)
		}
	})
}

// TestQuotaWhatever checks that the quota holds and no request is forgotten, with clients that
// arrive, give up and are told to wait at random.
func TestQuotaWhatever(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			limit := 1 + random.IntN(40)
			s := &served{}
			s.busy = func() bool { return len(s.ids)%12 == 0 }
			a := open(t, s, func(o *sheets.Options) { o.ReadsPerMinute = limit })
			var wg sync.WaitGroup
			for i := range 200 {
				urgency, kind := sheets.Urgency(random.IntN(3)), random.IntN(4)
				patience := time.Duration(random.IntN(120_000)) * time.Millisecond
				wg.Go(func() {
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					switch kind {
					case 0:
						time.AfterFunc(patience, cancel)
					case 1:
						ctx, cancel = context.WithTimeout(ctx, patience)
						defer cancel()
					}
					start := time.Now()
					err := ask(ctx, a, fmt.Sprint(i), urgency)
					if e, ok := errors.AsType[*sheets.Error](err); err != nil && (!ok || !e.Temporary()) || kind < 2 && time.Since(start) > patience {
						t.Errorf("seed %d: %v after %v of %v", seed, err, time.Since(start), patience)
					}
				})
				// by the bubble's clock
				<-time.After(time.Duration(random.IntN(3*60_000/limit)) * time.Millisecond)
			}
			wg.Wait()
			if n := most(s.times); n > limit || n < limit/2 {
				t.Errorf("seed %d: %d reads in a minute of a quota of %d", seed, n, limit)
			}
			<-time.After(time.Minute) // by the bubble's clock
			if a.Crowded() {
				t.Errorf("seed %d: an idle account is crowded", seed)
			}
		})
	}
}

func TestCrowded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := open(t, &served{}, func(o *sheets.Options) { o.ReadsPerMinute = 60 }) // 10 at once
		read := func(times int) {
			for range times {
				if err := ask(t.Context(), a, "id", sheets.Polling); err != nil {
					t.Fatal(err)
				}
			}
		}
		read(10)
		if a.Crowded() {
			t.Error("crowded after 10 reads")
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			read(1)
		}()
		synctest.Wait()
		if !a.Crowded() {
			t.Error("one waits, and the account is not crowded")
		}
		<-done
		if read(36); a.Crowded() {
			t.Error("crowded after 47 reads")
		}
		if read(1); !a.Crowded() {
			t.Error("not crowded after 48 reads")
		}
	})
}

func TestQuota(t *testing.T) {
	for _, limit := range []int{1, 2, 7, 60, 300} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{title: "Signups", rows: [][]any{{"A"}}}
				a := open(t, f, func(o *sheets.Options) { o.ReadsPerMinute = limit })
				var wg sync.WaitGroup
				for range 3 {
					wg.Go(func() {
						for range limit + 1 {
							if _, err := read(t.Context(), a, "id", "Signups", 1); err != nil {
								t.Error(err)
							}
						}
					})
				}
				wg.Wait()
				most := most(f.times)
				if took := f.times[len(f.times)-1].Sub(f.times[0]); most > limit || most < (limit*4)/5 || took > 8*time.Minute {
					t.Errorf("%d reads of a quota of %d a minute: %d in one minute, %v in all", len(f.times), limit, most, took)
				}
				used, reads := a.Usage()
				if reads != int64(3*(limit+1)) || used <= 0 || used > 1 {
					t.Errorf("usage: %v, %d reads", used, reads)
				}
				<-time.After(time.Minute) // by the bubble's clock
				if used, _ := a.Usage(); used != 0 {
					t.Errorf("usage after a minute: %v", used)
				}
			})
		})
	}
}

// TestQuotaDeadline checks that only a request whose turn is certain to come too late is refused at
// once.
func TestQuotaDeadline(t *testing.T) {
	tests := []struct {
		waiting  string // already waiting; a turn comes every 12 s
		asks     string
		deadline time.Duration
		after    time.Duration // when the result comes
		fails    bool
	}{
		{"", "p", 13 * time.Second, 12 * time.Second, false},
		{"", "p", 11 * time.Second, 0, true},
		{"", "b", 11 * time.Second, 0, true},
		{"p1", "p", 25 * time.Second, 24 * time.Second, false},
		{"p1", "p", 23 * time.Second, 0, true},
		{"p1 p2", "f", 13 * time.Second, 12 * time.Second, false},
		{"f1", "p", 25 * time.Second, 24 * time.Second, false},
		{"f1", "p", 23 * time.Second, 0, true},
		{"b1 b2", "p", 13 * time.Second, 12 * time.Second, false},
		{"b1", "b", 25 * time.Second, 24 * time.Second, false},
		{"b1", "b", 23 * time.Second, 0, true},
		{"p1", "b", 23 * time.Second, 23 * time.Second, true}, // not certain: the next turn may be for Bulk
	}
	for _, test := range tests {
		synctest.Test(t, func(t *testing.T) {
			a := open(t, &served{}, func(o *sheets.Options) { o.ReadsPerMinute = 5 })
			if err := ask(t.Context(), a, "first", sheets.Polling); err != nil {
				t.Fatal(err)
			}
			others, leave := context.WithCancel(t.Context())
			var wg sync.WaitGroup
			for id := range strings.FieldsSeq(test.waiting) {
				wg.Go(func() { _ = ask(others, a, id, urgencies[id[0]]) })
				synctest.Wait()
			}
			ctx, cancel := context.WithTimeout(t.Context(), test.deadline)
			defer cancel()
			start := time.Now()
			err := ask(ctx, a, "asks", urgencies[test.asks[0]])
			after := time.Since(start)
			e, ok := errors.AsType[*sheets.Error](err)
			if (err != nil) != test.fails || (after-test.after).Abs() > time.Millisecond || after == 0 && (!ok || e.Kind != sheets.Quota || !strings.Contains(e.Message, "5 reads a minute")) {
				t.Errorf("%+v: got %v after %v", test, err, after)
			}
			leave()
			wg.Wait()
		})
	}
}

// TestTurnGivenBack checks that a request which gives up returns its turn.
func TestTurnGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &served{}
		a := open(t, s, func(o *sheets.Options) { o.ReadsPerMinute = 5 })
		start := time.Now()
		for _, patience := range []time.Duration{time.Hour, 5 * time.Second, time.Hour} {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(patience, cancel)
			if err := ask(ctx, a, "id", sheets.Polling); (err != nil) != (patience < time.Hour) {
				t.Errorf("patience %v: %v", patience, err)
			}
		}
		if after := time.Since(start); len(s.times) != 2 || (after-12*time.Second).Abs() > time.Millisecond {
			t.Errorf("%d requests, the second after %v, want 12 s", len(s.times), after)
		}
	})
}

// TestQuotaPausesAll checks that a 429 for one read holds back all reads of the account.
func TestQuotaPausesAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{title: "Signups", rows: [][]any{{"A"}}, fail: []func(writer){func(w writer) {
			w.Header().Set("Retry-After", "20")
			apiError(w, 429, "RESOURCE_EXHAUSTED", "Quota exceeded", "RATE_LIMIT_EXCEEDED")
		}}}
		a := open(t, f)
		read := func() {
			if _, err := read(t.Context(), a, "id", "Signups", 1); err != nil {
				t.Error(err)
			}
		}
		start := time.Now()
		var wg sync.WaitGroup
		wg.Go(read)
		synctest.Wait()
		if !a.Crowded() {
			t.Error("Google asked to wait, but the account is not crowded")
		}
		ctx, cancel := context.WithTimeout(t.Context(), 19*time.Second)
		defer cancel()
		if err := ask(ctx, a, "id", sheets.Finishing); time.Since(start) != 0 || err == nil {
			t.Errorf("a request that cannot start in time because of the pause: %v after %v", err, time.Since(start))
		}
		wg.Go(read)
		wg.Wait()
		for i, at := range f.times[1:] {
			if at.Sub(start) < 20*time.Second {
				t.Errorf("request %d came %v after the 429", i+2, at.Sub(start))
			}
		}
	})
}
