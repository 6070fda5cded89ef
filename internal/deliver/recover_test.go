package deliver

import (
	"fmt"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/ledger"
)

// takenOver makes a sender of rows EMAIL, SCORE, the first of which are in flight and may be sent
// again in a minute.
func takenOver(t *testing.T, inFlight int, rows ...[2]string) (s *Sender, q *queue, now time.Time) {
	t.Helper()
	s = newSender(t, rows...)
	queued, err := s.opts.Ledger.Queued(t.Context(), "p", 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	var sending ledger.Upload
	for _, d := range queued[:inFlight] {
		sending = append(sending, ledger.Sending{Delivery: d, Record: ledger.SentRecord{JSON: []byte("{}")}})
	}
	if err := s.opts.Ledger.Start(t.Context(), "p", []ledger.Upload{sending}, ledger.Hides{}, time.Now()); err != nil {
		t.Fatal(err)
	}
	now = time.Now()
	s.resendAt = now.Add(time.Minute)
	s.readInbox()
	return s, s.queue("p", "production"), now
}

// TestRowsInFlightHideNoOthers has more rows in flight at a takeover than lookAhead: rows behind
// them are sent.
func TestRowsInFlightHideNoOthers(t *testing.T) {
	var rows [][2]string
	for i := range lookAhead + 10 {
		rows = append(rows, [2]string{fmt.Sprintf("%d@example.com", i), "1"})
	}
	s, q, now := takenOver(t, lookAhead+9, rows...)
	b, err := s.assemble(t.Context(), q, now, now.Add(time.Hour))
	if err != nil || len(b.items) != 1 || b.items[0].number != lookAhead+10 {
		t.Errorf("%d items, %v; want the row behind those in flight", len(b.items), err)
	}
	if !q.retry.Equal(s.resendAt) {
		t.Errorf("the next look is at %s, want %s", q.retry, s.resendAt)
	}
}

// TestRowsInFlightWithoutARecord has a row in flight that no longer has a record. It stays in
// flight until rows may be sent again, and then fails, although the queue has been read past it.
func TestRowsInFlightWithoutARecord(t *testing.T) {
	s, q, now := takenOver(t, 1, [2]string{"", "1"}, [2]string{"b@example.com", "2"})
	b, err := s.assemble(t.Context(), q, now, now.Add(time.Hour))
	if err != nil || len(b.items) != 1 || b.items[0].number != 2 {
		t.Fatalf("before resendAt: %+v, %v; want row 2", b.items, err)
	}
	if d, _, err := s.opts.Ledger.Delivery(t.Context(), "p", 1); err != nil || d.State != ledger.Queued || !d.InFlight {
		t.Errorf("before resendAt: %+v, %v; want it in flight", d, err)
	}
	q.take(b.items)
	if _, err := s.assemble(t.Context(), q, s.resendAt, now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if d, _, err := s.opts.Ledger.Delivery(t.Context(), "p", 1); err != nil || d.State != ledger.Failed {
		t.Errorf("at resendAt: %+v, %v; want it failed", d, err)
	}
}

// TestRowsInFlightOfAnActionThatIsGone: such rows also stay in flight until rows may be sent again.
func TestRowsInFlightOfAnActionThatIsGone(t *testing.T) {
	s, q, now := takenOver(t, 0, [2]string{"a@example.com", "1"})
	l := s.opts.Ledger
	if err := l.Finish(t.Context(), "p", []ledger.Outcome{{Number: 1, State: ledger.Sent, Then: "upload_event"}}, now); err != nil {
		t.Fatal(err)
	}
	second, err := l.Queued(t.Context(), "p", 1, 0)
	if err != nil || len(second) != 1 {
		t.Fatal(second, err)
	}
	sending := ledger.Upload{{Delivery: second[0], Record: ledger.SentRecord{JSON: []byte("{}")}}}
	if err := l.Start(t.Context(), "p", []ledger.Upload{sending}, ledger.Hides{}, now); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		at   time.Time
		want ledger.State
	}{{now, ledger.Queued}, {s.resendAt, ledger.Failed}} {
		if _, err := s.assemble(t.Context(), q, tt.at, now.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if d, _, err := l.Delivery(t.Context(), "p", second[0].Number); err != nil || d.State != tt.want {
			t.Errorf("after %s: %+v, %v; want %s", tt.at.Sub(now), d, err, tt.want)
		}
	}
}

// TestRowsInFlightAreLookedForOnce: a backlog is not searched for them at each read.
func TestRowsInFlightAreLookedForOnce(t *testing.T) {
	s, q, now := takenOver(t, 0, [2]string{"a@example.com", "1"}, [2]string{"b@example.com", "2"})
	if done, err := s.recover(t.Context(), q.recipe, now, now); !done || err != nil {
		t.Errorf("none in flight: %v, %v; want done", done, err)
	}
	s, q, now = takenOver(t, 1, [2]string{"a@example.com", "1"}, [2]string{"b@example.com", "2"})
	for range 2 {
		if done, err := s.recover(t.Context(), q.recipe, now, now); done || err != nil {
			t.Errorf("in flight: %v, %v; want not done", done, err)
		}
		// Only the sender takes rows out of flight, so the result of the first search counts.
		if err := s.opts.Ledger.Finish(t.Context(), "p", []ledger.Outcome{{Number: 1, State: ledger.Queued}}, now); err != nil {
			t.Fatal(err)
		}
	}
	if done, err := s.recover(t.Context(), q.recipe, s.resendAt, now); !done || err != nil {
		t.Errorf("at resendAt: %v, %v; want done", done, err)
	}
}
