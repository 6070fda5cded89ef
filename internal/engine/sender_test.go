package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/sandbox"
	"github.com/rowtap/rowtap/internal/sandbox/lab"
)

// identities returns the identities of an upload's records.
func identities(t *testing.T, r *http.Request) []string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	var body struct{ D []struct{ Identity string } }
	if err := json.Unmarshal(b, &body); err != nil {
		t.Error(err)
	}
	ids := make([]string, len(body.D))
	for i, d := range body.D {
		ids[i] = d.Identity
	}
	return ids
}

// TestUnknownEventsAreNotSentWithoutEnd has a CleverTap that always refuses one of several records
// without saying which. Events may then arrive twice, each sent alone, but not more often and not
// at network speed.
func TestUnknownEventsAreNotSentWithoutEnd(t *testing.T) {
	arrived := map[string]int{}
	r := newRigAt(t, map[string]string{"e": eventZap("production")}, func(w http.ResponseWriter, req *http.Request) {
		ids := identities(t, req)
		for _, id := range ids {
			arrived[id]++
		}
		if len(ids) == 1 {
			fmt.Fprint(w, `{"status":"success","processed":1,"unprocessed":[]}`)
			return
		}
		fmt.Fprintf(w, `{"status":"partial","processed":%d,"unprocessed":[{"status":"fail","code":528,"error":"discarded"}]}`, len(ids)-1)
	})
	r.append(t, [2]string{"a@example.com", "1"}, [2]string{"b@example.com", "2"}, [2]string{"c@example.com", "3"})
	r.once(t)
	if got := r.states(t, "e"); got != "sss" {
		t.Errorf("states %s, want sss", got)
	}
	for id, n := range arrived {
		if n != 2 {
			t.Errorf("the event of %s was sent %d times, want 2", id, n)
		}
	}
	ds, err := r.Deliveries(t.Context(), ledger.Query{})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range ds {
		if !d.MaybeTwice {
			t.Errorf("%s is not marked", d.ID())
		}
	}
}

// TestRowThatBreaksTheServer has CleverTap respond with 500 to any upload with one of the rows: the
// other rows must be sent.
func TestRowThatBreaksTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, "resend", map[string]string{"p": bubbleProfiles()})
		well := b.cleverTap.handler
		b.cleverTap.handler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			body, err := io.ReadAll(req.Body)
			if err != nil {
				t.Error(err)
			}
			if strings.Contains(string(body), "poison") {
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			req.Body = io.NopCloser(bytes.NewReader(body))
			well.ServeHTTP(w, req)
		})
		b.add(t, [2]string{"poison", "1"}, [2]string{"b", "2"}, [2]string{"c", "3"})
		b.until(t, "its neighbours are sent", time.Hour, func() bool { return b.states(t, "p") == "qss" })
	})
}

// TestUnwritableLedgerStopsSendingOnly: nothing is sent that could not be recorded, the loop does
// not spin, and it still ends on request.
func TestUnwritableLedgerStopsSendingOnly(t *testing.T) {
	r := newRig(t, map[string]string{"p": profileZap("production")})
	r.append(t, [2]string{"a@example.com", "1"})
	r.poll(t, "p")
	if err := r.ledger.Close(); err != nil {
		t.Fatal(err)
	}
	l, err := ledger.Open(ledger.Options{Path: r.Config().State.Path, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	var lines atomic.Int64
	log := zaptest.NewLogger(t, zaptest.WrapOptions(zap.Hooks(func(zapcore.Entry) error { lines.Add(1); return nil })))
	e, err := New(Options{Plan: r.current(), Ledger: l, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := e.sender.Run(ctx); err != nil {
		t.Error(err)
	}
	if n := lines.Load(); n == 0 || n > 5 {
		t.Errorf("%d lines were logged, want a few", n)
	}
	if n := r.box.CleverTap().Counts().Requests; n != 0 {
		t.Errorf("%d uploads were sent unrecorded", n)
	}
}

// TestOnceDoesNotWaitAnHour: a single pass gives up on an account that asks for a long wait.
func TestOnceDoesNotWaitAnHour(t *testing.T) {
	r := newRigAt(t, map[string]string{"p": profileZap("production")}, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	r.append(t, [2]string{"a@example.com", "1"})
	if s := r.once(t); s.StillQueued != 1 || s.Failed != 0 {
		t.Errorf("%+v, want 1 still queued", s)
	}
}

// TestReplayPassesOverWhatIsStale: a failed profile row that was sent now would overwrite values
// that a newer row of its user has set.
func TestReplayPassesOverWhatIsStale(t *testing.T) {
	r := newRig(t, map[string]string{"p": profileZap("production")})
	r.append(t, [2]string{"a@example.com", "1"}, [2]string{"b@example.com", "1"}, [2]string{"a@example.com", "2"})
	for _, id := range []string{"a@example.com", "b@example.com"} {
		r.box.CleverTap().Refuse(lab.Refusal{Identity: id, Code: 515, Times: 1})
	}
	r.once(t)
	if got := r.states(t, "p"); got != "ffs" {
		t.Fatalf("states %s, want ffs", got)
	}
	done, err := r.Act(t.Context(), Replay, Selection{Zap: "p"})
	if err != nil || done.Count != 1 || done.Stale != 1 || done.IDs[0] != "p/2" {
		t.Errorf("Replay = %+v, %v, want only p/2, and one stale", done, err)
	}
	if err := r.box.Sheets().Set("book", "Signups", 2, 2, sandbox.Number(7)); err != nil {
		t.Fatal(err)
	}
	r.poll(t, "p")
	if got := r.states(t, "p"); got != "hqs" {
		t.Errorf("states %s, want hqs: a corrected row that is stale is held", got)
	}
	if done, err := r.Act(t.Context(), Release, Selection{Zap: "p"}); err != nil || done.Count != 0 || done.Stale != 1 {
		t.Errorf("Release = %+v, %v, want one stale", done, err)
	}
	done, err = r.Act(t.Context(), Release, Selection{Zap: "p", Again: true})
	if err != nil || done.Count != 1 || done.IDs[0] != "p/1" {
		t.Errorf("Release with Again = %+v, %v, want p/1", done, err)
	}
}
