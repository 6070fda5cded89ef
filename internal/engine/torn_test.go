package engine

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/sandbox"
	"github.com/rowtap/rowtap/internal/sandbox/lab"
)

// restless is a connection to Google that changes the sheet right before each read of cells.
type restless struct {
	to     http.RoundTripper
	before func(read int)
	reads  atomic.Int64
	mu     sync.Mutex // one change at a time, because pages are read concurrently
}

func (r *restless) RoundTrip(q *http.Request) (*http.Response, error) {
	if strings.Contains(q.URL.Path, "values") {
		r.mu.Lock()
		r.before(int(r.reads.Add(1)))
		r.mu.Unlock()
	}
	return r.to.RoundTrip(q)
}

// restless makes the sheet change right before each read of cells.
func (r *rig) restless(t *testing.T, before func(read int)) *restless {
	t.Helper()
	way := &restless{to: http.DefaultTransport, before: before}
	r.current().Google["marketing"].Options.Transport = way
	return way
}

func insertTop(t *testing.T, box *lab.Sandbox, email string) {
	t.Helper()
	if err := box.Sheets().Insert("book", "Signups", 2, []sandbox.Value{sandbox.Text(email), sandbox.Number(1)}); err != nil {
		t.Error(err)
	}
}

// emails returns the e-mails of a zap's deliveries, oldest first.
func (r *rig) emails(t *testing.T, name string) []string {
	t.Helper()
	ds, err := r.Deliveries(t.Context(), ledger.Query{Zap: name, Limit: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	var emails []string
	for _, d := range slices.Backward(ds) {
		emails = append(emails, d.Row.Cell(0).Text)
	}
	return emails
}

// TestWorksheetThatChangesAtEachRead inserts a row at the top before each read of a page, so that
// no read is consistent. Polls still find new rows, each once and nothing else, and the first
// consistent read finds the rest.
func TestWorksheetThatChangesAtEachRead(t *testing.T) {
	r := newRig(t, map[string]string{"e": strings.Replace(fromNow(eventZap("production")), "start: now", "start: now, max_new_rows: 0", 1)})
	r.seed(t, "Signups", 12_000)
	if err := r.box.Sheets().Set("book", "Signups", 1, 20, sandbox.Text("Far")); err != nil { // a wide sheet takes three pages
		t.Fatal(err)
	}
	busy, n := false, 0
	added := map[string]int{} // by e-mail: the poll during which it was added
	poll := 0
	way := r.restless(t, func(int) {
		if busy {
			email := fmt.Sprintf("new-%d@example.com", n)
			insertTop(t, r.box, email)
			added[email] = poll
			n++
		}
	})
	r.poll(t, "e")
	busy = true
	for poll = 1; poll <= 6; poll++ {
		switch poll { // these wait for a consistent read
		case 2:
			if err := r.box.Sheets().Set("book", "Signups", 9000, 2, sandbox.Number(7)); err != nil {
				t.Fatal(err)
			}
		case 3:
			if err := r.box.Sheets().Delete("book", "Signups", 5000, 5000); err != nil {
				t.Fatal(err)
			}
		}
		before := way.reads.Load()
		report := r.poll(t, "e")
		if report.Partial == "" {
			t.Fatalf("poll %d: %+v, want a torn read", poll, report)
		}
		t.Logf("poll %d: %d found with %d reads", poll, report.Found, way.reads.Load()-before)
		got := map[string]int{}
		for _, email := range r.emails(t, "e") {
			got[email]++
		}
		for email, times := range got {
			if _, isNew := added[email]; !isNew || times > 1 {
				t.Fatalf("poll %d: %s fired %d times", poll, email, times)
			}
		}
		for email, in := range added {
			if in < poll && got[email] == 0 {
				t.Errorf("poll %d has not found %s, which was added during poll %d", poll, email, in)
			}
		}
		if s := status(t, r, "e"); !strings.Contains(s.Reason, "changes faster than it can be read") {
			t.Errorf("reason %q", s.Reason)
		}
	}
	busy = false
	if report := r.poll(t, "e"); report.Partial != "" {
		t.Errorf("%+v, want a consistent read", report)
	}
	got := r.emails(t, "e")
	slices.Sort(got)
	if len(got) != n || len(slices.Compact(got)) != n {
		t.Errorf("%d rows fired, want the %d added ones, each once", len(got), n)
	}
	if report := r.poll(t, "e"); report.Found != 0 {
		t.Errorf("%d more", report.Found)
	}
}

// TestWindowToTheEndOfTheGrid: new rows that end exactly with the window and the grid are found;
// there is nothing to read after them.
func TestWindowToTheEndOfTheGrid(t *testing.T) {
	text := strings.Replace(fromNow(eventZap("production")), `"@every 1h"`, `"@every 1s"`, 1)
	text = strings.Replace(text, "start: now", "start: now, recheck: 1h", 1)
	r := newRig(t, map[string]string{"e": text})
	r.seed(t, "Signups", 8000)
	r.dueTogether(t, "e")
	r.seedMore(t, 500) // as many as a window reads ahead
	reports, errs, _ := r.dueTogether(t, "e")
	if errs["e"] != nil || reports["e"].Found != 500 {
		t.Errorf("%+v, %v, want 500 found", reports["e"], errs["e"])
	}
}
